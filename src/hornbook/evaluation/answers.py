"""Instruction answers: asked, judged by form, held against the text."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec

from hornbook.base.console import console
from hornbook.base.dialogue import Message
from hornbook.evaluation import interval
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.judge import fault
from hornbook.evaluation.material import Absent, Material
from hornbook.evaluation.memorise import Overlap, overlaps
from hornbook.evaluation.score import Score, score
from hornbook.tuning.pairs import Question
from hornbook.tuning.synthesize import NAMING, names_subject, questions

if TYPE_CHECKING:
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

UNTUNED = "the same questions put to the base model"
OWN = "the held-out articles' own answers"
FIRST = "the same questions, asked first"

LEAST_SUBJECTS = 2


class Answer(msgspec.Struct, frozen=True):
    """One answer with all that was found out about it."""

    question: Question
    text: str
    ended: bool
    """Whether the model stopped by itself."""
    fault: str
    """What is wrong with the form; empty if nothing is."""
    names_subject: bool
    overlap: Overlap
    """The longest run of words that it has from the training text."""


def answers(
    material: Material, config: EvaluationConfig, seed: int
) -> tuple[dict[str, Score], list[Answer]]:
    """Put held-out questions to the chat model; judge its answers."""
    asked = questions(material.heldout, seed, config.questions)
    if not asked:
        raise Absent("the held-out documents give no questions")
    chat = (material.chat, material.chat_tokenizer)

    # Ask both models, the untuned one less often
    untuned = material.untuned
    fewer = asked[: config.baseline_questions] if untuned else []
    ours = ask_all(material, chat, asked, "the chat model", seed)
    theirs = ask_all(
        material, untuned or chat, fewer, "the base model", seed
    )
    if not untuned:
        console.warn(
            "the chat model's base is not there any more, so that its "
            "answers have no baseline"
        )

    # Send the training text past all answers and references at once
    texts = [text for text, _ in ours]
    references = [question.reference for question in asked]
    found = overlaps([*texts, *references], material.learnt_texts())
    topics = {d.topic for d in material.training if d.topic}
    judged = judge(asked, ours, found[: len(asked)], topics)
    before = judge(fewer, theirs, None, topics)
    own = judge(asked, [(t, True) for t in references], None, topics)
    usual = Counter(d.topic for d in material.training if d.topic)
    scores = {
        **_form_scores(judged, before, own),
        **_later_score(material, judged, seed),
        **_topic_score(judged, usual),
        **_overlap_score(judged, found[len(asked) :], seed),
    }
    return scores, judged


def ask_all(
    material: Material,
    speaker: "tuple[Transformer, Tokenizer]",
    asked: Sequence[Question],
    who: str,
    seed: int,
    before: Sequence[Sequence[Message]] = (),
) -> list[tuple[str, bool]]:
    """Get the text of every answer, and whether it ended by itself.

    The ``speaker`` is a model with its tokenizer; ``before`` holds what
    was said before each question.
    """
    from hornbook.inference.generate import Sampling, reply

    config, given = material.config, []
    label = f"asking {who}"
    with console.progress(label, len(asked), "questions") as bar:
        for number, question in enumerate(asked):
            sampling = Sampling(
                config.answer_tokens,
                config.temperature,
                config.top_p,
                seed=seed + number,
            )
            said = [Message("user", question.prompt)]
            said = [*(before[number] if before else []), *said]
            answer = reply(*speaker, said, sampling)
            given.append((answer.text.strip(), answer.ended))
            bar.advance(note=question.prompt[:40])
    return given


def judge(
    asked: Sequence[Question],
    given: Sequence[tuple[str, bool]],
    found: Sequence[Overlap] | None,
    topics: set[str],
) -> list[Answer]:
    """Set each answer beside its question and say what it is worth."""
    nothing = [Overlap(0, 0, "")] * len(asked)
    return [
        Answer(
            question,
            text,
            ended,
            fault(question, text, topics),
            names_subject(question, text),
            overlap,
        )
        for question, (text, ended), overlap in zip(
            asked, given, found or nothing, strict=True
        )
    ]


def _form_scores(
    ours: Sequence[Answer],
    untuned: Sequence[Answer],
    own: Sequence[Answer],
) -> dict[str, Score]:
    """Count the answers that end, fit, name their subject, differ."""
    scores = {}
    for name, title, what, test in FORMS:
        values = [test(a) for a in ours if _counts(name, a)]
        before = [test(a) for a in untuned if _counts(name, a)]
        human = [test(a) for a in own if _counts(name, a)]
        if values:
            scores[name] = score(
                interval.wilson(sum(values), len(values)),
                len(values),
                what,
                baseline=sum(before) / len(before) if before else None,
                baseline_is=UNTUNED if before else "",
                also={OWN: sum(human) / len(human)},
                title=title,
            )

    # Count the answers that only one question got
    said = Counter(a.text for a in ours if a.question.kind != "topic")
    total = sum(said.values())
    if total:
        alone = sum(count == 1 for count in said.values())
        scores["answers_distinct"] = score(
            interval.wilson(alone, total),
            total,
            "Answers (topics aside) that no other question got.",
            title="Answers given only once",
        )
    return scores


def _counts(name: str, answer: Answer) -> bool:
    """Tell whether a score of form is about this kind of answer."""
    return name != "answers_subject" or answer.question.kind in NAMING


def _later_score(
    material: Material, judged: Sequence[Answer], seed: int
) -> dict[str, Score]:
    """Ask for each subject again, right after talk of another."""
    first = [a for a in judged if a.question.kind in NAMING]
    if len({a.question.subject for a in first}) < LEAST_SUBJECTS:
        return {}
    asked = [answer.question for answer in first]
    talks = [
        (
            Message("user", answer.question.prompt),
            Message("assistant", answer.text or "..."),
        )
        for answer in first
    ]
    given = ask_all(
        material,
        (material.chat, material.chat_tokenizer),
        asked,
        "the chat model once more",
        seed,
        talks[-1:] + talks[:-1],
    )
    right = sum(
        names_subject(question, text)
        for question, (text, _) in zip(asked, given, strict=True)
    )
    return {
        "answers_later": score(
            interval.wilson(right, len(asked)),
            len(asked),
            "Sentences that name what they were asked about, where "
            "the question before was about something else.",
            baseline=sum(a.names_subject for a in first) / len(first),
            baseline_is=FIRST,
            title="Subject named after talk of another",
        )
    }


def _topic_score(
    ours: Sequence[Answer], usual: Counter[str]
) -> dict[str, Score]:
    """Count the right topics among the answers that name one."""
    asked = [a for a in ours if a.question.kind == "topic"]
    if not asked:
        return {}
    common = usual.most_common(1)[0][0] if usual else ""
    right = sum(a.text == a.question.reference for a in asked)
    always = sum(a.question.reference == common for a in asked)
    return {
        "answers_topic": score(
            interval.wilson(right, len(asked)),
            len(asked),
            "Questions for a topic, by title alone, answered rightly.",
            baseline=always / len(asked),
            baseline_is="always the most frequent topic",
            title="Topic answered rightly",
        )
    }


def _overlap_score(
    ours: Sequence[Answer], references: Sequence[Overlap], seed: int
) -> dict[str, Score]:
    """Give the middle length of what answers share with the text."""
    rows = [
        (answer.overlap.characters, reference.characters)
        for answer, reference in zip(ours, references, strict=True)
        if answer.question.kind != "topic"
    ]
    if not rows:
        return {}
    return {
        "answers_overlap": score(
            interval.median([float(own) for own, _ in rows], seed),
            len(rows),
            "Characters of the longest run of words that an answer "
            "shares with the training text; the median.",
            baseline=float(median(other for _, other in rows)),
            baseline_is=OWN,
            unit="characters",
            better="lower",
            title="Longest overlap with training text",
        )
    }


def details(
    judged: Sequence[Answer], config: EvaluationConfig
) -> dict[str, Any]:
    """Tell what the scores of the answers leave out."""
    worst = max(judged, key=lambda a: a.overlap.characters)
    texts = {a.text for a in judged}
    return {
        "asked": len(judged),
        "kinds": dict(Counter(a.question.kind for a in judged)),
        "faults": dict(
            Counter(a.fault for a in judged if a.fault).most_common()
        ),
        "distinct": len(texts),
        "longest_overlap": {
            **msgspec.to_builtins(worst.overlap),
            "prompt": worst.question.prompt,
            "answer": worst.text,
        },
        "shown": msgspec.to_builtins(judged[: config.shown]),
    }


FORMS: tuple[tuple[str, str, str, Callable[[Answer], bool]], ...] = (
    (
        "answers_ended",
        "Answers that end by themselves",
        "Answers that the model ended itself.",
        lambda answer: answer.ended,
    ),
    (
        "answers_form",
        "Answers of the right form",
        "Answers that have the form their question asks for.",
        lambda answer: answer.ended and not answer.fault,
    ),
    (
        "answers_subject",
        "Answers that name their subject",
        "Sentences that name what they were asked about.",
        lambda answer: answer.names_subject,
    ),
)
"""The scores of form: name, title, what they count, and how."""
