"""What a fine-tuning asks for beside the loop's own settings."""

from typing import Literal

from hornbook.base.errors import RecipeError
from hornbook.training.config import TrainingConfig
from hornbook.training.config import check as check_training

OWN = ("base", "best")
"""The models that a run pretrains."""
USUAL_TOKENS = 1024
"""The longest rows that are made unasked."""


class TuningConfig(TrainingConfig, frozen=True, kw_only=True):
    """One ``[finetune.NAME]`` table of a recipe."""

    method: Literal["classify", "sft"] = "sft"
    """``classify`` learns classes, ``sft`` learns to answer."""
    data: str = ""
    """A file of examples; empty makes them from the run's documents."""
    base: str = "base"
    """The model to begin with: ``base``, ``best`` where pretraining
    keeps it, another fine-tuning, or a model from elsewhere: a folder,
    a ``*.gguf`` file, RUN, RUN:NAME or ``wheel:PACKAGE==VERSION``."""
    context: int = 0
    """Tokens of a row of dialogues; 0 takes as many as the model can
    look at, up to 1,024."""
    turns: int = 2
    """The most questions on one document in a row (``sft``)."""
    subjects: int = 2
    """The most documents that one dialogue asks about (``sft``)."""
    extractive: bool = False
    """Also ask for the years, places, makers and numbers that stand in
    the documents (``sft``)."""
    length: int = 128
    """Tokens of a document that are read (``classify``)."""
    pooling: Literal["mean", "last"] = "mean"
    """Which of its vectors decides: their mean, or the last."""


def check(config: TuningConfig, section: str) -> None:
    """Refuse settings that no fine-tuning can have.

    Raises:
        RecipeError: names the section, the key and its bounds.
    """
    check_training(config, section)
    for name in ("turns", "subjects", "length"):
        value = getattr(config, name)
        if value < 1:
            raise RecipeError(
                f"{section}.{name} is {value}; it must be 1 or more"
            )
    if config.context < 0:
        raise RecipeError(
            f"{section}.context is {config.context}; it must be 0 or "
            "more"
        )
    if config.context and config.method == "classify":
        raise RecipeError(
            f"{section}.context is for rows of dialogues; a classifier "
            f"reads {section}.length tokens, so set that"
        )


def row_tokens(config: TuningConfig, context: int) -> int:
    """Count the tokens of a row, for a model of such a context."""
    return min(config.context or USUAL_TOKENS, context)
