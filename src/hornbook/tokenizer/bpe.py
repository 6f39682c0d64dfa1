"""Byte-pair encoding: how tokens are learned, and how they are used.

Text is bytes. Learning starts from the 256 bytes and joins, again and
again, the two neighbours that stand together most often; each join is
a new token. Encoding replays those joins in the order of learning.
"""

import heapq
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from hornbook.tokenizer.config import NO_LIMIT

Pair = tuple[int, int]
"""The ids of two tokens that stand side by side."""

Merges = dict[Pair, tuple[int, int]]
"""For each pair that joins: its rank and the id that it becomes."""

NEVER = (sys.maxsize, -1)
"""The rank of a pair that does not join: after all others."""

GONE = -1
"""What stands in a long piece where a token was joined to another."""

LONG = 96
"""Pieces with more bytes than this are joined by way of a heap."""


class Merge(NamedTuple):
    """One step of learning: which pair became which token, and why."""

    pair: Pair
    token: int
    spelling: bytes
    frequency: int


def learn_merges(
    pieces: Mapping[bytes, int],
    alphabet: Sequence[bytes],
    longest: int = NO_LIMIT,
) -> Iterator[Merge]:
    """Learn merges from pieces and how often each occurs.

    The most frequent pair joins first; of equals the one with the
    smallest ids. No token gets more bytes than the ``longest``.

    Source: sennrich2016, section 3.2; radford2019, section 2.2.
    """
    # Write every distinct piece as the ids of its bytes
    ids = {token: id_ for id_, token in enumerate(alphabet)}
    words = [[ids[bytes((b,))] for b in piece] for piece in pieces]
    spelled = dict(enumerate(alphabet))
    return learn_joins(words, [*pieces.values()], spelled, longest)


def learn_joins(
    words: list[list[int]],
    repeats: Sequence[int],
    spelled: dict[int, bytes],
    longest: int = NO_LIMIT,
) -> Iterator[Merge]:
    """Join the most frequent pair of tokens, again and again.

    ``spelled`` has the bytes of each token, and grows; a pair whose
    bytes are a token already stays apart. Counts in the heap may be
    out of date but never too low: only a new token's pairs can gain.
    """
    counts, places = count_pairs(words, repeats)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    known, token = {*spelled.values()}, max(spelled)
    while heap:
        # Take the most frequent pair, if its count is still true
        count, pair = heapq.heappop(heap)
        if -count != counts[pair]:
            if counts[pair] > 0:
                heapq.heappush(heap, (-counts[pair], pair))
            continue

        # Give the joined pair the next id
        spelling = spelled[pair[0]] + spelled[pair[1]]
        if len(spelling) > longest or spelling in known:
            continue
        token += 1
        spelled[token] = spelling
        known.add(spelling)
        yield Merge(pair, token, spelling, -count)

        # Join the pair wherever it stands, and recount around it
        grown: set[Pair] = set()
        for index in places.pop(pair):
            joined = join_pair(words[index], pair, token)
            recount(counts, words[index], joined, repeats[index])
            words[index] = joined
            for new in pairwise(joined):
                if token in new:
                    places[new].add(index)
                    grown.add(new)
        for new in grown:
            heapq.heappush(heap, (-counts[new], new))


def count_pairs(
    words: Sequence[Sequence[int]], repeats: Sequence[int]
) -> tuple[Counter[Pair], dict[Pair, set[int]]]:
    """Count each pair of neighbours, and list the words that hold it.

    >>> counts, places = count_pairs([[1, 2, 1, 2], [2, 1]], [10, 3])
    >>> counts[2, 1], places[2, 1]
    (13, {0, 1})
    """
    counts: Counter[Pair] = Counter()
    places: dict[Pair, set[int]] = defaultdict(set)
    for index, word in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += repeats[index]
            places[pair].add(index)
    return counts, places


def recount(
    counts: Counter[Pair],
    before: Sequence[int],
    after: Sequence[int],
    times: int,
) -> None:
    """Correct the counts of pairs where a word became another."""
    for pair in pairwise(before):
        counts[pair] -= times
    for pair in pairwise(after):
        counts[pair] += times


def join_pair(word: Sequence[int], pair: Pair, token: int) -> list[int]:
    """Put one token in the place of each pair, from the left.

    >>> join_pair([7, 7, 7, 8], (7, 7), 300)
    [300, 7, 8]
    """
    left, right = pair
    joined: list[int] = []
    for id_ in word:
        if id_ == right and joined and joined[-1] == left:
            joined[-1] = token
        else:
            joined.append(id_)
    return joined


def merge_piece(word: Sequence[int], merges: Merges) -> list[int]:
    """Encode one piece: join the pair that was learned first, again.

    Of several such pairs the leftmost joins. The work grows with the
    square of the piece, so a long one goes to its faster twin.
    """
    if len(word) > LONG:
        return merge_long(word, merges)
    ids = list(word)
    while len(ids) > 1:
        # Find the pair of the lowest rank
        (rank, token), at = min(
            (merges.get(pair, NEVER), at)
            for at, pair in enumerate(pairwise(ids))
        )
        if (rank, token) == NEVER:
            break
        # Put its token in the place of both
        ids[at : at + 2] = [token]
    return ids


def merge_long(word: Sequence[int], merges: Merges) -> list[int]:
    """Give what ``merge_piece`` gives, also for a megabyte of text.

    A chain links each token to its neighbours, so that joining two
    moves no other; a heap knows which pair comes next.
    """
    # Link the tokens; the last place is no token and ends the chain
    end = len(word)
    ids = [*word, GONE]
    before = [*range(-1, end)]
    after = [*range(1, end + 1), end]
    heap: list[tuple[int, int, Pair, int]] = []

    def propose(at: int) -> None:
        pair = ids[at], ids[after[at]]
        if pair in merges:
            rank, token = merges[pair]
            heapq.heappush(heap, (rank, at, pair, token))

    for at in range(end):
        propose(at)
    while heap:
        # Take the pair of the lowest rank, if both still stand there
        _, at, pair, token = heapq.heappop(heap)
        follower = after[at]
        if (ids[at], ids[follower]) != pair:
            continue
        # Join them, and propose the pairs that this has made
        ids[at], ids[follower] = token, GONE
        after[at] = after[follower]
        before[after[at]] = at
        propose(before[at])
        propose(at)
    return [id_ for id_ in ids if id_ != GONE]
