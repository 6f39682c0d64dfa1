from pathlib import Path

import pytest

from hornbook.base.document import Document
from hornbook.evaluation.answers import answers, ask_all, details
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.material import Absent, Material
from hornbook.tuning.pairs import Question
from hornbook.tuning.synthesize import questions

Asked = list[Question]

CONFIG = EvaluationConfig(
    questions=12, baseline_questions=4, answer_tokens=6, shown=5
)


@pytest.fixture
def material(whole_run: Path) -> Material:
    return Material(whole_run, CONFIG)


def test_perfect_answers_score_as_such(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    def perfect(
        _: Material, speaker: object, asked: Asked, *_rest: object
    ) -> list[tuple[str, bool]]:
        if speaker is material.untuned:
            return [("a loop", False)] * len(asked)
        return [(question.reference, True) for question in asked]

    monkeypatch.setattr("hornbook.evaluation.answers.ask_all", perfect)
    scores, judged = answers(material, CONFIG, 3)
    for name in ("ended", "form", "subject", "distinct", "topic"):
        assert scores[f"answers_{name}"].value == 1.0, name
    for name in ("ended", "form", "subject"):
        assert scores[f"answers_{name}"].baseline == 0.0, name
    later = scores["answers_later"]
    assert (later.value, later.baseline) == (1.0, 1.0)
    assert later.n == scores["answers_subject"].n
    overlap = scores["answers_overlap"]
    assert overlap.value == overlap.baseline
    assert len(judged) == 12 and not any(a.fault for a in judged)


def test_copied_answers_are_found_out(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = material.training[3].text[:150].rsplit(" ", 1)[0]
    monkeypatch.setattr(
        "hornbook.evaluation.answers.ask_all",
        lambda _m, _model, asked, *_: [(copied, True)] * len(asked),
    )
    scores, judged = answers(material, CONFIG, 3)
    overlap = scores["answers_overlap"]
    assert overlap.value == len(copied)
    assert overlap.baseline is not None
    assert overlap.baseline < len(copied) / 2
    assert scores["answers_distinct"].value == 0.0
    told = details(judged, CONFIG)
    assert told["longest_overlap"]["text"] == copied
    assert told["distinct"] == 1
    assert len(told["shown"]) == 5
    assert told["shown"][0]["question"]["prompt"] == (
        judged[0].question.prompt
    )


def test_a_form_needs_an_end_and_a_topic_the_right_name(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unended(
        _: Material, _model: object, asked: Asked, *_rest: object
    ) -> list[tuple[str, bool]]:
        return [
            ("Arts" if q.kind == "topic" else q.reference, False)
            for q in asked
        ]

    monkeypatch.setattr("hornbook.evaluation.answers.ask_all", unended)
    scores, judged = answers(material, CONFIG, 3)
    assert scores["answers_ended"].value == 0.0
    assert scores["answers_form"].value == 0.0
    assert [*scores["answers_form"].also.values()] == [1.0]
    topics = [a for a in judged if a.question.kind == "topic"]
    right = sum(a.question.reference == "Arts" for a in topics)
    assert scores["answers_topic"].value == right / len(topics)
    assert scores["answers_subject"].n < len(judged)


def test_a_real_model_is_asked_the_same_twice(
    material: Material,
) -> None:
    asked = questions(material.heldout, 0, 3)
    speaker = (material.chat, material.tokenizer)
    given = [
        ask_all(material, speaker, asked, "it", 5) for _ in range(2)
    ]
    assert given[0] == given[1]
    assert len(given[0]) == 3 and any(text for text, _ in given[0])


def test_without_questions_nothing_is_asked(
    material: Material,
) -> None:
    material.__dict__["heldout"] = [Document("1", "")]
    with pytest.raises(Absent, match="no questions"):
        answers(material, CONFIG, 0)


def test_a_subject_is_asked_again_after_talk_of_another(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stubborn(
        _m: Material, _model: object, asked: Asked, *rest: object
    ) -> list[tuple[str, bool]]:
        before = rest[2] if len(rest) > 2 else ()
        if not before:
            return [(q.reference, True) for q in asked]
        for question, said in zip(asked, before, strict=True):
            assert [m.role for m in said] == ["user", "assistant"]
            assert said[0].content != question.prompt
        return [(said[1].content, True) for said in before]

    monkeypatch.setattr("hornbook.evaluation.answers.ask_all", stubborn)
    scores, _ = answers(material, CONFIG, 3)
    assert scores["answers_subject"].value == 1.0
    later = scores["answers_later"]
    assert later.value < 0.5 and later.baseline == 1.0
