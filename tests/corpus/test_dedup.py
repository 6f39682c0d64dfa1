import random
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus.dedup import (
    Match,
    band_keys,
    find_exact,
    find_near,
    jaccard,
    normal,
    phrases,
    settle,
)
from hornbook.corpus.engine import engine

Sentences = Callable[..., str]
TEXTS = st.lists(
    st.text("ab ", min_size=9, max_size=30), min_size=1, max_size=12
)


def table_of(texts: list[str]) -> pa.Table:
    daft = engine()
    col = daft.col
    rows = list(range(len(texts)))
    frame = daft.from_pydict({"row": rows, "text": texts})
    keys = band_keys(normal(col("text")))
    return frame.with_column("bands", keys).to_arrow()


def edit(text: str, changes: int, seed: int) -> str:
    chance = random.Random(seed)
    words = text.split()
    for place in chance.sample(range(len(words)), changes):
        words[place] = f"changed{place}"
    return " ".join(words)


def test_planted_copies_are_found_and_others_stay(
    sentences: Sentences,
) -> None:
    texts = [sentences(seed, words=200) for seed in range(120)]
    # One change among 200 words leaves about 0.95 of the phrases
    texts += [edit(texts[n], 1, n) for n in range(60)]
    texts += [
        texts[n].upper().replace(".", " !") for n in range(60, 80)
    ]
    # Forty changes leave less than half of them
    texts += [edit(texts[n], 40, n) for n in range(80, 120)]
    found = find_near(table_of(texts), 0.8)
    expected = {120 + n: n for n in range(80)}
    assert {row: match.row for row, match in found.items()} == expected


def test_near_the_threshold_exact_counting_decides(
    sentences: Sentences,
) -> None:
    texts = [sentences(seed, words=100) for seed in range(60)]
    texts += [edit(texts[n], 1 + n % 6, n) for n in range(60)]
    grams = [phrases(normal_text(text)) for text in texts]
    true = {
        n + 60
        for n in range(60)
        if jaccard(grams[n], grams[n + 60]) >= 0.8
    }
    assert 5 < len(true) < 55
    assert find_near(table_of(texts), 0.8).keys() == true


def normal_text(text: str) -> str:
    daft = engine()
    frame = daft.from_pydict({"text": [text]})
    (done,) = frame.select(normal(daft.col("text"))).to_pydict()["text"]
    return str(done)


def test_scripts_without_spaces_are_compared() -> None:
    one = (
        "帽子是戴在头部的服饰多数可以覆盖头的整个顶部主要用于保护头部"
        * 2
    )
    other = (
        "猫是一种小型的哺乳动物人们喜欢把它养在家里因为它会捉老鼠" * 2
    )
    found = find_near(table_of([one, other, one + "了"]), 0.8)
    assert {row: match.row for row, match in found.items()} == {2: 0}


def test_empty_and_short_texts_are_no_trouble() -> None:
    found = find_near(table_of(["", "a hat", "a cap", "A hat!"]), 0.8)
    assert {row: match.row for row, match in found.items()} == {3: 1}


@given(TEXTS)
def test_what_stays_is_never_alike(texts: list[str]) -> None:
    """Compared with all pairs: every drop has its reason that stays."""
    grams = {row: phrases(text) for row, text in enumerate(texts)}
    matches = settle({0: list(grams)}, grams, 0.5)
    kept = [row for row in grams if row not in matches]
    for a in kept:
        for b in kept:
            assert a == b or jaccard(grams[a], grams[b]) < 0.5
    for row, match in matches.items():
        assert match.row in kept
        assert match.row < row
        assert match.similarity == jaccard(grams[row], grams[match.row])
        assert match.similarity >= 0.5


def test_no_text_goes_for_one_that_went() -> None:
    """The second is like the first, the third like the second alone."""
    words = [["a", "b", "c"], ["b", "c", "d"], ["c", "d", "e"]]
    grams = {
        row: frozenset((word,) for word in some)
        for row, some in enumerate(words)
    }
    found = settle({7: [0, 1, 2]}, grams, 0.5)
    assert found == {1: Match(0, 0.5)}


@given(st.text("abc ", max_size=40), st.text("abc ", max_size=40))
def test_jaccard_is_a_similarity(one: str, other: str) -> None:
    a, b = phrases(one), phrases(other)
    assert jaccard(a, a) == 1
    assert 0 <= jaccard(a, b) == jaccard(b, a) <= 1
    assert (jaccard(a, b) == 1) == (a == b)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0]])
def test_the_earliest_of_equal_texts_stays(order: list[int]) -> None:
    texts = ["one", "two", "one", "one"]
    rows = [(place, texts[n]) for place, n in enumerate(order)]
    found = find_exact(rows)
    first = [text for _, text in rows].index("one")
    assert found.keys() == {
        place
        for place, text in rows
        if text == "one" and place != first
    }
    assert set(found.values()) == {Match(first, 1.0)}
