"""Fine-tuning: from a base model to one that is of use."""

from collections.abc import Callable, Sequence
from typing import Any

from hornbook.base.console import console
from hornbook.base.dialogue import Dialogue
from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.base.store import digest_json
from hornbook.inference.generate import chat
from hornbook.training.loop import Hooks
from hornbook.training.loss import language_loss
from hornbook.tuning.classify import Classifier, Labelled, class_loss
from hornbook.tuning.lesson import (
    Lesson,
    keep_classes,
    keep_student,
    learn,
    open_student,
)
from hornbook.tuning.material import dialogues_of, labelled_of
from hornbook.tuning.sft import Dialogues, encode, pack

LEAST_CLASSES = 2


def tune(lesson: Lesson) -> dict[str, Any]:
    """Give a lesson by its method; give its numbers.

    Raises:
        DataError: what it learns from is missing or does not fit.
        Interrupted: the user stopped it; the same call goes on.
    """
    return METHODS[lesson.config.method](lesson)


def teach_chat(lesson: Lesson) -> dict[str, Any]:
    """Teach answers from a file, or from the run's documents."""
    talks = dialogues_of(lesson.run, lesson.config, lesson.seed)
    return tune_chat(lesson, talks)


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
    model, tok = open_student(lesson)
    context = model.config.context
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
    keep_student(lesson, model, tok)
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
    body, tok = open_student(lesson)
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
    keep_classes(lesson, model)
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


METHODS: dict[str, Callable[[Lesson], dict[str, Any]]] = {
    "classify": teach_classes,
    "sft": teach_chat,
}
"""What a lesson can teach."""
