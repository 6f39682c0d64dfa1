import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus import dedup
from hornbook.corpus.dedup import (
    NEIGHBOURS,
    Comparer,
    band_keys,
    find_clusters,
    find_exact,
    pair_up,
    text_keys,
)
from hornbook.corpus.engine import engine
from hornbook.corpus.grams import gram_hashes, jaccard
from hornbook.corpus.texts import Places

Sentences = Callable[..., str]
LayDown = Callable[[list[str]], Places]
BANDS, ROWS = 14, 8


def clusters_of(
    texts: list[str], lay_down: LayDown, threshold: float = 0.8
) -> dict[int, dict[str, Any]]:
    """Give what is known of each text that nearly repeats another."""
    alive = engine().from_pydict(
        {
            "rank": list(range(len(texts))),
            **band_keys(texts, BANDS, ROWS),
        }
    )
    found = find_clusters(alive, BANDS, threshold, lay_down(texts))
    return {row["rank"]: row for row in found.to_pylist()}


def keepers(found: dict[int, dict[str, Any]]) -> dict[int, int]:
    return {
        rank: row["keeper"]
        for rank, row in found.items()
        if row["keeper"] != rank
    }


def edit(text: str, changes: int, seed: int) -> str:
    chance = random.Random(seed)
    words = text.split()
    for place in chance.sample(range(len(words)), changes):
        words[place] = f"changed{place}"
    return " ".join(words)


def test_planted_copies_are_found_and_others_stay(
    sentences: Sentences, lay_down: LayDown
) -> None:
    texts = [sentences(seed, words=200) for seed in range(120)]
    # One change among 200 words leaves about 0.95 of the phrases
    texts += [edit(texts[n], 1, n) for n in range(60)]
    texts += [
        texts[n].upper().replace(".", " !") for n in range(60, 80)
    ]
    # Forty changes leave less than half of them
    texts += [edit(texts[n], 40, n) for n in range(80, 120)]
    found = clusters_of(texts, lay_down)
    assert keepers(found) == {120 + n: n for n in range(80)}
    assert {row["size"] for row in found.values()} == {2}
    assert all(0.9 < found[120 + n]["similarity"] < 1 for n in range(9))
    assert found[190]["similarity"] == 1


def test_slices_find_what_the_whole_does(
    sentences: Sentences,
    lay_down: LayDown,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [sentences(seed, words=50) for seed in range(40)]
    texts += [edit(texts[n % 40], 1, n) for n in range(30)]
    whole = clusters_of(texts, lay_down)
    monkeypatch.setattr(dedup, "ROWS_AT_ONCE", 9)
    assert clusters_of(texts, lay_down) == whole
    assert len(whole) > 50


def test_near_the_threshold_exact_counting_decides(
    sentences: Sentences, lay_down: LayDown
) -> None:
    texts = [sentences(seed, words=100) for seed in range(60)]
    texts += [edit(texts[n], 1 + n % 6, n) for n in range(60)]
    grams = list(map(gram_hashes, texts))
    true = {
        n + 60
        for n in range(60)
        if jaccard(grams[n], grams[n + 60]) >= 0.8
    }
    assert 5 < len(true) < 55
    found = keepers(clusters_of(texts, lay_down))
    # MinHash may miss a pair at the edge, and never adds one
    assert found.keys() <= true
    assert len(found) >= 0.85 * len(true)


def test_a_chain_of_near_copies_is_one_cluster(
    sentences: Sentences, lay_down: LayDown
) -> None:
    texts = [sentences(1, words=200)]
    for step in range(6):
        texts.append(edit(texts[-1], 2, step))
    found = clusters_of(texts, lay_down)
    assert keepers(found) == dict.fromkeys(range(1, 7), 0)
    first, last = map(gram_hashes, (texts[0], texts[-1]))
    assert jaccard(first, last) < 0.8
    assert {row["size"] for row in found.values()} == {7}


def test_scripts_without_spaces_are_compared(lay_down: LayDown) -> None:
    one = (
        "帽子是戴在头部的服饰多数可以覆盖头的整个顶部主要用于保护头部"
        * 2
    )
    other = (
        "猫是一种小型的哺乳动物人们喜欢把它养在家里因为它会捉老鼠" * 2
    )
    found = clusters_of([one, other, one + "了"], lay_down)
    assert keepers(found) == {2: 0}


def test_empty_and_short_texts_are_no_trouble(
    lay_down: LayDown,
) -> None:
    found = clusters_of(["", "a hat", "a cap", "A hat!"], lay_down)
    assert keepers(found) == {3: 1}


def test_no_text_at_all_is_no_trouble() -> None:
    assert len(text_keys([])) == 0
    assert set(map(len, band_keys([], 2, 3).values())) == {0}


def test_bands_agree_as_often_as_the_formula_says() -> None:
    """Over 2,000 pairs at s = 0.7, within three standard errors."""
    chance = np.random.default_rng(5)
    texts, near = [], []
    for _ in range(2000):
        words = chance.integers(0, 10**9, 104).astype(str)
        shared, mine, others = np.split(words, [70, 87])
        texts.append("\n".join([*shared, *mine]))
        near.append("\n".join([*shared, *others]))
    one, other = (band_keys(side, 5, 4) for side in (texts, near))
    hits = np.any([one[name] == other[name] for name in one], axis=0)
    s = np.mean(
        [
            jaccard(gram_hashes(a), gram_hashes(b))
            for a, b in zip(texts, near, strict=True)
        ]
    )
    expected = 1 - (1 - s**4) ** 5
    error = np.sqrt(expected * (1 - expected) / 2000)
    assert abs(hits.mean() - expected) < 3 * error + 0.02


@given(
    st.lists(
        st.integers(), unique=True, min_size=2, max_size=NEIGHBOURS
    )
)
def test_all_are_paired_where_there_are_few(ranks: list[int]) -> None:
    pairs = {(p["a"], p["b"]) for p in pair_up(ranks)}
    assert len(pairs) == len(ranks) * (len(ranks) - 1) / 2
    assert all(a < b for a, b in pairs)


def test_a_crowd_hangs_together_at_little_cost() -> None:
    pairs = [(p["a"], p["b"]) for p in pair_up(list(range(5000)))]
    assert {b for a, b in pairs if a == 0} == set(range(1, 5000))
    assert len(pairs) < 5000 * (NEIGHBOURS + 2)


def test_texts_are_compared_by_rank(lay_down: LayDown) -> None:
    places = lay_down(["a b c d e f", "b c d e f", "x y"])
    comparer = Comparer(places)
    assert comparer.similarity(0, 1) == 0.5
    assert comparer.similarity(0, 2) == 0
    assert comparer.similarity(0 - 2**62, 1) == 0.5


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0]])
@pytest.mark.parametrize("at_once", [1, 2, 250_000])
def test_the_earliest_of_equal_texts_stays(
    order: list[int], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dedup, "ROWS_AT_ONCE", at_once)
    texts = ["one", "two", "one", "one"]
    texts = [texts[n] for n in order]
    alive = engine().from_pydict(
        {"rank": list(range(4)), "text_key": text_keys(texts)}
    )
    found = find_exact(alive).to_pylist()
    first = texts.index("one")
    assert {row["rank"] for row in found} == {
        place
        for place, text in enumerate(texts)
        if text == "one" and place != first
    }
    assert {(row["keeper"], row["size"]) for row in found} == {
        (first, 3)
    }
