import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.evaluation.judge import fault, loops
from hornbook.tuning.pairs import Question

TOPICS = {"Arts", "Everyday life"}


def judged(kind: str, answer: str) -> str:
    question = Question(kind, "?", "", "Hat", "")
    return fault(question, answer, TOPICS)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("what", "A hat is a head covering."),
        ("who", "J. R. R. Tolkien was an author of the U.S. Army."),
        ("where", "K2 is in Asia!"),
        ("continue", "2001 was a year."),
        ("description", "Shaped head covering"),
        ("description", "1968 film by Stanley Kubrick"),
        ("topic", "Everyday life"),
    ],
)
def test_good_answers_have_no_fault(kind: str, answer: str) -> None:
    assert judged(kind, answer) == ""


@pytest.mark.parametrize(
    ("kind", "answer", "reason"),
    [
        ("what", "", "empty"),
        ("what", "   ", "empty"),
        ("what", "A hat is <|end|> a covering.", "control token"),
        ("what", "A hat of the sea and hat of the sea and.", "loop"),
        ("what", "A long-term-term-term-term-term cap.", "loop"),
        ("what", "a hat is a covering.", "no capital"),
        ("what", "A hat is a covering", "no end"),
        ("what", "It is a hat. It is worn.", "not one sentence"),
        ("what", "A hat.", "length"),
        ("what", " ".join(["A", *map(str, range(40)), "b."]), "length"),
        ("description", "Covering of heads.", "full stop"),
        ("description", "covering", "no capital"),
        ("description", " ".join(["A", *map(str, range(12))]),
         "too long"),
        ("description", "A\nb", "too long"),
        ("topic", "everyday life", "not a topic"),
        ("topic", "Hats", "not a topic"),
    ],
)
def test_bad_answers_are_told_why(
    kind: str, answer: str, reason: str
) -> None:
    assert judged(kind, answer) == reason


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_loops_are_found_as_by_hand(words: list[str]) -> None:
    pairs = [
        words[i : i + 4] == words[j : j + 4]
        for j in range(len(words) - 3)
        for i in range(j)
    ]
    assert loops(words) == any(pairs)


@given(st.sampled_from(["what", "description", "topic"]), st.text())
def test_any_answer_can_be_judged(kind: str, answer: str) -> None:
    assert isinstance(judged(kind, answer), str)
