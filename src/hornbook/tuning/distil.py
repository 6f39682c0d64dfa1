"""Distillation: what a bigger model knows, taught to a small one."""

from collections.abc import Callable, Sequence

import msgspec
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from hornbook.base.console import console
from hornbook.base.dialogue import Dialogue, Message
from hornbook.base.errors import DataError, ModelError
from hornbook.base.store import digest_json, read_json, write_json
from hornbook.inference.rollouts import roll_out
from hornbook.model.find import find_model
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import render
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.loss import IGNORE
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.teacher import TeacherConfig

AT_ONCE = 16
"""So many questions the teacher answers at a time."""
APART = 1_000_003
"""The dice of two seeds are so far apart."""


def distilled(
    teacher: Transformer, config: TeacherConfig
) -> Callable[..., Tensor]:
    """Give the loss of a student: of its examples, and of its teacher.

    The teacher's chances say more than the one token that came: which
    others would have done. Both sides' logits are divided by a
    temperature, so that what is unlikely is heard too; its square
    keeps the slopes as large as they were.

    Source: hinton2015, section 2.
    """
    share, heat = config.share, config.temperature

    def objective(
        model: Transformer,
        ids: Int[Tensor, "batch time"],
        targets: Int[Tensor, "batch time"],
        visible: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        # Ask both, where there is something to learn
        learnt = targets != IGNORE
        x = model.hidden(ids, visible=visible)[learnt]
        logits = model.logits(x)
        with torch.no_grad():
            known = teacher.hidden(ids, visible=visible)[learnt]
            wanted = teacher.logits(known)

        # Follow the example and the teacher
        example = F.cross_entropy(logits, targets[learnt])
        like = F.kl_div(
            (logits / heat).log_softmax(-1),
            (wanted / heat).log_softmax(-1),
            reduction="batchmean",
            log_target=True,
        )
        return (1 - share) * example + share * heat**2 * like

    return objective


def open_teacher(
    config: TeacherConfig, student: Transformer, tok: Tokenizer
) -> Transformer:
    """Open a teacher whose logits a student can be held against.

    Raises:
        ModelError: its vocabulary is another, or its context shorter.
    """
    teacher = Transformer.load(config.model)
    other = Tokenizer.load(find_model(config.model))
    same = other.vocab_size == tok.vocab_size and all(
        other.token_bytes(id_) == tok.token_bytes(id_)
        for id_ in range(tok.vocab_size)
    )
    if not same:
        raise ModelError(
            f"the teacher {config.model} has another vocabulary than "
            "the student, so their logits cannot be compared; learn "
            "from its words with teacher.by = 'text'"
        )
    if teacher.config.context < student.config.context:
        raise ModelError(
            f"the teacher {config.model} reads "
            f"{teacher.config.context:,} tokens and the student "
            f"{student.config.context:,}; learn from its words with "
            "teacher.by = 'text'"
        )
    for weight in teacher.parameters():
        weight.requires_grad = False
    return teacher


def teach_words(
    lesson: Lesson, dialogues: Sequence[Dialogue]
) -> list[Dialogue]:
    """Give the dialogues with the teacher's answers in their end.

    They are kept beside the lesson, for when that was stopped. What
    the teacher did not end in time, or left empty, is counted and
    left out.

    Raises:
        DataError: it answered nothing.
    """
    config = lesson.config.teacher
    assert config is not None
    asked = [d.messages[:-1] for d in dialogues]
    path = lesson.target.with_name(f"{lesson.name}.taught.json")
    made_for = digest_json(
        [msgspec.to_builtins(config), msgspec.to_builtins(asked)]
    )
    kept = read_json(path) if path.exists() else {}
    if kept.get("made_for") != made_for:
        said = answer_all(config, asked, lesson.seed)
        kept = {"made_for": made_for, "answers": said}
        write_json(path, kept)

    # Put its answers in the place of those that were there
    taught = [
        Dialogue((*each, Message("assistant", said)), d.document)
        for each, said, d in zip(
            asked, kept["answers"], dialogues, strict=True
        )
        if said.strip()
    ]
    left = len(dialogues) - len(taught)
    if not taught:
        raise DataError(
            f"the teacher {config.model} ended none of its "
            f"{len(dialogues):,} answers within {config.tokens} tokens"
        )
    if left:
        console.warn(
            f"{left:,} of {len(dialogues):,} questions are left out: "
            "the teacher said nothing, or did not end in time"
        )
    return taught


def answer_all(
    config: TeacherConfig,
    asked: Sequence[tuple[Message, ...]],
    seed: int,
) -> list[str]:
    """Let the teacher answer; give "" where it did not end."""
    # Write the questions, the shortest first
    teacher = Transformer.load(config.model)
    tok = Tokenizer.load(find_model(config.model))
    prompts = [
        render(tok, Dialogue(each), add_prompt=True)[0]
        for each in asked
    ]
    order = sorted(range(len(asked)), key=lambda n: len(prompts[n]))
    room = teacher.config.context - config.tokens
    order = [n for n in order if len(prompts[n]) <= room]

    # Answer some at a time
    said = [""] * len(asked)
    with console.progress("the teacher answers", len(order)) as bar:
        for start in range(0, len(order), AT_ONCE):
            numbers = order[start : start + AT_ONCE]
            found = roll_out(
                teacher,
                [prompts[number] for number in numbers],
                1,
                tok.ends,
                config.tokens,
                config.temperature,
                seed * APART + start,
            )
            for row, number in enumerate(numbers):
                *ids, last = found.answer(row)
                if last in tok.ends:
                    said[number] = tok.decode(ids).strip()
            bar.advance(len(numbers))
    return said
