"""What a fine-tuning asks for beside the loop's own settings."""

from typing import Literal

from hornbook.base.errors import RecipeError
from hornbook.training.config import TrainingConfig
from hornbook.training.config import check as check_training
from hornbook.tuning.labels import ClassesConfig, check_classes
from hornbook.tuning.preference import (
    PreferenceConfig,
    check_preferences,
)
from hornbook.tuning.writer import WriterConfig
from hornbook.tuning.writer import check as check_writer


class TuningConfig(TrainingConfig, frozen=True, kw_only=True):
    """One ``[finetune.NAME]`` table of a recipe."""

    method: Literal["classify", "sft", "dpo"] = "sft"
    """``classify`` learns classes, ``sft`` to answer, ``dpo`` which of
    two answers is better."""
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
    writer: WriterConfig | None = None
    """A server that writes questions and answers (``sft``)."""
    length: int = 128
    """Tokens of a document that are read (``classify``)."""
    pooling: Literal["mean", "last"] = "mean"
    """Which of its vectors decides: their mean, or the last."""
    classes: ClassesConfig = ClassesConfig()
    """How classes are learnt (``classify``)."""
    preferences: PreferenceConfig = PreferenceConfig()
    """How preferences are learnt (``dpo``)."""


def check(config: TuningConfig, section: str) -> None:
    """Refuse settings that no fine-tuning can have.

    Raises:
        RecipeError: names the section, the key and its bounds.
    """
    check_training(config, section)
    check_classes(config.classes, section)
    check_preferences(config.preferences, section)
    for name in ("turns", "subjects", "length"):
        value = getattr(config, name)
        if value < 1:
            raise RecipeError(
                f"{section}.{name} is {value}; it must be 1 or more"
            )
    if config.writer is None:
        return
    check_writer(config.writer, f"{section}.writer")
    if config.data or config.method != "sft":
        raise RecipeError(
            f"{section}.writer writes dialogues from the run's "
            "documents; it goes with method 'sft' and without 'data'"
        )


USUAL: dict[str, dict[str, float | str]] = {
    "classify": {"lr": 0.01, "lr_embedding": 0.01, "lr_head": 0.01},
    "sft": {},
    "dpo": {"optimizer": "adamw", "lr": 1e-4},
}
"""What each method sets otherwise than the defaults, unless told."""
