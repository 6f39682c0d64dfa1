"""Learning merges at full speed: the fast twin of ``learn_merges``.

All distinct pieces lie in one row of tokens, a wall before each. A
joined pair leaves its token at its first place; the next token stands
as many places on as the token has bytes, and at a token's last place is
written how far its first is. So joining moves nothing.

A pair arises where one of its tokens is made, all at once, and only
ever loses after that. So each join collects the neighbours that it
meets, and every new pair gets its count and its list of places whole.

Most pairs are rare and will never join. So those below a floor are not
even entered; when no other is left, the floor sinks, and all pairs are
counted anew.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from hornbook.tokenizer.kernel import Whole, kernel
from hornbook.tokenizer.pairs_fast import (
    Pairs,
    Used,
    find_pair,
    known_pair,
    pop,
    push,
)
from hornbook.tokenizer.tables import pair_of

WALL, GONE = -1, -2
"""What stands before a piece, and inside a token. At its last place
stands ``GONE`` less the way to its first."""

NOWHERE = -1
"""Where the places are written of a pair that is not entered."""


class Row(NamedTuple):
    """The pieces as tokens, side by side."""

    tokens: Int32[np.ndarray, "size"]
    piece: Int32[np.ndarray, "size"]
    """The number of the piece."""
    repeats: Int64[np.ndarray, "pieces"]
    """How often each piece occurs."""
    lengths: Int64[np.ndarray, "vocab"]
    """The bytes of each token."""
    places: Int32[np.ndarray, "rows"]
    """For pair after pair: where it arose."""


class Met(NamedTuple):
    """The neighbours that one join has met on a side."""

    gain: Int64[np.ndarray, "vocab"]
    loss: Int64[np.ndarray, "vocab"]
    many: Int64[np.ndarray, "vocab"]
    next: Int64[np.ndarray, "vocab"]
    """By token: what its pairs gain and lose, how many places the new
    one has, and where the next of them is written."""
    tokens: Int32[np.ndarray, "rows"]
    places: Int32[np.ndarray, "rows"]
    """One by one: the neighbour, and the place of the new pair."""


@kernel
def lay_out(
    spelled: UInt8[np.ndarray, "size"],
    starts: Int64[np.ndarray, "pieces"],
    alphabet: Int32[np.ndarray, "256"],
    row: Row,
) -> None:
    """Write the pieces as tokens of one byte, a wall before each."""
    at = 0
    for piece in range(len(row.repeats)):
        row.tokens[at] = WALL
        at += 1
        for k in range(starts[piece], starts[piece + 1]):
            row.tokens[at] = alphabet[spelled[k]]
            row.piece[at] = piece
            at += 1
    row.tokens[at] = WALL


@kernel
def behind(at: Whole, row: Row) -> Whole:
    """Give the place of the next token, or of the next wall."""
    token = row.tokens[at]
    return at + 1 if token == WALL else at + row.lengths[token]


@kernel
def count_pairs(row: Row, pairs: Pairs, used: Used) -> bool:
    """Count all pairs of neighbours, unless there are too many."""
    at = 0
    while at < len(row.tokens) - 1:
        follower = behind(at, row)
        left, right = row.tokens[at], row.tokens[follower]
        if left >= 0 and right >= 0:
            if used.pairs[0] == len(pairs.keys):
                return False
            pair = find_pair(left, right, pairs, used)
            pairs.counts[pair] += row.repeats[row.piece[at]]
            pairs.many[pair] += 1
        at = follower
    return True


@kernel
def list_places(row: Row, pairs: Pairs) -> None:
    """Write where the pairs stand that were kept."""
    at = 0
    while at < len(row.tokens) - 1:
        follower = behind(at, row)
        left, right = row.tokens[at], row.tokens[follower]
        if left >= 0 and right >= 0:
            pair = known_pair(left, right, pairs)
            if pair >= 0:
                place = pairs.first[pair] + pairs.many[pair]
                row.places[place] = at
                pairs.many[pair] += 1
        at = follower


@kernel
def note(
    met: Met,
    n: Whole,
    token: Whole,
    place: Whole,
    gain: Whole,
    loss: Whole,
) -> Whole:
    """Note a neighbour and the place of the pair with it."""
    met.gain[token] += gain
    met.loss[token] += loss
    met.many[token] += 1
    met.tokens[n], met.places[n] = token, place
    return n + 1


@kernel
def join_places(
    pair: Whole,
    new: Whole,
    row: Row,
    pairs: Pairs,
    before: Met,
    after: Met,
) -> tuple[Whole, Whole]:
    """Join a pair in all its places; note whom it meets there."""
    left, right = pair_of(pairs.keys[pair])
    tokens, lengths = row.tokens, row.lengths
    n_before, n_after = 0, 0
    first = pairs.first[pair]
    for index in range(first, first + pairs.many[pair]):
        # Join, if the pair still stands there
        at = row.places[index]
        middle = at + lengths[left]
        if tokens[at] != left or tokens[middle] != right:
            continue
        end = middle + lengths[right]
        tokens[at], tokens[middle] = new, GONE
        tokens[end - 1] = GONE - (end - 1 - at)
        repeats = row.repeats[row.piece[at]]

        # Note the neighbours; one before may be new itself
        place = at - 1
        place -= max(GONE - tokens[place], 0)
        token = tokens[place]
        if token >= 0:
            lost = repeats if token != new else 0
            n_before = note(
                before, n_before, token, place, repeats, lost
            )
            if token == new:
                after.gain[left] -= repeats
        token = tokens[end]
        if token >= 0:
            n_after = note(after, n_after, token, at, repeats, repeats)
    pairs.counts[pair] = pairs.many[pair] = 0
    return n_before, n_after


@kernel
def settle(
    met: Met,
    n: Whole,
    old: tuple[Whole, Whole],
    new: tuple[Whole, Whole],
    row: Row,
    pairs: Pairs,
    used: Used,
    floor: Whole,
) -> None:
    """Take from old pairs, and enter the new, on one side of a join.

    A pair is given by two tokens, of which -1 is the neighbour. One
    that occurs less often than ``floor`` is not entered.
    """
    for index in range(n):
        token = met.tokens[index]
        if met.many[token] > 0:
            # Take from the pair that the neighbour had
            if met.loss[token] > 0:
                pair = known_pair(*with_token(old, token), pairs)
                if pair >= 0:
                    pairs.counts[pair] -= met.loss[token]

            # Enter its new pair
            met.next[token] = NOWHERE
            if met.gain[token] >= floor:
                pair = find_pair(*with_token(new, token), pairs, used)
                pairs.counts[pair] = met.gain[token]
                pairs.first[pair] = met.next[token] = used.places[0]
                pairs.many[pair] = met.many[token]
                used.places[0] += met.many[token]
                push(pair, pairs, used)
            met.gain[token] = met.loss[token] = met.many[token] = 0

        # Write the place
        if met.next[token] != NOWHERE:
            row.places[met.next[token]] = met.places[index]
            met.next[token] += 1


@kernel
def with_token(
    pair: tuple[Whole, Whole], token: Whole
) -> tuple[Whole, Whole]:
    """Put a neighbour where a pair has -1."""
    left, right = pair
    return token if left < 0 else left, token if right < 0 else right


@kernel
def take_best(
    row: Row, pairs: Pairs, used: Used, floor: Whole, longest: Whole
) -> Whole:
    """Take the most frequent pair, or give -1 if there is none.

    A count that is out of date goes back into the heap, corrected.
    """
    while used.heap[0] > 0:
        count, pair = pop(pairs, used)
        now = pairs.counts[pair]
        left, right = pair_of(pairs.keys[pair])
        size = row.lengths[left] + row.lengths[right]
        if now >= floor and size <= longest:
            if count == now:
                return pair
            push(pair, pairs, used)
    return -1


@kernel
def learn(
    row: Row,
    pairs: Pairs,
    used: Used,
    before: Met,
    after: Met,
    merges: Int64[np.ndarray, "rows 3"],
    start: Whole,
    end: Whole,
    floor: Whole,
    longest: Whole,
) -> Whole:
    """Learn merges from ``start`` to ``end``: left, right and count.

    No token gets more bytes than the ``longest``. Returns how many
    there are, also when no pair is left that occurs ``floor`` times
    (the heap is empty then), or more pairs need room.
    """
    alphabet = len(row.lengths) - len(merges)
    for step in range(start, end):
        # Take a pair, if there is room for what may arise from it
        pair = take_best(row, pairs, used, floor, longest)
        if pair < 0:
            return step
        if used.pairs[0] + 2 * pairs.many[pair] > len(pairs.keys):
            push(pair, pairs, used)
            return step

        # Join it everywhere
        left, right = pair_of(pairs.keys[pair])
        new = alphabet + step
        merges[step, 0], merges[step, 1] = left, right
        merges[step, 2] = pairs.counts[pair]
        row.lengths[new] = row.lengths[left] + row.lengths[right]
        n_before, n_after = join_places(
            pair, new, row, pairs, before, after
        )
        old, made = (-1, left), (-1, new)
        settle(before, n_before, old, made, row, pairs, used, floor)
        old, made = (right, -1), (new, -1)
        settle(after, n_after, old, made, row, pairs, used, floor)
    return end
