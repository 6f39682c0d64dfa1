"""A lesson: what every fine-tuning has, whatever it teaches."""

from pathlib import Path
from typing import Any

import msgspec
from torch import nn

from hornbook.base.console import console
from hornbook.base.errors import RecipeError
from hornbook.model.adapter import find_tokenizer
from hornbook.model.config import ModelConfig
from hornbook.model.exchange import weights_of
from hornbook.model.find import find_model
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.batches import Batches
from hornbook.training.loop import Hooks, Objective, train
from hornbook.training.precision import device, wants_compiling
from hornbook.training.pretrain import asked_for, describe
from hornbook.tuning.adapters import keep_adapter
from hornbook.tuning.classify import Classifier
from hornbook.tuning.config import (
    TuningConfig,
    row_tokens,
    steady,
)
from hornbook.tuning.frozen import (
    count_learning,
    digest_still,
    keep_last,
)
from hornbook.tuning.lora import attach, merge


class Lesson(msgspec.Struct, frozen=True):
    """One fine-tuning: where, by which settings, for how long."""

    run: Path
    """The run's folder."""
    name: str
    config: TuningConfig
    steps: int
    """The plan's steps, where the settings name no epochs."""
    seed: int
    speed: float = 0.0
    """What this machine trains, in tokens per second."""
    source: str = ""
    """The digest of the code that trains."""
    anew: bool = False
    """Whether the checkpoints of a stopped training are thrown away."""
    elsewhere: bool = False
    """Whether ``config.base`` is no model of this run."""

    @property
    def target(self) -> Path:
        """The folder of the finished model."""
        return self.run / "finetune" / self.name

    @property
    def base(self) -> Path:
        """The model that it begins with: a folder, or a GGUF file."""
        base = self.config.base
        place = base if self.elsewhere else f"{self.run}:{base}"
        return find_model(place)

    def row_tokens(self, shape: ModelConfig) -> int:
        """Count the tokens of a row of dialogues.

        Raises:
            RecipeError: the model cannot look at so many.
        """
        if self.config.context > shape.context:
            raise RecipeError(
                f"finetune.{self.name}.context is {self.config.context}"
                f", and its base looks at {shape.context} tokens at "
                "most; lower it"
            )
        return row_tokens(self.config, shape.context)

    def steps_for(self, rows: int) -> int:
        """Count the steps for so many rows of examples."""
        return find_steps(self.config, self.steps, rows)


def open_student(lesson: Lesson) -> tuple[Transformer, Tokenizer]:
    """Open the model that a lesson begins with, ready to learn."""
    model, config = Transformer.load(lesson.base), lesson.config
    if config.lora is not None:
        attach(model, config.lora, config.blocks, lesson.seed)
    elif config.blocks:
        keep_last(model, config.blocks)
    return model.train(), Tokenizer.load(find_tokenizer(lesson.base))


def keep_student(
    lesson: Lesson, model: Transformer, tok: Tokenizer
) -> None:
    """Save what has learnt, with its tokenizer: model or adapter."""
    config = lesson.config
    if config.separate is not None:
        keep_adapter(
            model.eval(),
            config.separate,
            lesson.base,
            lesson.target,
            tok,
        )
        return
    merge(model)
    model.eval().save(lesson.target, "native", tok)


def keep_classes(lesson: Lesson, model: Classifier) -> None:
    """Save a classifier that has learnt: whole, or as an adapter."""
    config, body = lesson.config, model.eval().body
    if config.separate is not None:
        keep_adapter(
            body,
            config.separate,
            lesson.base,
            lesson.target,
            model.tok,
            model.told,
            weights_of(model.head),
        )
        return
    merge(body)
    model.save(lesson.target)


def learn(
    lesson: Lesson,
    model: nn.Module,
    shape: ModelConfig,
    objective: Objective,
    batches: Batches,
    rows: int,
    length: int,
    data: str,
    hooks: Hooks,
) -> dict[str, Any]:
    """Train by the one loop; give the numbers of every tuning.

    ``rows`` of ``length`` tokens are one pass over the examples;
    ``data`` is their digest.
    """
    config, steps = lesson.config, lesson.steps_for(rows)
    told = tell_learning(model)
    asked = asked_for(shape, config, lesson.seed, data, lesson.source)
    done = train(
        model,
        objective,
        batches,
        config,
        steps,
        lesson.target.with_name(f"{lesson.name}.checkpoints"),
        lesson.target.with_name(f"{lesson.name}.jsonl"),
        {**asked, **digest_still(model)},
        hooks,
        label=f"fine-tuning {lesson.name}",
        compile=worth(config, shape, steps, length, lesson.speed),
        anew=lesson.anew,
    )
    epochs = round(steps * config.batch / rows, 2)
    return {"rows": rows, "epochs": epochs, **told, **describe(done)}


def tell_learning(model: nn.Module) -> dict[str, int]:
    """Say how many weights learn, and give it, where not all do."""
    learning, still = count_learning(model)
    if not still:
        return {}
    console.say(
        f"  {learning:,} weights learn, and {still:,} stay as they are"
    )
    return {"learning": learning, "still": still}


def find_steps(config: TuningConfig, steps: int, rows: int) -> int:
    """Take the plan's steps, or so many passes over the rows."""
    if config.epochs and not config.steps:
        return max(1, round(config.epochs * rows / config.batch))
    return steps


def worth(
    config: TuningConfig,
    shape: ModelConfig,
    steps: int,
    length: int,
    speed: float,
) -> bool:
    """Decide whether so many steps are worth compiling.

    Those whose shapes change from one to the next never are. Nor, if
    it is left to the machine, are rows of dialogues on a processor with
    torch's attention, which looks by pieces uncompiled alone.
    """
    here = device().type == "cpu" and shape.attention == "sdpa"
    by_pieces = here and config.method == "sft"
    if not steady(config) or (config.compile == "auto" and by_pieces):
        return False
    tokens = steps * config.batch * length
    return wants_compiling(config, tokens / speed if speed else 0.0)
