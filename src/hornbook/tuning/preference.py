"""Preferences: which of two answers to a question is better."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from hornbook.base.console import console
from hornbook.base.dialogue import Dialogue, Message
from hornbook.base.errors import DataError, RecipeError
from hornbook.tuning.data import understand

SHOWN = 3
"""So many records that are left out are named."""


class PreferenceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How preferences are learnt: ``[finetune.NAME.preferences]``."""

    loss: Literal["dpo", "ipo", "simpo", "normalised"] = "dpo"
    """What is made smaller: a key of ``dpo.FORMS``."""
    beta: float = 0.1
    """How dear it is to move away from the reference model."""
    gap: float = 0.5
    """By how much the better answer has to win (``simpo``)."""
    heldout: float = 0.1
    """Share of the questions on which nothing is learnt: there margins
    and wins are measured."""


def check_preferences(config: PreferenceConfig, section: str) -> None:
    """Refuse settings by which nothing can be preferred.

    Raises:
        RecipeError: names the section, the key and its bounds.
    """
    for name, fits, words in (
        ("beta", config.beta > 0, "above 0"),
        ("gap", config.gap >= 0, "0 or more"),
        ("heldout", 0 <= config.heldout <= 0.5, "from 0 to 0.5"),
    ):
        if not fits:
            raise RecipeError(
                f"{section}.preferences.{name} is "
                f"{getattr(config, name):g}; it must be {words}"
            )


class Preference(msgspec.Struct, frozen=True):
    """What was asked, the answer that was chosen, and the other."""

    asked: tuple[Message, ...]
    chosen: str
    rejected: str
    where: str = ""

    def answered(self, answer: str) -> Dialogue:
        """Give the dialogue that ends in one of the answers."""
        said = Message("assistant", answer)
        return Dialogue((*self.asked, said), self.where)


class Written(msgspec.Struct, frozen=True):
    """A preference as files have it."""

    chosen: str | list[Message]
    rejected: str | list[Message]
    prompt: str | list[Message] = ""
    instruction: str = ""
    input: str | None = None


def read_preferences(path: Path) -> list[Preference]:
    """Read a JSONL or JSON file of preferences.

    A record holds ``chosen`` and ``rejected``, and what was asked: a
    ``prompt``, or an ``instruction`` with perhaps an ``input``. Each
    is a text or messages; two lists of messages need no prompt, since
    they begin with it. Pairs of equal answers are counted, and left
    out: there is nothing to choose.

    Raises:
        DataError: names the record that is none, or says that all of
            the pairs are equal.
    """
    pairs = understand(path, preference)
    equal = [p.where for p in pairs if p.chosen == p.rejected]
    kept = [p for p in pairs if p.chosen != p.rejected]
    if not kept:
        raise DataError(
            f"in {path} both answers of every pair are equal; there "
            "is nothing to prefer"
        )
    if equal:
        console.warn(
            f"{len(equal):,} of {len(pairs):,} pairs have equal "
            f"answers and are left out: {names(equal)}"
        )
    return kept


def preference(record: dict[str, Any], where: str) -> Preference:
    """Understand one record as a preference.

    Raises:
        DataError: says what it lacks.
    """
    try:
        pair = msgspec.convert(record, Written)
    except msgspec.ValidationError as error:
        raise DataError(
            f"{where} is no preference ({error}); it needs 'chosen', "
            "'rejected' and a 'prompt' or an 'instruction'"
        ) from error
    asked = before(pair)
    first, chosen = last_said(pair.chosen)
    other, rejected = last_said(pair.rejected)
    if first != other:
        raise DataError(
            f"{where} answers two different questions; both lists of "
            "messages must be equal but for the last one"
        )
    if not asked + first:
        raise DataError(
            f"{where} does not say what was asked; add a 'prompt' or "
            "an 'instruction'"
        )
    for name, answer in (("chosen", chosen), ("rejected", rejected)):
        if not answer.strip():
            raise DataError(
                f"{where} has an empty answer in {name!r}; fill it or "
                "leave the record out"
            )
    return Preference(asked + first, chosen, rejected, where)


def before(pair: Written) -> tuple[Message, ...]:
    """Give what is asked of both answers."""
    if isinstance(pair.prompt, list):
        return tuple(pair.prompt)
    parts = (pair.prompt, pair.instruction, pair.input)
    asked = "\n".join(filter(None, parts))
    return (Message("user", asked),) if asked else ()


def last_said(
    answer: str | list[Message],
) -> tuple[tuple[Message, ...], str]:
    """Give what stands before an answer, and the answer."""
    if isinstance(answer, str):
        return (), answer
    if not answer or answer[-1].role != "assistant":
        return (), ""
    return tuple(answer[:-1]), answer[-1].content


def names(places: Iterable[str]) -> str:
    """Name the first few of some places.

    >>> names(["a:1", "a:4", "a:7", "a:9"])
    'a:1, a:4, a:7 and 1 more'
    """
    named = list(places)
    more = len(named) - SHOWN
    told = ", ".join(named[:SHOWN])
    return f"{told} and {more:,} more" if more > 0 else told
