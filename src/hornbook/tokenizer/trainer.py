"""Learning through the kernels: pieces in, merges out."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from hornbook.base.errors import DataError
from hornbook.tokenizer.config import NO_LIMIT
from hornbook.tokenizer.counter import Pieces
from hornbook.tokenizer.kernel import announce
from hornbook.tokenizer.learn_fast import (
    Met,
    Row,
    count_pairs,
    lay_out,
    learn,
    list_places,
)
from hornbook.tokenizer.pairs_fast import (
    Pairs,
    Used,
    enter_again,
    keep_frequent,
)

FIRST_PAIRS = 1 << 18
"""For how many pairs there is room at first."""

SINKS = 4
"""When no pair is left, the floor sinks to this part of itself."""

MOST_PLACES = 2**31 - 1
"""The bytes of all distinct pieces must be fewer."""


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
        self,
        pieces: Pieces,
        alphabet: Sequence[bytes],
        wanted: int,
        least: int = 1,
        longest: int = NO_LIMIT,
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
        self._least, self._longest = max(least, 1), longest
        self._floor = max(self._least, likely_floor(pieces, wanted))
        ids = np.empty(256, np.int32)
        ids[[byte[0] for byte in alphabet]] = range(256)
        self._row = Row(
            np.empty(places, np.int32),
            np.empty(places, np.int32),
            pieces.counts,
            np.ones(size, np.int64),
            np.empty(3 * places, np.int32),
        )
        lay_out(pieces.spelled, pieces.starts, ids, self._row)

        # Count the pairs
        self._pairs, self._used = frequent_pairs(
            self._row, FIRST_PAIRS, self._floor
        )
        self._before = make_side(size, places)
        self._after = make_side(size, places)
        self._merges = np.empty((wanted, 3), np.int64)
        self._done = 0

    def learn(self, some: int) -> Int64[np.ndarray, "rows 3"]:
        """Learn so many merges: left, right, and how often they stood.

        Fewer are learned where no pair occurs ``least`` times and
        makes a token of at most the ``longest`` bytes.
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
                self._floor,
                self._longest,
            )
            if self._done == end:
                return self._merges[start:end]
            if self._used.heap[0]:
                self._pairs = grown(self._pairs, self._used.pairs[0])
            elif self._floor > self._least:
                self._floor = max(self._least, self._floor // SINKS)
                self._pairs, self._used = frequent_pairs(
                    self._row, len(self._pairs.keys), self._floor
                )
            else:
                return self._merges[start : self._done]


def frequent_pairs(
    row: Row, room: int, floor: int
) -> tuple[Pairs, Used]:
    """Count all pairs, and enter those that occur so often at least.

    There is ``room`` for so many pairs at first.
    """
    pairs, used = make_pairs(room), Used(*np.zeros((3, 1), np.int64))
    if not count_pairs(row, pairs, used):
        return frequent_pairs(row, 2 * room, floor)
    keep_frequent(pairs, used, floor)
    list_places(row, pairs)
    return pairs, used


def likely_floor(pieces: Pieces, wanted: int) -> int:
    """Guess a count that all joins reach, so that rarer pairs can wait.

    The last of ``wanted`` joins was always found to be two to five
    times as frequent as the piece of that rank. A wrong guess costs
    time and changes nothing.
    """
    counts = pieces.counts
    if not 0 < wanted < len(counts):
        return 1
    return int(np.partition(counts, -wanted)[-wanted])


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
