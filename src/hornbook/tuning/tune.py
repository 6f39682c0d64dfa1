"""Fine-tuning: from a base model to one that is of use."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hornbook.base.console import console
from hornbook.base.dialogue import Dialogue
from hornbook.base.document import Document
from hornbook.base.store import digest_json
from hornbook.inference.generate import chat
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import place
from hornbook.tokenizer.shards import TokenShard
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.batches import Batches, Windows
from hornbook.training.loop import Hooks
from hornbook.training.loss import language_loss
from hornbook.training.precision import device
from hornbook.tuning.calibrate import calibrate, judge
from hornbook.tuning.classify import Classifier, Labelled, class_loss
from hornbook.tuning.data import read_labelled
from hornbook.tuning.distil import (
    distilled,
    open_teacher,
    teach_words,
)
from hornbook.tuning.extras import Mixed, Noised, noisy, text_rows
from hornbook.tuning.grpo import teach_grpo
from hornbook.tuning.labels import (
    ClassesConfig,
    balance,
    find_classes,
    hold_out,
    split_labels,
)
from hornbook.tuning.lesson import (
    Lesson,
    keep_classes,
    keep_student,
    learn,
    open_student,
)
from hornbook.tuning.material import labelled_of, write_dialogues
from hornbook.tuning.prefer import teach_preferences
from hornbook.tuning.sft import (
    Dialogues,
    Example,
    Packed,
    encode,
    pack,
)


def tune(lesson: Lesson) -> dict[str, Any]:
    """Give a lesson by its method; give its numbers.

    Raises:
        DataError: what it learns from is missing or does not fit.
        Interrupted: the user stopped it; the same call goes on.
    """
    return METHODS[lesson.config.method](lesson)


def teach_chat(lesson: Lesson) -> dict[str, Any]:
    """Teach answers from a file, or from the run's documents."""
    return tune_chat(lesson, write_dialogues(lesson))


def teach_classes(lesson: Lesson) -> dict[str, Any]:
    """Teach classes from a file, or the topics of the documents."""
    return tune_classes(lesson, labelled_of(lesson.run, lesson.config))


def tune_chat(
    lesson: Lesson, dialogues: Sequence[Dialogue]
) -> dict[str, Any]:
    """Teach a model to answer, from dialogues; give its numbers.

    Raises:
        DataError: there is no dialogue, or none fits the context.
        Interrupted: the user stopped it; the same call goes on.
    """
    # Open the model, and pack what it learns from
    teacher = lesson.config.teacher
    if teacher is not None and teacher.by == "text":
        dialogues = teach_words(lesson, dialogues)
    model, tok = open_student(lesson)
    context = lesson.row_tokens(model.config)
    examples = encode(tok, dialogues)
    packed = pack(examples, context, tok.pad)
    warn_of_long(dialogues, examples, context)

    # Show an answer now and then
    question = dialogues[0].messages[0].content

    def sample() -> str:
        said = [{"role": "user", "content": question}]
        return f"{question} {chat(model, tok, said)}"

    # Train
    batches, loss = with_extras(lesson, model, tok, packed)
    numbers = learn(
        lesson,
        model,
        model.config,
        loss,
        batches,
        len(packed.ids),
        context,
        digest_json(packed.ids.tolist()),
        Hooks(sample=sample),
    )
    keep_student(lesson, model, tok)
    kept = len(dialogues) - packed.too_long
    return {"dialogues": kept, "too_long": packed.too_long, **numbers}


def warn_of_long(
    dialogues: Sequence[Dialogue],
    examples: Sequence[Example],
    context: int,
) -> None:
    """Say how many dialogues no row can hold, and name the first."""
    pairs = zip(dialogues, examples, strict=True)
    long = [place(d) for d, e in pairs if len(e.ids) > context]
    if long:
        console.warn(
            f"{len(long):,} of {len(dialogues):,} dialogues are longer "
            f"than {context} tokens and left out; the first is "
            f"{long[0]}"
        )


def with_extras(
    lesson: Lesson, model: Transformer, tok: Tokenizer, packed: Packed
) -> tuple[Batches, Callable[..., Tensor]]:
    """Give batches and loss, with text, teacher and noise if wanted.

    Raises:
        RecipeError: so small a batch has no row for text.
        ModelError: the teacher's logits cannot be compared.
        CorruptFileError: the run's tokens are not this tokenizer's.
    """
    config, seed = lesson.config, lesson.seed
    batches: Batches = Dialogues(packed, config.batch, seed)
    loss = language_loss(config.z_loss)
    if config.text_share:
        section = f"finetune.{lesson.name}"
        rows = text_rows(config.batch, config.text_share, section)
        file = lesson.run / "tokens" / "train.bin"
        shard = TokenShard.open(file, tok)
        length = packed.ids.shape[1]
        batches = Mixed(batches, Windows(shard, length, rows, seed))
    if config.teacher is not None and config.teacher.by == "logits":
        known = open_teacher(config.teacher, model, tok)
        loss = distilled(known.to(device()), config.teacher)
    if config.neftune:
        batches = Noised(batches, seed)
        loss = noisy(loss, config.neftune)
    return batches, loss


def tune_classes(
    lesson: Lesson, documents: Sequence[Document]
) -> dict[str, Any]:
    """Teach a model to name a document's topic; give its numbers.

    Raises:
        DataError: there are fewer than two topics.
        Interrupted: the user stopped it; the same call goes on.
    """
    # Hold some texts out
    config, asked = lesson.config, lesson.config.classes
    labelled = [d for d in documents if d.topic]
    classes = find_classes(labelled, asked.several)
    learnt, heldout = hold_out(labelled, asked, lesson.seed)
    test = read_labelled(Path(asked.test)) if asked.test else []

    # Open the model, and read the texts
    body, tok = open_student(lesson)
    shape = body.config
    model = Classifier(
        body, tok, classes, config.length, config.pooling, asked.several
    )
    texts = [d.full_text for d in learnt]
    topics = [d.topic for d in learnt]
    batches = Labelled(model, texts, topics, config.batch, lesson.seed)

    # Train
    numbers = learn(
        lesson,
        model.train(),
        shape,
        class_objective(topics, classes, asked),
        batches,
        len(texts),
        model.length,
        digest_json([[d.id, d.topic] for d in learnt]),
        Hooks(),
    )

    # Calibrate it, measure it, keep it
    told = examine(model.to("cpu").eval(), heldout, test)
    keep_classes(lesson, model)
    counts = {"documents": len(labelled), "classes": classes}
    return {**counts, **told, **numbers}


def examine(
    model: Classifier,
    heldout: Sequence[Document],
    test: Sequence[Document],
) -> dict[str, Any]:
    """Calibrate a classifier, and measure it on what it never saw."""
    told: dict[str, Any] = {}
    if heldout:
        told["heldout"] = calibrate(model, heldout)
        told["heldout"] |= judge(model, heldout, "held-out")
    if test:
        told["test"] = judge(model, test, "test")
    for part, found in told.items():
        console.say(
            f"  {found['accuracy']:.1%} of {found['texts']:,} {part} "
            "texts named rightly"
        )
    return told


def class_objective(
    topics: Sequence[str], classes: Sequence[str], asked: ClassesConfig
) -> Callable[..., Tensor]:
    """Give the loss of classes, with their weights if wanted."""
    if asked.weights == "none":
        return class_loss
    labels = [split_labels(topic, asked.several) for topic in topics]
    weights = torch.tensor(balance(labels, classes))
    return partial(class_loss, weights=weights)


METHODS: dict[str, Callable[[Lesson], dict[str, Any]]] = {
    "classify": teach_classes,
    "sft": teach_chat,
    "dpo": teach_preferences,
    "grpo": teach_grpo,
}
"""What a lesson can teach."""
