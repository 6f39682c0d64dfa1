"""A teacher: a bigger model that a small one learns from."""

from typing import Literal

import msgspec

from hornbook.base.errors import RecipeError


class TeacherConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a lesson learns from: ``[finetune.NAME.teacher]``."""

    model: str
    """A model as ``--base`` takes it: RUN, RUN:NAME or a folder."""
    by: Literal["logits", "text"] = "logits"
    """``logits`` learns how likely the teacher finds every token, and
    needs one vocabulary; ``text`` learns the teacher's own answers."""
    share: float = 0.5
    """What the teacher counts beside the examples (``logits``)."""
    temperature: float = 2.0
    """How far its chances are evened out (``logits``), or how freely
    it speaks (``text``; 0 always says what is likeliest)."""
    tokens: int = 128
    """The longest answer that it is asked for (``text``)."""


def check(config: TeacherConfig, section: str) -> None:
    """Refuse settings by which nothing can be taught.

    Raises:
        RecipeError: names the section, the key and its bounds.
    """
    logits, heat = config.by == "logits", config.temperature
    for name, fits, words in (
        ("model", bool(config.model), "the place of a model"),
        ("share", 0 < config.share <= 1, "above 0 and at most 1"),
        ("tokens", config.tokens > 0, "1 or more"),
        (
            "temperature",
            heat > 0 or (heat == 0 and not logits),
            "above 0" if logits else "0 or more",
        ),
    ):
        if not fits:
            raise RecipeError(
                f"{section}.{name} is {getattr(config, name)!r}; it "
                f"must be {words}"
            )
