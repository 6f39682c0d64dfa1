"""Fine-tuning: from a base model to one that is of use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from torch import nn

from hornbook.base.console import console
from hornbook.base.dialogue import Dialogue
from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.base.store import digest_json
from hornbook.inference.generate import chat
from hornbook.model.config import ModelConfig
from hornbook.model.exchange import find_model
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.batches import Batches
from hornbook.training.loop import Hooks, Objective, train
from hornbook.training.loss import language_loss
from hornbook.training.precision import wants_compiling
from hornbook.training.pretrain import asked_for, describe
from hornbook.tuning.classify import Classifier, Labelled, class_loss
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.sft import Dialogues, encode, pack

LEAST_CLASSES = 2


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

    @property
    def target(self) -> Path:
        """The folder of the finished model."""
        return self.run / "finetune" / self.name

    @property
    def base(self) -> Path:
        """The folder of the model that it begins with."""
        return find_model(f"{self.run}:{self.config.base}")

    def steps_for(self, rows: int) -> int:
        """Count the steps for so many rows of examples."""
        return find_steps(self.config, self.steps, rows)


def tune_chat(
    lesson: Lesson, dialogues: Sequence[Dialogue]
) -> dict[str, Any]:
    """Teach a model to answer, from dialogues; give its numbers.

    Raises:
        DataError: there is no dialogue, or none fits the context.
        Interrupted: the user stopped it; the same call goes on.
    """
    # Open the model, and pack what it learns from
    model = Transformer.load(lesson.base).train()
    tok, context = Tokenizer.load(lesson.base), model.config.context
    examples = encode(tok, dialogues)
    packed = pack(examples, context, tok.special("<|pad|>"))
    if packed.too_long:
        console.warn(
            f"{packed.too_long:,} of {len(dialogues):,} dialogues are "
            f"longer than {context} tokens and left out"
        )

    # Show an answer now and then
    question = dialogues[0].messages[0].content

    def sample() -> str:
        said = [{"role": "user", "content": question}]
        return f"{question} {chat(model, tok, said)}"

    # Train
    rows = len(packed.ids)
    batches = Dialogues(packed, lesson.config.batch, lesson.seed)
    data = digest_json(packed.ids.tolist())
    numbers = learn(
        lesson,
        model,
        model.config,
        language_loss(lesson.config.z_loss),
        batches,
        rows,
        context,
        data,
        Hooks(sample=sample),
    )
    model.eval().save(lesson.target, "native", tok)
    kept = len(dialogues) - packed.too_long
    return {"dialogues": kept, "too_long": packed.too_long, **numbers}


def tune_classes(
    lesson: Lesson, documents: Sequence[Document]
) -> dict[str, Any]:
    """Teach a model to name a document's topic; give its numbers.

    Raises:
        DataError: there are fewer than two topics.
        Interrupted: the user stopped it; the same call goes on.
    """
    labelled = [d for d in documents if d.topic]
    classes = find_classes(labelled)

    # Open the model, and read the texts
    config = lesson.config
    body, tok = (
        Transformer.load(lesson.base),
        Tokenizer.load(lesson.base),
    )
    shape = body.config
    model = Classifier(
        body, tok, classes, config.length, config.pooling
    )
    texts = [d.full_text for d in labelled]
    topics = [d.topic for d in labelled]
    batches = Labelled(model, texts, topics, config.batch, lesson.seed)

    # Train
    data = digest_json([[d.id, d.topic] for d in labelled])
    numbers = learn(
        lesson,
        model.train(),
        shape,
        class_loss,
        batches,
        len(texts),
        model.length,
        data,
        Hooks(),
    )
    model.eval().save(lesson.target)
    return {"documents": len(labelled), "classes": classes, **numbers}


def find_classes(labelled: Sequence[Document]) -> list[str]:
    """List the topics of documents.

    Raises:
        DataError: there are fewer than two.
    """
    classes = sorted({d.topic for d in labelled})
    if len(classes) < LEAST_CLASSES:
        raise DataError(
            f"the documents have {len(classes)} topics, and a "
            "classifier needs two or more; name the field of the topic "
            "in [[corpus.source]], or sort files into sub-folders"
        )
    return classes


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
    done = train(
        model,
        objective,
        batches,
        config,
        steps,
        lesson.target.with_name(f"{lesson.name}.checkpoints"),
        lesson.target.with_name(f"{lesson.name}.jsonl"),
        asked_for(shape, config, lesson.seed, data, lesson.source),
        hooks,
        label=f"fine-tuning {lesson.name}",
        compile=worth(config, steps, length, lesson.speed),
        anew=lesson.anew,
    )
    epochs = round(steps * config.batch / rows, 2)
    return {"rows": rows, "epochs": epochs, **describe(done)}


def find_steps(config: TuningConfig, steps: int, rows: int) -> int:
    """Take the plan's steps, or so many passes over the rows."""
    if config.epochs and not config.steps:
        return max(1, round(config.epochs * rows / config.batch))
    return steps


def worth(
    config: TuningConfig, steps: int, length: int, speed: float
) -> bool:
    """Decide whether so many steps are worth compiling."""
    tokens = steps * config.batch * length
    return wants_compiling(config, tokens / speed if speed else 0.0)
