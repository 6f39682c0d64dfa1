"""The split: what no model ever learns from, fixed before all else.

A document is held out by a hash of its own content, and what was held
out once stays so while the recipe asks for the same: text that comes
later never moves a document into training. Where it joins a held-out
document in a cluster, the held-out one stays and the others go.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Int

from hornbook.base.document import Document
from hornbook.base.store import disk_errors, drawn
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.engine import engine, spread
from hornbook.corpus.grams import gram_hashes
from hornbook.corpus.texts import Places, Texts

LEAST_HELDOUT = 10
MANY_HELDOUT = 100
"""A score over fewer documents says little of the others."""
MOST_HELDOUT = 20_000
"""A share of a large corpus is more than any score needs."""
TEXTS_AT_ONCE = 512
GRAMS, OWNERS, LENGTHS = "grams.npy", "owners.npy", "lengths.npy"
BEGINS = "begins.npy"
SEEN = 2**22
LOWEST = np.uint64(SEEN - 1)
"""Bits of a phrase's hash that tell most phrases apart."""


class Entry(msgspec.Struct, frozen=True):
    """What is known of a document that is held out."""

    rank: int
    """Its row; below all rows if it was held out before."""
    source: str
    title: str
    bytes: int


def draw(name: str) -> float:
    """Give the fixed number between 0 and 1 of a document's id.

    >>> round(draw("00ff00ff00ff00ff"), 3)
    0.873
    """
    return drawn(f"split {name}")


def hold_out(alive: Any, config: CorpusConfig) -> list[Entry]:
    """Choose what is held out: the lowest drawn numbers.

    ``alive`` is a query with ``rank``, ``source``, ``title``, ``bytes``
    and ``draw``.
    """
    col = engine().col
    able = alive
    if config.heldout_from:
        able = alive.where(
            col("source").is_in(list(config.heldout_from))
        )
    able = able.with_column("new", col("rank") >= 0)
    order = able.sort(["new", "draw", "rank"])
    total = able.count_rows()
    count = min(_count(able, order, total, config), total // 2)
    count = max(count, able.where(~col("new")).count_rows())
    fields = list(Entry.__struct_fields__)
    rows = order.limit(count).select(*fields).to_pylist()
    return [Entry(**row) for row in rows]


def _count(
    able: Any, order: Any, total: int, config: CorpusConfig
) -> int:
    """Say how many documents the recipe asks to hold out."""
    col = engine().col
    if config.heldout_documents:
        return config.heldout_documents
    if config.heldout_bytes:
        count = _count_bytes(order, total, config.heldout_bytes)
        return max(count, min(MANY_HELDOUT, total // 10))
    if config.heldout_share:
        drawn = able.where(
            (col("draw") < config.heldout_share) | ~col("new")
        )
        count = min(int(drawn.count_rows()), MOST_HELDOUT)
        return max(count, min(LEAST_HELDOUT, total // 5))
    return 0


def _count_bytes(order: Any, total: int, wanted_bytes: int) -> int:
    """Count the first documents that hold so much text together."""
    looked = MANY_HELDOUT
    while True:
        sizes = order.limit(looked).to_pydict()["bytes"]
        held = sum(sum_ < wanted_bytes for sum_ in accumulate(sizes))
        if held < len(sizes) or looked >= total:
            return int(held) + 1
        looked *= 4


def titles_of(
    heldout: Sequence[Entry] | Sequence[Document],
) -> dict[str, set[str]]:
    """Give the titles that are held out, with their sources."""
    titled: dict[str, set[str]] = {}
    for entry in heldout:
        if entry.title:
            key = entry.title.casefold()
            titled.setdefault(key, set()).add(entry.source)
    return titled


def same_title(
    title: str, source: str, titled: Mapping[str, set[str]]
) -> str:
    """Say if a training document is titled like one held out elsewhere.

    Only another source counts: it speaks of the same thing in other
    words. Within one source, equal titles are chapters and the like.
    """
    namesakes = titled.get(title.casefold(), set()) if title else set()
    return f"title: {title}" if namesakes - {source} else ""


def index_phrases(heldout: Iterable[str], folder: Path) -> None:
    """Write which held-out texts hold which phrase.

    All phrases in order, where the owners of each begin, the owners,
    and how many phrases each of these has. Every array is a file:
    workers map them, and share the memory.
    """
    # Sort the phrases of all texts, with their owners
    grams = [np.unique(gram_hashes(text)) for text in heldout]
    sizes = np.array([len(held) for held in grams], np.int64)
    flat = np.concatenate([np.empty(0, np.uint64), *grams])
    del grams
    order = np.argsort(flat, kind="stable")
    numbers = np.arange(len(sizes), dtype=np.int32)
    owners = np.repeat(numbers, sizes)[order]
    flat = flat[order]
    del order
    phrases, begins = np.unique(flat, return_index=True)
    arrays = {
        GRAMS: phrases,
        BEGINS: np.append(begins, len(flat)),
        OWNERS: owners,
        LENGTHS: sizes,
    }
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
        for name, array in arrays.items():
            np.save(folder / name, array, allow_pickle=False)


class Finder:
    """Finds what held-out documents share with others, in a process."""

    def __init__(self, places: Places, index: str) -> None:
        self._texts = Texts(places)
        self._grams, self._begins, self._owners, self._sizes = (
            np.asarray(np.load(Path(index) / name, "r"))
            for name in (GRAMS, BEGINS, OWNERS, LENGTHS)
        )

        # Most phrases are held by nobody: one look tells
        self._seen = np.zeros(SEEN, np.bool_)
        for start in range(0, len(self._grams), SEEN):
            some = self._grams[start : start + SEEN]
            self._seen[some & LOWEST] = True

    def share(self, rank: int) -> float:
        """Give the largest share of phrases with any held-out text.

        The share is of the shorter text's phrases, so that an article
        and its own opening paragraph count as one. Counted exactly:
        where it is low, so is the Jaccard similarity.
        """
        # Find the held-out phrases among the text's own
        mine = np.unique(gram_hashes(self._texts[rank]))
        some = mine[self._seen[mine & LOWEST]]
        places = np.searchsorted(self._grams, some)
        inside = places < len(self._grams)
        places, some = places[inside], some[inside]
        places = places[self._grams[places] == some]
        if not len(places):
            return 0.0

        # Count them for each of their owners
        owners = self._owners[
            ranges(self._begins[places], self._begins[places + 1])
        ]
        counts = np.bincount(owners, minlength=len(self._sizes))
        shorter = np.minimum(self._sizes, len(mine))
        return float((counts / np.maximum(shorter, 1)).max())


def ranges(
    starts: Int[np.ndarray, " runs"], stops: Int[np.ndarray, " runs"]
) -> Int[np.ndarray, " places"]:
    """Give all numbers of some runs, one run after the other.

    >>> ranges(np.array([3, 9]), np.array([5, 10])).tolist()
    [3, 4, 9]
    """
    sizes = stops - starts
    gone = np.cumsum(sizes) - sizes
    moved: np.ndarray = np.repeat(starts - gone, sizes)
    return moved + np.arange(len(moved))


def find_overlaps(
    training: Any,
    heldout: Iterable[str],
    places: Places,
    index: Path,
    most: float,
) -> Any:
    """Find training documents that share phrases with a held-out text.

    ``training`` is a query with ``rank``. Gives ``rank`` and ``share``.
    """
    col = engine().col
    index_phrases(heldout, index)
    ranks = training.select("rank").into_batches(TEXTS_AT_ONCE)
    finder = spread(Finder, len(places.starts))(places, str(index))
    found = ranks.with_column("share", finder.share(col("rank")))
    return found.where(col("share") >= most)
