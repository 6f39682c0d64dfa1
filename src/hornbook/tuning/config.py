"""What a fine-tuning asks for beside the loop's own settings."""

from typing import Literal

from hornbook.training.config import TrainingConfig


class TuningConfig(TrainingConfig, frozen=True, kw_only=True):
    """One ``[finetune.NAME]`` table of a recipe."""

    method: Literal["classify", "sft"] = "sft"
    """``classify`` learns classes, ``sft`` learns to answer."""
    data: str = ""
    """A file of examples; empty makes them from the run's documents."""
    base: str = "base"
    """The model to begin with: ``base``, ``best`` where pretraining
    keeps it, or another fine-tuning."""
    turns: int = 2
    """The most questions in one dialogue (``sft``)."""
    length: int = 128
    """Tokens of a document that are read (``classify``)."""
    pooling: Literal["mean", "last"] = "mean"
    """Which of its vectors decides: their mean, or the last."""
