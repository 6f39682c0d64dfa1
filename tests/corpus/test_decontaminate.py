import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import CorruptFileError
from hornbook.corpus.decontaminate import (
    DecontaminationConfig,
    Index,
    Item,
    _runs,
    build_index,
    find_items,
    judge_contamination,
    needed_words,
    plain_runs,
)
from hornbook.corpus.grams import normal

BENCH = Path("../shared/data/bench/core")
BOOK = Path("../shared/data/corpora/children")
CONFIG = DecontaminationConfig()
LONG = " ".join(f"w{n}" for n in range(30))
ITEMS = [
    Item("arithmetic", "7", LONG),
    Item("opposites", "a", "The word for a very small house is hut."),
    Item("opposites", "b", "Hot, cold."),
]
INDEX = build_index(ITEMS, CONFIG)
WORDS = st.lists(st.sampled_from("abc"), max_size=30).map(" ".join)


def found(text: str) -> list[tuple[str, int]]:
    return [(m.item, m.words) for m in find_items(text, INDEX)]


@given(st.lists(WORDS, max_size=5), WORDS)
def test_the_table_finds_what_comparing_finds(
    texts: list[str], text: str
) -> None:
    config = DecontaminationConfig(most_words=4, least_words=2)
    items = [Item("t", str(n), text) for n, text in enumerate(texts)]
    index = build_index(items, config)
    assert sorted(_runs(text, index)) == sorted(plain_runs(text, index))


def test_ten_words_in_a_row_give_an_item_away() -> None:
    words = LONG.split()
    for start in range(21):
        run = " ".join(words[start : start + 10])
        assert found(f"Before, {run.upper()}! After.") == [("7", 10)]
        assert found(run.rsplit(" ", 1)[0]) == []


def test_case_and_punctuation_hide_nothing() -> None:
    text = "the WORD, for a «very»\nsmall HOUSE is — hut"
    assert found(text) == [("a", 9)]
    assert judge_contamination(text, INDEX) == (
        "9 words in a row of opposites, item a"
    )


def test_words_in_another_order_are_no_item() -> None:
    backwards = " ".join(LONG.split()[::-1])
    assert judge_contamination(backwards, INDEX) == ""


def test_all_items_are_named_the_longest_run_first() -> None:
    text = LONG + " " + ITEMS[1].text + " " + LONG[:40]
    assert found(text) == [("7", 30), ("a", 9)]
    assert judge_contamination(text, INDEX).endswith(", and 1 more")


def test_what_is_too_short_is_counted() -> None:
    assert INDEX.too_short == {"opposites": 1}
    assert found("Hot, cold.") == []


def test_more_runs_than_there_is_room_for_are_found() -> None:
    items = [Item("t", str(n), LONG) for n in range(200)]
    assert len(find_items(LONG, build_index(items, CONFIG))) == 200


@pytest.mark.parametrize("text", ["", "a hat", "?", LONG])
def test_an_empty_index_finds_nothing(text: str) -> None:
    index = build_index([], CONFIG)
    assert find_items(text, index) == []


def test_two_characters_without_spaces_count_as_a_word() -> None:
    assert needed_words(normal("帽子是戴在头部的服饰多数"), CONFIG) == 0
    long = "帽子是戴在头部的服饰多数可以覆盖头的整个顶部主要用于保护"
    assert needed_words(normal(long), CONFIG) == 14
    index = build_index([Item("t", "1", long)], CONFIG)
    assert find_items("我说：" + long[3:17], index)
    assert not find_items("我说：" + long[3:16], index)


def test_an_index_is_the_same_from_its_file(tmp_path: Path) -> None:
    INDEX.save(tmp_path / "items.safetensors")
    index = Index.load(tmp_path / "items.safetensors")
    assert find_items(LONG, index) == find_items(LONG, INDEX)
    assert index.too_short == INDEX.too_short


@pytest.mark.parametrize("cut", [0, 100, -1])
def test_a_broken_index_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "items.safetensors"
    INDEX.save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CorruptFileError, match="curate again"):
        Index.load(path)
    with pytest.raises(CorruptFileError, match="curate again"):
        Index.load(tmp_path / "none")


@pytest.mark.parametrize(
    "fields", [{"least_words": 11}, {"least_words": 0}, {"share": 0.0}]
)
def test_impossible_lengths_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is"):
        DecontaminationConfig(**fields)


@pytest.fixture(scope="module")
def science() -> list[Item]:
    path = BENCH / "arc_easy.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    lines = path.read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    texts = [f"{r['query']} {r['choices'][r['gold']]}" for r in records]
    return [Item("arc", str(n), text) for n, text in enumerate(texts)]


def test_real_items_are_found_whole_and_halved(
    science: list[Item],
) -> None:
    """Halves are sure from sixteen words on, wholes from seven."""
    index = build_index(science, CONFIG)
    for item in science:
        words = item.text.split()
        length = len(normal(item.text).split())
        half = len(words) // 2
        parts = [words] if length >= 7 else []
        parts += [words[:half], words[half:]] if length >= 16 else []
        for part in parts:
            text = "It rained. " + " ".join(part) + " Then we left."
            ids = {match.item for match in find_items(text, index)}
            assert item.id in ids, (length, item.text)


def test_real_books_are_not_taken_for_items(
    science: list[Item],
) -> None:
    if not BOOK.exists():
        pytest.skip(f"{BOOK} is not here")
    index = build_index(science, CONFIG)
    pieces = [
        piece
        for path in sorted(BOOK.glob("*.md"))[:10]
        for piece in re.findall(
            r"(?s).{1,4000}", path.read_text(encoding="utf-8")
        )
    ]
    assert len(pieces) > 500
    assert sum(bool(find_items(p, index)) for p in pieces) == 0
