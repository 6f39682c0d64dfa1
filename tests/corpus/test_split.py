from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.base.document import document_id
from hornbook.corpus.config import CorpusConfig, SourceConfig
from hornbook.corpus.dedup import jaccard, phrases
from hornbook.corpus.split import (
    Entry,
    draw,
    hold_out,
    overlaps,
    same_titles,
)

SOURCES = (
    SourceConfig(kind="folder", path="wiki", name="wiki"),
    SourceConfig(kind="folder", path="web", name="web"),
)
WORDS = st.lists(st.sampled_from("abcd"), max_size=14).map(" ".join)


def entries(count: int, source: str = "wiki") -> list[Entry]:
    return [
        Entry(row, document_id(source, str(row)), source, "")
        for row in range(count)
    ]


@given(st.integers(1, 400), st.integers(0, 400), st.integers(1, 60))
def test_more_text_moves_nothing_into_the_heldout_set(
    before: int, more: int, count: int
) -> None:
    config = CorpusConfig(source=SOURCES, heldout_documents=count)
    old = hold_out(entries(before), config)
    new = hold_out(entries(before + more), config)
    if before >= 2 * count:
        assert {row for row in new if row < before} <= old
    assert len(new) == min(count, (before + more) // 2)


def test_a_share_moves_nothing_at_all() -> None:
    config = CorpusConfig(source=SOURCES, heldout_share=0.1)
    old = hold_out(entries(2000), config)
    new = hold_out(entries(5000), config)
    assert {row for row in new if row < 2000} == old
    assert 150 < len(old) < 250


def sized(sizes: list[int]) -> list[Entry]:
    return [
        Entry(e.row, e.id, e.source, e.title, size)
        for e, size in zip(entries(len(sizes)), sizes, strict=True)
    ]


@given(
    st.randoms(use_true_random=False),
    st.integers(1500, 3000),
    st.integers(1, 1_500_000),
)
@settings(max_examples=20)
def test_so_many_bytes_are_held_out(
    chance: Random, documents: int, least: int
) -> None:
    sizes = [chance.randint(1, 9000) for _ in range(documents)]
    config = CorpusConfig(source=SOURCES, heldout_bytes=least)
    held = hold_out(sized(sizes), config)
    total = sum(sizes[row] for row in held)
    assert len(held) >= 100
    assert total >= least or len(held) == documents // 2
    assert len(held) == 100 or total < least + 9000

    # More text moves nothing into the held-out set
    fewer = hold_out(sized(sizes[:1400]), config)
    assert {row for row in held if row < 1400} <= fewer


def test_few_documents_are_not_all_held_out() -> None:
    config = CorpusConfig(source=SOURCES, heldout_bytes=1)
    assert len(hold_out(sized([500] * 300), config)) == 30
    config = CorpusConfig(source=SOURCES, heldout_bytes=10**9)
    assert len(hold_out(sized([500] * 300), config)) == 150
    assert hold_out([], config) == set()


def test_small_corpora_hold_some_out() -> None:
    config = CorpusConfig(source=SOURCES, heldout_share=0.001)
    assert len(hold_out(entries(60), config)) == 10
    config = CorpusConfig(source=SOURCES, heldout_share=0)
    assert hold_out(entries(60), config) == set()


def test_only_the_named_sources_are_held_out() -> None:
    config = CorpusConfig(
        source=SOURCES, heldout_documents=20, heldout_from=("web",)
    )
    web = [
        Entry(entry.row + 1000, entry.id, "web", "")
        for entry in entries(100, "web")
    ]
    chosen = hold_out(entries(100) + web, config)
    assert len(chosen) == 20
    assert min(chosen) >= 1000


def test_the_order_of_documents_does_not_matter() -> None:
    config = CorpusConfig(source=SOURCES)
    some = entries(500)
    assert hold_out(some, config) == hold_out(some[::-1], config)


def test_drawn_numbers_are_even() -> None:
    drawn = [draw(entry) for entry in entries(4000)]
    assert min(drawn) >= 0 and max(drawn) < 1
    for edge in (0.1, 0.5, 0.9):
        share = sum(number < edge for number in drawn) / len(drawn)
        assert abs(share - edge) < 0.03


def test_titles_count_across_sources_only() -> None:
    some = [
        Entry(0, "a", "wiki", "Hat"),
        Entry(1, "b", "web", "HAT"),
        Entry(2, "c", "wiki", "Hat"),
        Entry(3, "d", "web", "Cap"),
        Entry(4, "e", "web", ""),
        Entry(5, "f", "wiki", ""),
    ]
    assert same_titles(some, {0, 5}) == {1: "title: HAT"}


@given(
    st.dictionaries(st.integers(0, 20), WORDS, max_size=12),
    st.sets(st.integers(0, 20)),
)
def test_overlaps_equal_the_count_of_all_pairs(
    words: dict[int, str], chosen: set[int]
) -> None:
    heldout = chosen & words.keys()
    grams = {row: phrases(text) for row, text in words.items()}
    expected = {
        row
        for row in words.keys() - heldout
        for other in heldout
        if len(grams[row] & grams[other])
        >= 0.5 * min(len(grams[row]), len(grams[other]))
    }
    assert overlaps(words, heldout, 0.5).keys() == expected
    # What is alike as a whole is alike in its shorter text
    for row in words.keys() - heldout - expected:
        assert all(jaccard(grams[row], grams[o]) < 0.5 for o in heldout)
