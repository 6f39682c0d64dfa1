"""What a fine-tuning asks for beside the loop's own settings."""

from typing import Literal

from hornbook.base.errors import RecipeError
from hornbook.training.config import TrainingConfig
from hornbook.training.config import check as check_training
from hornbook.tuning.reasoning import ReasoningConfig
from hornbook.tuning.reasoning import check as check_reasoning


class TuningConfig(TrainingConfig, frozen=True, kw_only=True):
    """One ``[finetune.NAME]`` table of a recipe."""

    method: Literal["classify", "sft", "grpo"] = "sft"
    """``classify`` learns classes, ``sft`` learns to answer, ``grpo``
    to solve problems."""
    data: str = ""
    """A file of examples; empty makes them from the run's documents."""
    base: str = "base"
    """The model to begin with: ``base``, ``best`` where pretraining
    keeps it, or another fine-tuning."""
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
    reasoning: ReasoningConfig | None = None
    """How answers are made and judged (``grpo``)."""


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
    if config.method == "grpo":
        asked = config.reasoning or ReasoningConfig()
        check_reasoning(asked, section, config.batch)
    elif config.reasoning:
        raise RecipeError(
            f"{section}.reasoning is for the method 'grpo', and this "
            f"is {config.method!r}; leave the table out"
        )
    if config.method == "grpo" and config.compile == "on":
        raise RecipeError(
            f"{section}.compile cannot be 'on': for each length of "
            "answers all would be compiled anew; leave it out"
        )
    if config.method == "grpo" and config.z_loss:
        raise RecipeError(
            f"{section}.z_loss is for losses of the next token, and "
            "'grpo' has none; leave it out"
        )
