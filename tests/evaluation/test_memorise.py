from hypothesis import given
from hypothesis import strategies as st

from hornbook.evaluation.memorise import WORD, overlaps

TEXTS = st.lists(
    st.lists(st.sampled_from("abc"), max_size=9).map(" ".join),
    min_size=1,
    max_size=4,
)


def by_hand(answer: str, texts: list[str]) -> int:
    """Try every run of words, the longest first."""
    words = WORD.findall(answer)
    rows = [WORD.findall(text) for text in texts]
    for size in range(len(words), 0, -1):
        for start in range(len(words) - size + 1):
            run = words[start : start + size]
            for row in rows:
                places = range(len(row) - size + 1)
                if any(row[p : p + size] == run for p in places):
                    return size
    return 0


@given(TEXTS, TEXTS)
def test_the_longest_run_is_the_one_found_by_hand(
    answers: list[str], texts: list[str]
) -> None:
    found = overlaps(answers, texts)
    assert [f.words for f in found] == [
        by_hand(answer, texts) for answer in answers
    ]
    for overlap, answer in zip(found, answers, strict=True):
        assert f" {overlap.text} " in f" {answer} " or not overlap.words
        assert overlap.characters == len(overlap.text)
        assert not overlap.words or any(
            f" {overlap.text} " in f" {text} " for text in texts
        )


def test_a_run_is_shown_as_it_was_said() -> None:
    texts = ["A hat  is a\nhead covering.", "worn for fun"]
    found = overlaps(["The hat is a head for fun.", "Nothing"], texts)
    assert found[0].text == "hat is a head"
    assert (found[0].words, found[0].characters) == (4, 13)
    assert (found[1].words, found[1].text) == (0, "")


def test_no_run_goes_over_the_end_of_a_text_or_answer() -> None:
    found = overlaps(["a b", "c d"], ["b c", "d a"])
    assert [f.words for f in found] == [1, 1]


def test_chinese_is_compared_letter_by_letter() -> None:
    found = overlaps(["帽子是衣服"], ["我的帽子是红的"])
    assert found[0].words == 3


def test_nothing_is_compared_with_nothing() -> None:
    assert overlaps([], ["a"]) == []
    assert overlaps(["a", ""], [])[0].words == 0
