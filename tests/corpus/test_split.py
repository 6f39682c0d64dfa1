from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.base.document import document_id
from hornbook.corpus import split
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.engine import engine
from hornbook.corpus.grams import gram_hashes, jaccard
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.split import (
    Entry,
    draw,
    find_overlaps,
    hold_out,
    same_title,
    titles_of,
)
from hornbook.corpus.texts import FIRST, Places

LayDown = Callable[[list[str]], Places]
SOURCES = (
    SourceConfig(kind="folder", path="wiki", name="wiki"),
    SourceConfig(kind="folder", path="web", name="web"),
)


def rows(
    count: int, source: str = "wiki", size: int = 0
) -> list[dict[str, Any]]:
    return [
        {
            "rank": row,
            "source": source,
            "title": "",
            "bytes": size,
            "draw": draw(document_id(source, str(row))),
        }
        for row in range(count)
    ]


def held(some: list[dict[str, Any]], config: CorpusConfig) -> set[int]:
    columns = {
        name: [row[name] for row in some] for name in rows(1)[0]
    }
    if not some:
        columns = {"rank": [0], **columns}
    return {
        entry.rank
        for entry in hold_out(engine().from_pydict(columns), config)
    }


@given(st.integers(1, 400), st.integers(0, 400), st.integers(1, 60))
@settings(max_examples=15)
def test_more_text_moves_nothing_into_the_heldout_set(
    before: int, more: int, count: int
) -> None:
    config = CorpusConfig(source=SOURCES, heldout_documents=count)
    old = held(rows(before), config)
    new = held(rows(before + more), config)
    if before >= 2 * count:
        assert {row for row in new if row < before} <= old
    assert len(new) == min(count, (before + more) // 2)


@given(st.integers(1, 300), st.integers(1, 900), st.integers(1, 60))
@settings(max_examples=15)
def test_what_was_held_out_stays_so(
    before: int, more: int, count: int
) -> None:
    """With its rank below all others, whatever is added."""
    for config in (
        CorpusConfig(source=SOURCES, heldout_documents=count),
        CorpusConfig(source=SOURCES, heldout_share=count / 100),
        CorpusConfig(source=SOURCES, heldout_bytes=count * 100),
    ):
        old = held(rows(before, size=100), config)
        later = rows(before + more, size=100)
        for row in later:
            row["rank"] -= FIRST * (row["rank"] in old)
        new = held(later, config)
        assert {(rank + FIRST) % FIRST for rank in new} >= old


def test_a_share_moves_nothing_at_all() -> None:
    config = CorpusConfig(source=SOURCES, heldout_share=0.1)
    old = held(rows(2000), config)
    new = held(rows(5000), config)
    assert {row for row in new if row < 2000} == old
    assert 150 < len(old) < 250


@given(
    st.randoms(use_true_random=False),
    st.integers(1500, 3000),
    st.integers(1, 1_500_000),
)
@settings(max_examples=8)
def test_so_many_bytes_are_held_out(
    chance: Random, documents: int, least: int
) -> None:
    some = rows(documents)
    for row in some:
        row["bytes"] = chance.randint(1, 9000)
    config = CorpusConfig(source=SOURCES, heldout_bytes=least)
    chosen = held(some, config)
    total = sum(some[row]["bytes"] for row in chosen)
    assert len(chosen) >= 100
    assert total >= least or len(chosen) == documents // 2
    assert len(chosen) == 100 or total < least + 9000


def test_few_documents_are_not_all_held_out() -> None:
    config = CorpusConfig(source=SOURCES, heldout_bytes=1)
    assert len(held(rows(300, size=500), config)) == 30
    config = CorpusConfig(source=SOURCES, heldout_bytes=10**9)
    assert len(held(rows(300, size=500), config)) == 150


def test_small_corpora_hold_some_out() -> None:
    config = CorpusConfig(source=SOURCES, heldout_share=0.001)
    assert len(held(rows(60), config)) == 10
    config = CorpusConfig(source=SOURCES, heldout_share=0)
    assert held(rows(60), config) == set()


def test_only_the_named_sources_are_held_out() -> None:
    config = CorpusConfig(
        source=SOURCES, heldout_documents=20, heldout_from=("web",)
    )
    web = rows(100, "web")
    for row in web:
        row["rank"] += 1000
    chosen = held(rows(100) + web, config)
    assert len(chosen) == 20
    assert min(chosen) >= 1000


def test_the_order_of_documents_does_not_matter() -> None:
    config = CorpusConfig(source=SOURCES)
    assert held(rows(500), config) == held(rows(500)[::-1], config)


def test_drawn_numbers_are_even() -> None:
    drawn = [row["draw"] for row in rows(4000)]
    assert min(drawn) >= 0 and max(drawn) < 1
    for edge in (0.1, 0.5, 0.9):
        share = sum(number < edge for number in drawn) / len(drawn)
        assert abs(share - edge) < 0.03


def test_titles_count_across_sources_only() -> None:
    titled = titles_of(
        [Entry(0, "wiki", "Hat", 0), Entry(5, "wiki", "", 0)]
    )
    assert same_title("HAT", "web", titled) == "title: HAT"
    assert same_title("Hat", "wiki", titled) == ""
    assert same_title("Cap", "web", titled) == ""
    assert same_title("", "web", titled) == ""


def test_overlaps_equal_the_count_of_all_pairs(
    lay_down: LayDown, tmp_path: Path
) -> None:
    chance = Random(3)
    texts = [
        " ".join(chance.choices("abcd", k=chance.randint(0, 14)))
        for _ in range(150)
    ]
    places, chosen = lay_down(texts), set(range(0, 150, 7))
    grams = [set(gram_hashes(text).tolist()) for text in texts]
    rest = [row for row in range(150) if row not in chosen]
    expected = {
        row: max(
            len(grams[row] & grams[other])
            / max(1, min(len(grams[row]), len(grams[other])))
            for other in chosen
        )
        for row in rest
    }
    found = find_overlaps(
        engine().from_pydict({"rank": rest}),
        [texts[row] for row in chosen],
        places,
        tmp_path / "index.safetensors",
        0.5,
    ).to_pydict()
    shares = dict(zip(found["rank"], found["share"], strict=True))
    assert shares == {r: s for r, s in expected.items() if s >= 0.5}
    assert 5 < len(shares) < 120

    # What is alike as a whole is alike in its shorter text
    for row in set(rest) - shares.keys():
        mine = gram_hashes(texts[row])
        assert all(
            jaccard(mine, gram_hashes(texts[other])) < 0.5
            for other in chosen
            if len(mine) and len(grams[other])
        )


def test_a_share_of_very_much_text_is_bounded(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(split, "MOST_HELDOUT", 50)
    config = CorpusConfig(source=SOURCES, heldout_share=0.5)
    assert len(held(rows(400), config)) == 50
