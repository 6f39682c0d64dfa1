"""Learning through the kernels: pieces counted, then pairs joined."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from hornbook.base.console import Bar
from hornbook.base.errors import DataError
from hornbook.tokenizer.count_fast import (
    add_counts,
    count_documents,
    list_pieces,
    move_counts,
)
from hornbook.tokenizer.kernel import announce
from hornbook.tokenizer.learn_fast import (
    Met,
    Pairs,
    Row,
    Used,
    count_pairs,
    enter_again,
    lay_out,
    learn,
)
from hornbook.tokenizer.scan import PAD, Rules, kind_table
from hornbook.tokenizer.split import utf8
from hornbook.tokenizer.threads import in_groups, in_threads

FIRST_PIECES = 1 << 16
FIRST_BYTES = 1 << 19
"""For how many pieces and bytes there is room at first."""

FIRST_PAIRS = 1 << 18
"""For how many pairs there is room at first."""

MOST_PLACES = 2**31 - 1
"""The bytes of all distinct pieces must be fewer."""


class Pieces(NamedTuple):
    """Distinct pieces and how often each occurs."""

    spelled: UInt8[np.ndarray, "size"]
    """Their bytes in a row."""
    starts: Int64[np.ndarray, "rows"]
    """Where each starts, and the last one ends."""
    counts: Int64[np.ndarray, "pieces"]


class PieceCounter:
    """Counts pieces; its tables grow as there are more of them."""

    def __init__(self, rules: Rules) -> None:
        self._rules, self._kinds = tuple(rules), kind_table()
        self._seen = np.zeros((2 * FIRST_PIECES, 4), np.uint64)
        self._spelled = np.empty(FIRST_BYTES, np.uint8)
        self._used = np.zeros(2, np.int64)

    def add(self, texts: Sequence[str]) -> None:
        """Count the pieces of texts."""
        data = PAD[:1].join(map(utf8, texts)) + PAD
        text, size, at = np.frombuffer(data, "u1"), len(data), 0
        while True:
            at = count_documents(
                text,
                at,
                size,
                self._kinds,
                self._rules,
                self._seen,
                self._spelled,
                self._used,
            )
            if at >= size:
                return
            self._grow(size)

    def take(self, other: "PieceCounter") -> None:
        """Add what another has counted."""
        slot = 0
        while True:
            slot = add_counts(
                slot,
                other._seen,
                other._spelled,
                self._seen,
                self._spelled,
                self._used,
            )
            if slot >= len(other._seen):
                return
            self._grow(len(other._spelled))

    def pieces(self) -> Pieces:
        """Give all that was counted."""
        count, size = self._used.tolist()
        row, counts = np.empty(size, np.uint8), np.empty(count, "u8")
        starts = np.zeros(count + 1, np.int64)
        list_pieces(self._seen, self._spelled, row, starts, counts)
        return Pieces(row, starts, counts.astype(np.int64))

    def _grow(self, piece_bytes: int) -> None:
        """Make room for more pieces, and for one so long."""
        count, size = self._used.tolist()
        if 2 * count >= len(self._seen):
            larger = np.zeros((2 * len(self._seen), 4), np.uint64)
            move_counts(self._seen, larger)
            self._seen = larger
        if size + piece_bytes > len(self._spelled):
            room = np.empty(2 * size + piece_bytes, np.uint8)
            room[:size] = self._spelled[:size]
            self._spelled = room


def count_fast(
    texts: Iterable[str], rules: Rules, threads: int, bar: Bar
) -> Pieces:
    """Count the pieces of all texts, each thread by itself."""
    announce("count_documents")
    idle = [PieceCounter(rules) for _ in range(threads)]

    def count(group: list[str]) -> int:
        counter = idle.pop()
        counter.add(group)
        idle.append(counter)
        return len(group)

    for counted in in_threads(count, in_groups(texts), threads):
        bar.advance(counted)
    total, *others = idle
    for other in others:
        total.take(other)
    return total.pieces()


def pieces_of(counts: Mapping[bytes, int]) -> Pieces:
    """Lay out pieces that were counted by other means."""
    return Pieces(
        np.frombuffer(b"".join(counts), np.uint8),
        np.cumsum([0, *map(len, counts)]),
        np.fromiter(counts.values(), np.int64, len(counts)),
    )


class Learner:
    """Learns merges, some at a time."""

    def __init__(
        self, pieces: Pieces, alphabet: Sequence[bytes], wanted: int
    ) -> None:
        announce("learn")
        # Write the pieces as tokens
        places = len(pieces.spelled) + len(pieces.counts) + 1
        if places > MOST_PLACES:
            raise DataError(
                f"the distinct pieces of the text fill {places:,} "
                f"places, and {MOST_PLACES:,} is the most; learn from "
                "a sample of the text"
            )
        size = len(alphabet) + wanted
        ids = np.empty(256, np.int32)
        ids[[byte[0] for byte in alphabet]] = range(256)
        self._row = Row(
            np.empty(places, np.int32),
            np.empty(places, np.int32),
            np.empty(places, np.int32),
            pieces.counts,
            np.ones(size, np.int64),
            np.empty(3 * places, np.int32),
        )
        lay_out(pieces.spelled, pieces.starts, ids, self._row)

        # Count the pairs
        self._used = Used(*np.zeros((3, 1), np.int64))
        self._pairs = make_pairs(FIRST_PAIRS)
        count_pairs(self._row, self._pairs, self._used)
        self._before = make_side(size, places)
        self._after = make_side(size, places)
        self._merges = np.empty((wanted, 3), np.int64)
        self._done = 0

    def learn(
        self, some: int, least: int
    ) -> Int64[np.ndarray, "rows 3"]:
        """Learn so many merges: left, right, and how often they stood.

        Fewer are learned where no pair occurs ``least`` times.
        """
        start = self._done
        end = min(start + some, len(self._merges))
        while True:
            self._done = learn(
                self._row,
                self._pairs,
                self._used,
                self._before,
                self._after,
                self._merges,
                self._done,
                end,
                max(least, 1),
            )
            if self._done == end or self._used.heap[0] == 0:
                return self._merges[start : self._done]
            self._pairs = grown(self._pairs, self._used.pairs[0])


def make_side(tokens: int, places: int) -> Met:
    """Make room for what joins meet on one side."""
    gain, loss, many, next_ = np.zeros((4, tokens), np.int64)
    met, at = np.empty((2, places), np.int32)
    return Met(gain, loss, many, next_, met, at)


def make_pairs(room: int) -> Pairs:
    """Make room for so many pairs."""
    counts, first, many = np.empty((3, room), np.int64)
    return Pairs(
        keys=np.empty(room, np.uint64),
        counts=counts,
        first=first,
        many=many,
        slots=np.zeros(2 * room, np.int32),
        heap=np.empty((room, 2), np.int64),
    )


def grown(pairs: Pairs, known: int) -> Pairs:
    """Make room for twice as many pairs."""
    more = make_pairs(2 * len(pairs.keys))
    for old, new in zip(pairs, more, strict=True):
        new[: len(old)] = old
    more.slots[:] = 0
    enter_again(more, known)
    return more
