"""What a fine-tuning asks for beside the loop's own settings."""

from typing import Literal

from hornbook.base.errors import RecipeError
from hornbook.training.config import TrainingConfig
from hornbook.training.config import check as check_training
from hornbook.tuning.labels import ClassesConfig, check_classes
from hornbook.tuning.lora_config import LoraConfig
from hornbook.tuning.lora_config import check as check_lora
from hornbook.tuning.preference import (
    PreferenceConfig,
    check_preferences,
)
from hornbook.tuning.reasoning import ReasoningConfig
from hornbook.tuning.reasoning import check as check_reasoning
from hornbook.tuning.teacher import TeacherConfig
from hornbook.tuning.teacher import check as check_teacher
from hornbook.tuning.writer import WriterConfig
from hornbook.tuning.writer import check as check_writer

OWN = ("base", "best")
"""The models that a run pretrains."""
USUAL_TOKENS = 1024
"""The longest rows that are made unasked."""


class TuningConfig(TrainingConfig, frozen=True, kw_only=True):
    """One ``[finetune.NAME]`` table of a recipe."""

    method: Literal["classify", "sft", "dpo", "grpo"] = "sft"
    """``classify`` learns classes, ``sft`` to answer, ``dpo`` which of
    two answers is better, ``grpo`` to solve problems."""
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
    writer: WriterConfig | None = None
    """A server that writes questions and answers (``sft``)."""
    text_share: float = 0.0
    """Share of the rows that are plain text of the run, lest it be
    forgotten (``sft``)."""
    neftune: float = 0.0
    """How much noise is added to embeddings, as 5 (``sft``)."""
    teacher: TeacherConfig | None = None
    """A bigger model that is learnt from (``sft``)."""
    length: int = 128
    """Tokens of a document that are read (``classify``)."""
    pooling: Literal["mean", "last"] = "mean"
    """Which of its vectors decides: their mean, or the last."""
    classes: ClassesConfig = ClassesConfig()
    """How classes are learnt (``classify``)."""
    preferences: PreferenceConfig = PreferenceConfig()
    """How preferences are learnt (``dpo``)."""
    reasoning: ReasoningConfig | None = None
    """How answers are made and judged (``grpo``)."""
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
    check_classes(config.classes, section)
    check_preferences(config.preferences, section)
    for name in ("turns", "subjects", "length"):
        value = getattr(config, name)
        if value < 1:
            raise RecipeError(
                f"{section}.{name} is {value}; it must be 1 or more"
            )
    if config.compile == "on" and not steady(config):
        raise RecipeError(
            f"{section}.compile cannot be 'on': preferences, noise, "
            "teachers and the answers of 'grpo' differ in shape from "
            "step to step; leave it out"
        )
    check_sft(config, section)
    check_grpo(config, section)
    check_context(config, section)
    check_learning(config, section)


def check_sft(config: TuningConfig, section: str) -> None:
    """Refuse what learning from dialogues cannot have, or alone has.

    Raises:
        RecipeError: names the section, the key and its bounds.
    """
    if not 0 <= config.text_share < 1 or config.neftune < 0:
        raise RecipeError(
            f"{section}.text_share must be at least 0 and below 1, and "
            f"{section}.neftune 0 or more"
        )
    for name in ("text_share", "neftune", "teacher"):
        if getattr(config, name) and config.method != "sft":
            raise RecipeError(
                f"{section}.{name} goes with method 'sft' alone; leave "
                "it out"
            )
    if config.teacher is not None:
        check_teacher(config.teacher, f"{section}.teacher")
        if config.z_loss and config.teacher.by == "logits":
            raise RecipeError(
                f"{section}.z_loss does not go with a teacher's "
                "logits; leave one of them out"
            )
    if config.writer is None:
        return
    check_writer(config.writer, f"{section}.writer")
    if config.data or config.method != "sft":
        raise RecipeError(
            f"{section}.writer writes dialogues from the run's "
            "documents; it goes with method 'sft' and without 'data'"
        )


def check_grpo(config: TuningConfig, section: str) -> None:
    """Refuse what learning from verdicts cannot have, or alone has.

    Raises:
        RecipeError: names the section and the key.
    """
    if config.method == "grpo":
        asked = config.reasoning or ReasoningConfig()
        check_reasoning(asked, section, config.batch)
    elif config.reasoning:
        raise RecipeError(
            f"{section}.reasoning is for the method 'grpo', and this "
            f"is {config.method!r}; leave the table out"
        )
    if config.method == "grpo" and config.z_loss:
        raise RecipeError(
            f"{section}.z_loss is for losses of the next token, and "
            "'grpo' has none; leave it out"
        )


def check_learning(config: TuningConfig, section: str) -> None:
    """Refuse what cannot be said of the weights that learn.

    Raises:
        RecipeError: names the section and the key.
    """
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


def check_context(config: TuningConfig, section: str) -> None:
    """Refuse rows of impossible length, or where there are none.

    Raises:
        RecipeError: names the section and the key.
    """
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


def steady(config: TuningConfig) -> bool:
    """Whether all steps are of one shape, as a compiler wants them."""
    return config.method not in ("dpo", "grpo") and not (
        config.neftune or config.teacher
    )


def row_tokens(config: TuningConfig, context: int) -> int:
    """Count the tokens of a row, for a model of such a context."""
    return min(config.context or USUAL_TOKENS, context)


USUAL: dict[str, dict[str, float | str]] = {
    "classify": {"lr": 0.01, "lr_embedding": 0.01, "lr_head": 0.01},
    "sft": {},
    "dpo": {"optimizer": "adamw", "lr": 1e-4},
    "grpo": {
        "optimizer": "adamw",
        "lr": 3e-4,
        "batch": 128,
        "warmup": 0,
        "decay": 0.3,
    },
}
"""What each method sets otherwise than the defaults, unless told."""
GENTLE: dict[str, float | str] = {"optimizer": "adamw", "lr": 1e-4}
"""What any method sets for a base that was pretrained elsewhere."""
