"""All pairs of tokens that may join, the most frequent at the top."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from hornbook.tokenizer.kernel import Whole, kernel
from hornbook.tokenizer.tables import mix, pair_key


class Pairs(NamedTuple):
    """All pairs that ever arose, and those that may join next."""

    keys: UInt64[np.ndarray, "rows"]
    counts: Int64[np.ndarray, "rows"]
    first: Int64[np.ndarray, "rows"]
    many: Int64[np.ndarray, "rows"]
    """How often a pair occurs; which of the places are its own."""
    slots: Int32[np.ndarray, "columns"]
    """The number of a pair plus one, found by its key."""
    heap: Int64[np.ndarray, "rows 2"]
    """Counts, perhaps out of date, and pairs, the best at the top."""


class Used(NamedTuple):
    """How much of the arrays is in use, as arrays of one number."""

    pairs: Int64[np.ndarray, "1"]
    places: Int64[np.ndarray, "1"]
    heap: Int64[np.ndarray, "1"]


@kernel
def find_slot(key: Whole, pairs: Pairs) -> Whole:
    """Find where a pair stands, or where it may."""
    last = np.uint64(len(pairs.slots) - 1)
    slot = mix(key, key) & last
    while pairs.slots[slot] != 0:
        if pairs.keys[pairs.slots[slot] - 1] == key:
            break
        slot = (slot + np.uint64(1)) & last
    return slot


@kernel
def known_pair(left: Whole, right: Whole, pairs: Pairs) -> Whole:
    """Give the number of a pair, or -1 if it was not entered."""
    slot = find_slot(pair_key(left, right), pairs)
    return pairs.slots[slot] - 1


@kernel
def find_pair(
    left: Whole, right: Whole, pairs: Pairs, used: Used
) -> Whole:
    """Give the number of a pair; a new one gets the next."""
    key = pair_key(left, right)
    slot = find_slot(key, pairs)
    if pairs.slots[slot] != 0:
        return pairs.slots[slot] - 1
    pair = used.pairs[0]
    used.pairs[0] += 1
    pairs.slots[slot] = pair + 1
    pairs.keys[pair] = key
    pairs.counts[pair] = pairs.many[pair] = 0
    return pair


@kernel
def better(
    count: Whole,
    pair: Whole,
    other: Int64[np.ndarray, "2"],
    pairs: Pairs,
) -> bool:
    """Tell whether a pair joins before another in the heap."""
    if count != other[0]:
        return bool(count > other[0])
    return bool(pairs.keys[pair] < pairs.keys[other[1]])


@kernel
def push(pair: Whole, pairs: Pairs, used: Used) -> None:
    """Put a pair in the heap, under its count."""
    heap, count, at = pairs.heap, pairs.counts[pair], used.heap[0]
    used.heap[0] += 1
    while at > 0:
        above = (at - 1) // 2
        if not better(count, pair, heap[above], pairs):
            break
        heap[at, 0], heap[at, 1] = heap[above, 0], heap[above, 1]
        at = above
    heap[at, 0], heap[at, 1] = count, pair


@kernel
def pop(pairs: Pairs, used: Used) -> tuple[Whole, Whole]:
    """Take the best count, and its pair, out of the heap."""
    # Let the last one sink from the top
    heap = pairs.heap
    best_count, best = heap[0, 0], heap[0, 1]
    used.heap[0] -= 1
    end, at = used.heap[0], 0
    count, pair = heap[end, 0], heap[end, 1]
    while 2 * at + 1 < end:
        below = 2 * at + 1
        if below + 1 < end:
            right = heap[below + 1]
            if better(right[0], right[1], heap[below], pairs):
                below += 1
        if better(count, pair, heap[below], pairs):
            break
        heap[at, 0], heap[at, 1] = heap[below, 0], heap[below, 1]
        at = below
    heap[at, 0], heap[at, 1] = count, pair
    return best_count, best


@kernel
def enter_again(pairs: Pairs, known: Whole) -> None:
    """Enter the known pairs in empty slots."""
    for pair in range(known):
        pairs.slots[find_slot(pairs.keys[pair], pairs)] = pair + 1


@kernel
def keep_frequent(pairs: Pairs, used: Used, floor: Whole) -> None:
    """Keep the pairs that occur at least ``floor`` times.

    Each gets its part of the list of places, still empty.
    """
    known, used.pairs[0] = used.pairs[0], 0
    for pair in range(known):
        if pairs.counts[pair] >= floor:
            kept = used.pairs[0]
            pairs.keys[kept] = pairs.keys[pair]
            pairs.counts[kept] = pairs.counts[pair]
            pairs.first[kept] = used.places[0]
            used.places[0] += pairs.many[pair]
            used.pairs[0] += 1
    for slot in range(len(pairs.slots)):
        pairs.slots[slot] = 0
    enter_again(pairs, used.pairs[0])
    for pair in range(used.pairs[0]):
        pairs.many[pair] = 0
        push(pair, pairs, used)
