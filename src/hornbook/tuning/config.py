"""What a fine-tuning asks for beside the loop's own settings."""

from typing import Literal

from hornbook.base.errors import RecipeError
from hornbook.training.config import TrainingConfig
from hornbook.training.config import check as check_training
from hornbook.tuning.lora_config import LoraConfig
from hornbook.tuning.lora_config import check as check_lora


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
    blocks: int = 0
    """The last blocks, which alone learn, with what stands behind
    them; 0 is all. With ``lora``, those that have adapters."""
    lora: LoraConfig | None = None
    """A small change that is learnt in place of the weights."""

    @property
    def separate(self) -> LoraConfig | None:
        """The adapter that is kept as one, and not merged."""
        kept = self.lora is not None and not self.lora.merged
        return self.lora if kept else None

    @property
    def leaves(self) -> str:
        """The file that holds what was learnt."""
        kind = "adapter_model" if self.separate else "model"
        return f"{kind}.safetensors"


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
    if config.blocks < 0:
        raise RecipeError(
            f"{section}.blocks is {config.blocks}; it must be 0, for "
            "all, or the number of the last blocks that learn"
        )
    if config.lora is not None:
        check_lora(config.lora, f"{section}.lora")
    if config.lora is not None and config.base_width:
        raise RecipeError(
            f"{section}.base_width is for the rates of a whole model's "
            "matrices, and an adapter's do not depend on the width; "
            "leave it out"
        )
