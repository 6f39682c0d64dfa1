"""Byte-pair encoding at full speed: the fast twin of ``bpe``.

Most of a text is a few thousand pieces, again and again. So the text
is walked over once: find where a piece ends, look up its ids, write
them. Only a piece that was not met lately is merged.
"""

import heapq
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64, UInt32, UInt64

from hornbook.tokenizer.kernel import Whole, kernel, roomy_kernel
from hornbook.tokenizer.scan import END, Rules, piece_end
from hornbook.tokenizer.tables import (
    NEVER,
    SHORT,
    Bytes,
    Ids,
    Starts,
    Table,
    Tables,
    find_whole,
    key_of,
    mix,
    pair_rank,
    part_end,
)

NEAR = 255
"""Pieces with more bytes than this are merged by way of a heap."""

FEW = 5
"""Pieces with more ids than this are not remembered."""

REMEMBERED = 1 << 17
"""How many pieces a thread remembers, at 32 bytes each."""

ID = 0xFFFFFF
"""The bits of an id."""


Links = Int64[np.ndarray, "size"]


class Room(NamedTuple):
    """What encoding writes to, one for each thread."""

    memory: Table
    """Pieces met lately: the key in two words, the ids in two more."""
    order: UInt32[np.ndarray, "size"]
    """While a piece is merged, each pair's rank and place."""
    before: Int64[np.ndarray, "size"]
    after: Int64[np.ndarray, "size"]
    """And where the tokens beside each begin."""


@kernel
def ordered(rank: Whole, place: Whole) -> Whole:
    """Write a rank and a place so that the lowest rank is least."""
    return NEVER if rank == NEVER else rank << 8 | place


@kernel
def merge_near(
    text: Bytes,
    at: Whole,
    size: Whole,
    tables: Tables,
    room: Room,
    ids: Ids,
) -> Whole:
    """Merge a piece of up to 255 bytes into ``ids``; count them.

    Each pair's rank and place are one number, so that looking for the
    least of them, which the processor does for many at a time, finds
    the leftmost pair of the lowest rank.
    """
    # Order the pairs of the bytes
    order, before, after = room.order, room.before, room.after
    link_bytes(text, at, size, tables, ids, before, after)
    for k in range(size - 1):
        rank = tables.byte_ranks[text[at + k], text[at + k + 1]]
        order[k] = ordered(rank, k)
    end = size + 31 & ~31
    order[size - 1 : end] = NEVER

    while True:
        # Join the first pair in that order
        least: Whole = np.uint32(NEVER)
        for k in range(end):
            least = min(least, order[k])
        if least == NEVER:
            return close_gaps(ids, after, size)
        k = int(least & 0xFF)
        ids[k] = tables.joined[least >> 8]
        order[k] = order[after[k]] = NEVER
        after[k] = after[after[k]]
        before[after[k]] = k

        # Order the two pairs that this has made
        follower, leader = after[k], before[k]
        if follower < size:
            rank = pair_rank(ids[k], ids[follower], tables.pairs)
            order[k] = ordered(rank, k)
        if leader >= 0:
            rank = pair_rank(ids[leader], ids[k], tables.pairs)
            order[leader] = ordered(rank, leader)


@kernel
def link_bytes(
    text: Bytes,
    at: Whole,
    size: Whole,
    tables: Tables,
    ids: Ids,
    before: Links,
    after: Links,
) -> None:
    """Write bytes as tokens, each linked to those beside it."""
    for k in range(size):
        ids[k] = tables.alphabet[text[at + k]]
        before[k], after[k] = k - 1, k + 1


@kernel
def close_gaps(ids: Ids, after: Links, size: Whole) -> Whole:
    """Move the tokens that are left side by side; count them."""
    k, count = 0, 0
    while k < size:
        ids[count] = ids[k]
        k, count = after[k], count + 1
    return count


@kernel
def recall(entry: UInt64[np.ndarray, "4"], ids: Ids, n: Whole) -> Whole:
    """Write five ids, of which so many count as is returned.

    To write too many is faster than to ask how many there are.
    """
    first, second = entry[2], entry[3]
    ids[n] = first & np.uint64(ID)
    ids[n + 1] = first >> np.uint64(24) & np.uint64(ID)
    ids[n + 2] = second & np.uint64(ID)
    ids[n + 3] = second >> np.uint64(24) & np.uint64(ID)
    ids[n + 4] = first >> np.uint64(48) << np.uint64(
        8
    ) | second >> np.uint64(48) & np.uint64(0xFF)
    return np.int64(second >> np.uint64(56))


@kernel
def remember(
    entry: UInt64[np.ndarray, "4"],
    low: Whole,
    high: Whole,
    ids: Ids,
    n: Whole,
    count: Whole,
) -> None:
    """Keep a piece and its ids in the place of another.

    Five ids of three bytes and their number fill two words.
    """
    first, second = np.uint64(ids[n + 4]), np.uint64(count)
    second = second << np.uint64(8) | first & np.uint64(0xFF)
    first = first >> np.uint64(8) & np.uint64(0xFFFF)
    for k in (1, 0):
        id_ = np.uint64(ids[n + k]) & np.uint64(ID)
        first = first << np.uint64(24) | id_
        id_ = np.uint64(ids[n + 2 + k]) & np.uint64(ID)
        second = second << np.uint64(24) | id_
    entry[0], entry[1], entry[2], entry[3] = low, high, first, second


@kernel
def encode_known(
    text: Bytes, at: Whole, size: Whole, room: Room, ids: Ids, n: Whole
) -> Whole:
    """Write the ids of a piece that is remembered; count them, or 0."""
    low, high = key_of(text, at, size)
    last = np.uint64(len(room.memory) - 1)
    entry = room.memory[mix(low, high) & last]
    if entry[0] != low or entry[1] != high:
        return 0
    return recall(entry, ids, n)


@kernel
def encode_new(
    text: Bytes,
    at: Whole,
    size: Whole,
    tables: Tables,
    room: Room,
    ids: Ids,
) -> Whole:
    """Find the ids of a piece, and remember; count them."""
    count, ids[0] = 1, find_whole(text, at, size, tables)
    if ids[0] == NEVER:
        count = merge_near(text, at, size, tables, room, ids)
    if size <= SHORT and count <= FEW:
        low, high = key_of(text, at, size)
        last = np.uint64(len(room.memory) - 1)
        entry = room.memory[mix(low, high) & last]
        remember(entry, low, high, ids, 0, count)
    return count


@kernel
def encode_documents(
    text: Bytes,
    shared: tuple[Any, ...],
    own: tuple[Any, ...],
    options: tuple[Any, ...],
    ids: Ids,
    ends: Int64[np.ndarray, "documents"],
    cursor: Int64[np.ndarray, "4"],
) -> Whole:
    """Write the ids of documents, and where those of each end.

    The cursor tells the document, the byte and the id to go on with,
    and the end of the piece. The kernel stops before a part that is
    not near, and gives its bytes. (Plain tuples pass fastest.)
    """
    tables, room, rules = Tables(*shared), Room(*own), Rules(*options)
    document, at, n, end = cursor
    stop = at
    while document < len(ends):
        while text[at] != END:
            # Take a piece, or of a long one the next part
            if at == end:
                end = stop = piece_end(text, at, tables.kinds, rules)
            if stop == at or stop - at > SHORT:
                stop = part_end(text, at, end, tables)

            # Recall its ids, or those of a part of it, or find them
            size, count = stop - at, 0
            if size <= SHORT:
                count = encode_known(text, at, size, room, ids, n)
            if count == 0 and stop == end:
                stop = part_end(text, at, end, tables)
                if stop < end:
                    continue
            if size > NEAR:
                cursor[0], cursor[1] = document, at
                cursor[2], cursor[3] = n, end
                return size
            if count == 0:
                new = ids[n:]
                count = encode_new(text, at, size, tables, room, new)
            at, n = stop, n + count
        ends[document] = n
        document, at, end = document + 1, at + 1, at + 1
    return 0


@roomy_kernel
def encode_far(
    text: Bytes,
    shared: tuple[Any, ...],
    ids: Ids,
    cursor: Int64[np.ndarray, "4"],
    size: Whole,
) -> None:
    """Write the ids of a long part where ``encode_documents`` stops."""
    tables, at, n = Tables(*shared), cursor[1], cursor[2]
    count, ids[n] = 1, find_whole(text, at, size, tables)
    if ids[n] == NEVER:
        count = merge_far(text, at, size, tables, ids[n:])
    cursor[1], cursor[2] = at + size, n + count


@roomy_kernel
def merge_far(
    text: Bytes, at: Whole, size: Whole, tables: Tables, ids: Ids
) -> Whole:
    """Merge a piece of any length: ``merge_long`` on arrays."""
    # Put the pairs of the bytes in a heap
    before, after = np.empty((2, size + 1), np.int64)
    link_bytes(text, at, size, tables, ids, before, after)
    ranks = np.full(size + 1, NEVER)
    heap: list[tuple[Whole, Whole]] = [(0, 0) for _ in range(0)]
    for k in range(size - 1):
        ranks[k] = tables.byte_ranks[text[at + k], text[at + k + 1]]
        if ranks[k] != NEVER:
            heap.append((ranks[k], k))
    heapq.heapify(heap)

    while heap:
        # Join the leftmost pair of the lowest rank, if it still stands
        rank, k = heapq.heappop(heap)
        if ranks[k] != rank:
            continue
        ids[k] = tables.joined[rank]
        ranks[k] = ranks[after[k]] = NEVER
        after[k] = after[after[k]]
        before[after[k]] = k

        # Propose the two pairs that this has made
        for p in (before[k], k):
            if p >= 0 and after[p] < size:
                left, right = ids[p], ids[after[p]]
                ranks[p] = pair_rank(left, right, tables.pairs)
                if ranks[p] != NEVER:
                    heapq.heappush(heap, (ranks[p], p))
    return close_gaps(ids, after, size)


@kernel
def choose_whole(
    starts: Starts,
    tokens: Ids,
    tables: Tables,
    room: Room,
    ids: Ids,
    chosen: Bytes,
) -> None:
    """Choose the tokens that merging makes of their own bytes."""
    for k in range(len(tokens)):
        at, size = starts[k], starts[k + 1] - starts[k]
        chosen[k] = 0
        if size <= NEAR:
            count = merge_near(
                tables.spelled, at, size, tables, room, ids
            )
            chosen[k] = count == 1 and ids[0] == tokens[k]


@kernel
def fill_memory(
    starts: Starts,
    tokens: Ids,
    chosen: Bytes,
    tables: Tables,
    memory: Table,
    ids: Ids,
) -> None:
    """Remember the tokens that are chosen, the first the surest."""
    last = np.uint64(len(memory) - 1)
    for j in range(len(tokens)):
        k = len(tokens) - 1 - j
        at, size = starts[k], starts[k + 1] - starts[k]
        if chosen[k] and size <= SHORT:
            low, high = key_of(tables.spelled, at, size)
            ids[0] = tokens[k]
            entry = memory[mix(low, high) & last]
            remember(entry, low, high, ids, 0, 1)
