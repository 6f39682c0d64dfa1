"""A vocabulary as tables that machine code looks things up in.

A table is twice as long as it need be. A key is turned into a place
where it may stand; if another stands there, the next place is tried.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8, UInt16, UInt32, UInt64

from hornbook.tokenizer.kernel import Whole, kernel
from hornbook.tokenizer.scan import load_word

SHORT = 15
"""A piece of so many bytes is its own key; of a longer one, a sum."""

NEVER = 0xFFFFFFFF
"""The rank of two tokens that do not join: after all others. Also
the id of what is no token."""

WORD = 0xFFFFFFFFFFFFFFFF
HALF = 0xFFFFFFFF
FIRST_ODD = 0x9E3779B97F4A7C15
SECOND_ODD = 0xD6E8FEB86659FD93
"""All bits of a word and of half of it; two large odd numbers."""

BOTH, ONE_BEFORE, ONE_AFTER = 0, 1, 2
"""Whether a token has two bytes on both sides of a place, or one."""

Bytes = UInt8[np.ndarray, "size"]
Ids = UInt32[np.ndarray, "tokens"]
Table = UInt64[np.ndarray, "rows columns"]
Starts = Int64[np.ndarray, "rows"]


class Tables(NamedTuple):
    """What encoding reads, the same for all threads."""

    kinds: UInt16[np.ndarray, "rows"]
    """The kinds of characters."""
    whole: Table
    """Each token: its key in two words, its id, where it is spelled."""
    spelled: Bytes
    """The bytes of all tokens in a row."""
    alphabet: Ids
    """The id of each byte."""
    byte_ranks: UInt32[np.ndarray, "rows columns"]
    """The rank at which two bytes join."""
    pairs: Table
    """Each pair that joins: its key, and its rank plus one."""
    joined: Ids
    """The token that each rank makes."""
    bridges: UInt64[np.ndarray, "rows"]
    """Bits for the bytes around every place inside a token."""


@kernel
def key_of(text: Bytes, at: Whole, size: Whole) -> tuple[Whole, Whole]:
    """Name a piece by two words.

    Up to 15 bytes, the words hold the piece itself and its length. Of
    a longer one they hold a sum, and the bytes must be compared.
    """
    if size <= SHORT:
        first, rest = min(size, 8), max(size - 8, 0)
        low, high = load_word(text, at), load_word(text, at + 8)
        low &= np.uint64(WORD) >> np.uint64(64 - 8 * first)
        high &= (np.uint64(1) << np.uint64(8 * rest)) - np.uint64(1)
        return low, high | np.uint64(size) << np.uint64(56)
    low = np.uint64(size)
    for k in range(size):
        low = (low ^ np.uint64(text[at + k])) * np.uint64(FIRST_ODD)
    return low, np.uint64(size) | np.uint64(255) << np.uint64(56)


@kernel
def size_of(high: Whole) -> Whole:
    """Give the bytes of the piece whose key has this second word."""
    size = np.uint64(high) >> np.uint64(56)
    if size == 255:
        size = np.uint64(high) & np.uint64(WORD >> 8)
    return np.int64(size)


@kernel
def mix(low: Whole, high: Whole) -> Whole:
    """Spread two words over one, of which the low bits are taken."""
    word = np.uint64(low) ^ np.uint64(high) * np.uint64(FIRST_ODD)
    word *= np.uint64(SECOND_ODD)
    return word ^ word >> np.uint64(32)


@kernel
def same_bytes(
    a: Bytes, i: Whole, b: Bytes, j: Whole, size: Whole
) -> bool:
    """Compare what the keys of long pieces do not tell."""
    for k in range(0 if size > SHORT else size, size):
        if a[i + k] != b[j + k]:
            return False
    return True


@kernel
def find_whole(
    text: Bytes, at: Whole, size: Whole, tables: Tables
) -> Whole:
    """Give the id of a piece that is one token, or ``NEVER``."""
    low, high = key_of(text, at, size)
    whole, last = tables.whole, np.uint64(len(tables.whole) - 1)
    slot = mix(low, high) & last
    while whole[slot, 1] != 0:
        if whole[slot, 0] == low and whole[slot, 1] == high:
            start = np.int64(whole[slot, 3])
            if same_bytes(tables.spelled, start, text, at, size):
                return np.int64(whole[slot, 2])
        slot = (slot + np.uint64(1)) & last
    return NEVER


@kernel
def pair_key(left: Whole, right: Whole) -> Whole:
    """Write two ids as one number."""
    return np.uint64(left) << np.uint64(32) | np.uint64(right)


@kernel
def pair_of(key: Whole) -> tuple[Whole, Whole]:
    """Read two ids from one number."""
    left, right = key >> np.uint64(32), key & np.uint64(HALF)
    return np.int64(left), np.int64(right)


@kernel
def pair_rank(left: Whole, right: Whole, pairs: Table) -> Whole:
    """Give the rank at which two tokens join, or ``NEVER``."""
    key, last = pair_key(left, right), np.uint64(len(pairs) - 1)
    slot = mix(key, key) & last
    while pairs[slot, 1] != 0:
        if pairs[slot, 0] == key:
            return np.int64(pairs[slot, 1]) - 1
        slot = (slot + np.uint64(1)) & last
    return NEVER


@kernel
def bridge_bit(around: Whole, sides: Whole) -> tuple[Whole, Whole]:
    """Give the word and the bit for some bytes around a place."""
    wide = np.uint64(around) | np.uint64(sides) << np.uint64(32)
    mixed = wide * np.uint64(SECOND_ODD) >> np.uint64(36)
    bit = np.uint64(1) << (mixed & np.uint64(63))
    return mixed >> np.uint64(6), bit


@kernel
def bridged(around: Whole, sides: Whole, tables: Tables) -> bool:
    """Tell whether a token may hold these bytes around a place."""
    word, bit = bridge_bit(around, sides)
    last = np.uint64(len(tables.bridges) - 1)
    return bool(tables.bridges[word & last] & bit != 0)


@kernel
def part_end(
    text: Bytes, at: Whole, end: Whole, tables: Tables
) -> Whole:
    """Find the first place in a long piece that no token spans.

    Nothing ever joins across it, so that the parts of the piece can be
    encoded one by one, and remembered. A token that spans a place has
    two bytes on each side of it, or just one: four cases.
    """
    for place in range(at + 2, end):
        if text[place] & 0xC0 == 0x80:
            continue
        around = load_word(text, place - 2) & np.uint64(HALF)
        if bridged(around, BOTH, tables):
            continue
        if bridged(around >> np.uint64(8), ONE_BEFORE, tables):
            continue
        if bridged(around & np.uint64(HALF >> 8), ONE_AFTER, tables):
            continue
        if tables.byte_ranks[text[place - 1], text[place]] == NEVER:
            return place
    return end


@kernel
def fill_pairs(
    pairs: Table, joins: Int64[np.ndarray, "rows 3"]
) -> None:
    """Enter left and right tokens with the ranks at which they join."""
    last = np.uint64(len(pairs) - 1)
    for k in range(len(joins)):
        key = pair_key(joins[k, 0], joins[k, 1])
        slot = mix(key, key) & last
        while pairs[slot, 1] != 0:
            slot = (slot + np.uint64(1)) & last
        pairs[slot, 0], pairs[slot, 1] = key, joins[k, 2] + 1


@kernel
def fill_whole(
    starts: Starts, tokens: Ids, chosen: Bytes, tables: Tables
) -> None:
    """Enter the tokens that are chosen."""
    whole, spelled = tables.whole, tables.spelled
    last = np.uint64(len(whole) - 1)
    for k in range(len(tokens)):
        if chosen[k] == 0:
            continue
        at, size = starts[k], starts[k + 1] - starts[k]
        low, high = key_of(spelled, at, size)
        slot = mix(low, high) & last
        while whole[slot, 1] != 0:
            slot = (slot + np.uint64(1)) & last
        whole[slot, 0], whole[slot, 1] = low, high
        whole[slot, 2], whole[slot, 3] = tokens[k], at


@kernel
def fill_bridges(starts: Starts, tables: Tables) -> None:
    """Note the bytes around every place inside a token."""
    spelled, bridges = tables.spelled, tables.bridges
    last = np.uint64(len(bridges) - 1)
    for k in range(len(starts) - 1):
        start, end = starts[k], starts[k + 1]
        for place in range(start + 1, end):
            # Take up to two bytes on each side
            first, behind = max(place - 2, start), min(place + 2, end)
            around = np.uint64(0)
            for j in range(first, behind):
                byte = np.uint64(spelled[j])
                around |= byte << np.uint64(8 * (j - first))

            # Two bytes in all are in the table of byte pairs
            sides = BOTH
            if place - start == 1:
                sides = ONE_BEFORE
            elif end - place == 1:
                sides = ONE_AFTER
            if behind - first > 2:
                word, bit = bridge_bit(around, sides)
                bridges[word & last] |= bit
