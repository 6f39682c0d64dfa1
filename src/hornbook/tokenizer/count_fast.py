"""Counting distinct pieces at full speed: cut, look up, add one."""

from typing import Any

import numpy as np
from jaxtyping import Int64, UInt16, UInt64

from hornbook.tokenizer.kernel import Whole, kernel
from hornbook.tokenizer.scan import END, PAD, Rules, piece_end
from hornbook.tokenizer.tables import (
    Bytes,
    Starts,
    Table,
    key_of,
    mix,
    same_bytes,
    size_of,
)

MARGIN = len(PAD)
"""So many bytes are read where a key is made of fewer."""


@kernel
def find_place(
    text: Bytes, at: Whole, size: Whole, seen: Table, spelled: Bytes
) -> Whole:
    """Find where a piece stands in the table, or where it may."""
    low, high = key_of(text, at, size)
    last = np.uint64(len(seen) - 1)
    slot = mix(low, high) & last
    while seen[slot, 1] != 0:
        if seen[slot, 0] == low and seen[slot, 1] == high:
            start = np.int64(seen[slot, 3])
            if same_bytes(spelled, start, text, at, size):
                break
        slot = (slot + np.uint64(1)) & last
    return np.int64(slot)


@kernel
def count_piece(
    text: Bytes,
    at: Whole,
    size: Whole,
    times: Whole,
    seen: Table,
    spelled: Bytes,
    used: Int64[np.ndarray, "2"],
) -> bool:
    """Count a piece, unless it is new and there is no room for it.

    ``used`` holds how many pieces and how many bytes are known.
    """
    slot = find_place(text, at, size, seen, spelled)
    if seen[slot, 1] == 0:
        # Enter it
        pieces, end = used
        full = end + size + MARGIN > len(spelled)
        if full or 2 * pieces >= len(seen):
            return False
        seen[slot, 0], seen[slot, 1] = key_of(text, at, size)
        seen[slot, 3] = end
        for k in range(size):
            spelled[end + k] = text[at + k]
        used[0], used[1] = pieces + 1, end + size
    seen[slot, 2] += np.uint64(times)
    return True


@kernel
def count_documents(
    text: Bytes,
    at: Whole,
    size: Whole,
    kinds: UInt16[np.ndarray, "rows"],
    options: tuple[Any, ...],
    seen: Table,
    spelled: Bytes,
    used: Int64[np.ndarray, "2"],
) -> Whole:
    """Count the pieces of documents, from byte ``at`` to ``size``.

    Returns where it stopped: before that, if room is short.
    """
    rules = Rules(*options)
    while at < size:
        if text[at] == END:
            at += 1
            continue
        end = piece_end(text, at, kinds, rules)
        if not count_piece(text, at, end - at, 1, seen, spelled, used):
            return at
        at = end
    return at


@kernel
def add_counts(
    slot: Whole,
    over: Whole,
    other: Table,
    other_spelled: Bytes,
    seen: Table,
    spelled: Bytes,
    used: Int64[np.ndarray, "2"],
) -> Whole:
    """Add another's counts, from a slot on; return where it stopped.

    Only pieces that it has counted more than ``over`` times count.
    """
    while slot < len(other):
        size, start = size_of(other[slot, 1]), np.int64(other[slot, 3])
        times = np.int64(other[slot, 2])
        if times > over and not count_piece(
            other_spelled, start, size, times, seen, spelled, used
        ):
            return slot
        slot += 1
    return slot


@kernel
def move_counts(old: Table, new: Table) -> None:
    """Enter what one table holds in a larger one."""
    last = np.uint64(len(new) - 1)
    for k in range(len(old)):
        if old[k, 1] != 0:
            slot = mix(old[k, 0], old[k, 1]) & last
            while new[slot, 1] != 0:
                slot = (slot + np.uint64(1)) & last
            for column in range(4):
                new[slot, column] = old[k, column]


@kernel
def list_pieces(
    seen: Table,
    spelled: Bytes,
    row: Bytes,
    starts: Starts,
    counts: UInt64[np.ndarray, "pieces"],
) -> None:
    """Write the pieces in a row, with where each starts, and counts."""
    piece, at = 0, 0
    for slot in range(len(seen)):
        if seen[slot, 1] != 0:
            size = size_of(seen[slot, 1])
            start = np.int64(seen[slot, 3])
            for k in range(size):
                row[at + k] = spelled[start + k]
            counts[piece] = seen[slot, 2]
            piece, at = piece + 1, at + size
            starts[piece] = at
