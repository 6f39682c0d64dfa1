"""Benchmark items must not stand in the text that a model learns.

Otherwise a score measures memory. An item is found by a run of words
that it shares with a text: ten in a row are no coincidence, nor are
two fifths of a shorter item, down to seven words. So the half of an
item gives it away as the whole does, if it has seven words.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product, takewhile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import regex
from jaxtyping import Int32, UInt64

from hornbook.corpus.arrays import load_arrays, save_arrays
from hornbook.corpus.grams import (
    UNSPACED,
    normal,
    run_hashes,
    word_hashes,
)

ROOM = 64
"""Shared runs of one text that are first made room for."""
ARRAYS = ("words", "starts", "needed")
LEAST_BITS = 8

Run = tuple[int, int]
"""The number of an item, and how many of its words are shared."""


class DecontaminationConfig(msgspec.Struct, frozen=True):
    """Which benchmarks are searched for, and what gives them away."""

    tasks: tuple[str, ...] = ()
    """The names of evaluation tasks; none: those that are reported."""
    most_words: int = 10
    """So many words in a row give any item away."""
    share: float = 0.4
    """Of a shorter item, this share of its words does."""
    least_words: int = 7
    """But no fewer words than this; still shorter items are passed
    over. Where a script has no spaces, twice as many characters."""

    def __post_init__(self) -> None:
        """Refuse lengths that contradict each other."""
        if not 1 <= self.least_words <= self.most_words:
            raise ValueError(
                "'least_words' is at least 1 and at most 'most_words'"
            )
        if not 0 < self.share <= 1:
            raise ValueError("'share' is above 0 and at most 1")


class Item(msgspec.Struct, frozen=True):
    """What a benchmark asks, with its right answer."""

    task: str
    id: str
    text: str


class Match(msgspec.Struct, frozen=True):
    """A run of words that a text shares with a benchmark item."""

    task: str
    item: str
    words: int
    """Its length."""
    share: float
    """Of the item's words."""


class About(msgspec.Struct, frozen=True, tag="items 1"):
    """The names that belong to an index."""

    tasks: list[str]
    items: list[str]
    """The task and the name of each item."""
    size: int
    """The words of a short run."""
    too_short: dict[str, int]
    """By task, the items that are too short to be searched for."""


class Index(msgspec.Struct, frozen=True, dict=True):
    """The items' words, and a table of all their short runs."""

    about: About
    words: UInt64[np.ndarray, "..."]
    """The hashes of all items' words, in one line."""
    starts: Int32[np.ndarray, "..."]
    """Where each item begins, and where the last one ends."""
    needed: Int32[np.ndarray, "..."]
    """How many words in a row give each item away."""

    def save(self, path: Path) -> None:
        """Write the index as one file."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        save_arrays(path, self.about, arrays)

    @classmethod
    def load(cls, path: Path) -> "Index":
        """Open an index that was saved.

        Raises:
            CorruptFileError: it is missing, broken, or another's.
        """
        about, arrays = load_arrays(path, About)
        return cls(about, **arrays)

    @property
    def too_short(self) -> dict[str, int]:
        """By task, the items that are too short to be searched for."""
        return self.about.too_short

    @cached_property
    def table(self) -> tuple[Any, ...]:
        """Sort the short runs by their hashes, to be found fast."""
        from hornbook.corpus.decontaminate_fast import Table, set_marks

        # Hash the runs that lie within one item
        lengths = np.diff(self.starts)
        grams = run_hashes(self.words, self.about.size)
        owners = np.repeat(np.arange(len(lengths)), lengths)
        owners = owners[: len(grams)]
        ends = np.arange(len(grams)) + self.about.size
        inside = np.flatnonzero(ends <= self.starts[owners + 1])

        # Sort them, and note where the hashes begin otherwise
        order = inside[np.argsort(grams[inside], kind="stable")]
        grams = grams[order]
        bits = max(len(order).bit_length(), LEAST_BITS)
        heads = grams >> np.uint64(64 - bits)
        buckets = np.searchsorted(heads, np.arange(2**bits + 1))

        # Mark those that occur, each in sixteen bits' room
        marks = np.zeros(2**bits // 4, np.uint64)
        set_marks(grams, marks)
        table = Table(
            self.words,
            self.starts,
            self.needed,
            grams,
            owners[order].astype(np.int32),
            order.astype(np.int32),
            buckets.astype(np.int32),
            marks,
        )
        return tuple(table)


def needed_words(text: str, config: DecontaminationConfig) -> int:
    """Tell how many words in a row give a normal text away.

    Two characters of a script without spaces count as one word. Gives
    0 for a text that is too short.
    """
    words = text.count(" ") + bool(text)
    alone = sum(1 for _ in regex.finditer(UNSPACED, text))
    each = 2 if 2 * alone > words else 1
    most, least = each * config.most_words, each * config.least_words
    needed = max(least, min(most, int(config.share * words)))
    return needed if needed <= words else 0


def build_index(
    items: Sequence[Item], config: DecontaminationConfig
) -> Index:
    """Prepare the search for items in any number of texts."""
    # Leave out what is too short to be told from chance
    texts = [normal(item.text) for item in items]
    needed = [needed_words(text, config) for text in texts]
    short = Counter(
        item.task
        for item, words in zip(items, needed, strict=True)
        if not words
    )
    kept = [place for place, words in enumerate(needed) if words]

    # Lay the words of the others out in one line
    lines = [word_hashes(texts[place]) for place in kept]
    starts = np.cumsum([0, *map(len, lines)], dtype=np.int32)
    about = About(
        [items[place].task for place in kept],
        [items[place].id for place in kept],
        config.least_words,
        dict(sorted(short.items())),
    )
    return Index(
        about,
        np.concatenate([np.empty(0, np.uint64), *lines]),
        starts,
        np.array([needed[place] for place in kept], np.int32),
    )


def find_items(text: str, index: Index) -> list[Match]:
    """Find the items that a text gives away, the longest run first.

    Of each item, its longest run of words counts.
    """
    longest: dict[int, int] = {}
    for item, words in _runs(text, index):
        longest[item] = max(words, longest.get(item, 0))
    if not longest:
        return []
    lengths = np.diff(index.starts)
    matches = [
        Match(
            index.about.tasks[item],
            index.about.items[item],
            words,
            words / int(lengths[item]),
        )
        for item, words in longest.items()
    ]
    return sorted(matches, key=lambda m: (-m.words, m.task, m.item))


def judge_contamination(text: str, index: Index) -> str:
    """Say which item a text gives away; "" where it gives none."""
    found = find_items(text, index)
    if not found:
        return ""
    first, more = found[0], len(found) - 1
    rest = f", and {more:,} more" if more else ""
    return (
        f"{first.words} words in a row of {first.task}, item "
        f"{first.item}{rest}"
    )


def _runs(text: str, index: Index) -> Sequence[Run]:
    """Look the words of a text up in the table of runs."""
    from hornbook.corpus.decontaminate_fast import find_runs

    words, table = word_hashes(text), index.table
    found = np.empty((ROOM, 2), np.int32)
    count = find_runs(words, index.about.size, table, found)
    if count > ROOM:
        found = np.empty((count, 2), np.int32)
        find_runs(words, index.about.size, table, found)
    return [(int(a), int(b)) for a, b in found[:count]]


def plain_runs(text: str, index: Index) -> Iterator[Run]:
    """Find what ``_runs`` finds, comparing with every item."""
    words = word_hashes(text).tolist()
    for item, needed in enumerate(index.needed.tolist()):
        first, last = index.starts[item], index.starts[item + 1]
        other = index.words[first:last].tolist()
        for at, place in product(range(len(other)), range(len(words))):
            if at and place and other[at - 1] == words[place - 1]:
                continue
            pairs = zip(other[at:], words[place:], strict=False)
            length = len(list(takewhile(lambda p: p[0] == p[1], pairs)))
            if length >= needed:
                yield item, length
