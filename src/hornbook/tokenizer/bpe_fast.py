"""Byte-pair encoding at full speed: the fast twin of ``bpe``.

Most of a text is a few thousand pieces, again and again. So the text
is walked over once: find where a piece ends, look up its ids, write
them. Only a piece that was not met lately is merged.
"""

import heapq
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8, UInt16, UInt32, UInt64

from hornbook.tokenizer.kernel import kernel, roomy_kernel
from hornbook.tokenizer.scan import Rules, load_word, piece_end

SHORT = 15
"""Pieces with more bytes than this are not remembered."""

NEAR = 255
"""Pieces with more bytes than this are merged by way of a heap."""

FEW = 5
"""Pieces with more ids than this are not remembered."""

NEVER = 0xFFFFFFFF
"""The rank of two tokens that do not join: after all others."""

REMEMBERED = 1 << 17
"""How many pieces a thread remembers, at 32 bytes each."""

END = 0xFF
"""The byte behind every text; UTF-8 never holds it."""

WORD = 0xFFFFFFFFFFFFFFFF
ID = 0xFFFFFF
"""All bits of a word, and those of an id."""

Bytes = UInt8[np.ndarray, "size"]
Ids = UInt32[np.ndarray, "tokens"]
Table = UInt64[np.ndarray, "rows columns"]


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
def key_of(text: Bytes, at: int, size: int) -> tuple[int, int]:
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
        low = (low ^ np.uint64(text[at + k])) * np.uint64(0x100000001B3)
    return low, np.uint64(WORD)


@kernel
def mix(low: int, high: int) -> int:
    """Spread two words over one, of which the low bits are taken."""
    word = np.uint64(low) ^ np.uint64(high) * np.uint64(
        0x9E3779B97F4A7C15
    )
    word *= np.uint64(0xD6E8FEB86659FD93)
    return word ^ word >> np.uint64(32)


@kernel
def find_whole(text: Bytes, at: int, size: int, tables: Tables) -> int:
    """Give the id of a piece that is one token, or -1."""
    low, high = key_of(text, at, size)
    whole, last = tables.whole, np.uint64(len(tables.whole) - 1)
    slot = mix(low, high) & last
    while whole[slot, 1] != 0:
        if whole[slot, 0] == low and whole[slot, 1] == high:
            start = np.int64(whole[slot, 3])
            same = SHORT
            while same < size:
                if tables.spelled[start + same] != text[at + same]:
                    break
                same += 1
            if same >= size:
                return np.int64(whole[slot, 2])
        slot = (slot + np.uint64(1)) & last
    return -1


@kernel
def pair_key(left: int, right: int) -> int:
    """Write two ids as one number."""
    return np.uint64(left) << np.uint64(32) | np.uint64(right)


@kernel
def pair_rank(left: int, right: int, pairs: Table) -> int:
    """Give the rank at which two tokens join, or ``NEVER``."""
    key, last = pair_key(left, right), np.uint64(len(pairs) - 1)
    slot = mix(key, key) & last
    while pairs[slot, 1] != 0:
        if pairs[slot, 0] == key:
            return np.int64(pairs[slot, 1]) - 1
        slot = (slot + np.uint64(1)) & last
    return NEVER


@kernel
def ordered(rank: int, place: int) -> int:
    """Write a rank and a place so that the lowest rank is least."""
    return NEVER if rank == NEVER else rank << 8 | place


@kernel
def merge_near(
    text: Bytes, at: int, size: int, tables: Tables, room: Room, ids: Ids
) -> int:
    """Merge a piece of up to 255 bytes into ``ids``; count them.

    Each pair's rank and place are one number, so that looking for the
    least of them, which the processor does for many at a time, finds
    the leftmost pair of the lowest rank.
    """
    # Write the bytes as tokens, and order their pairs
    order, before, after = room.order, room.before, room.after
    for k in range(size):
        ids[k] = tables.alphabet[text[at + k]]
        before[k], after[k] = k - 1, k + 1
        rank = tables.byte_ranks[text[at + k], text[at + k + 1]]
        order[k] = ordered(rank, k)
    end = size + 31 & ~31
    for k in range(size - 1, end):
        order[k] = NEVER

    while True:
        # Join the first pair in that order
        least = np.uint32(NEVER)
        for k in range(end):
            least = min(least, order[k])
        if least == NEVER:
            break
        k = np.int64(least & 0xFF)
        ids[k] = tables.joined[least >> 8]
        order[after[k]] = NEVER
        after[k] = after[after[k]]

        # Order the two pairs that this has made
        follower, leader = after[k], before[k]
        order[k] = NEVER
        if follower < size:
            before[follower] = k
            rank = pair_rank(ids[k], ids[follower], tables.pairs)
            order[k] = ordered(rank, k)
        if leader >= 0:
            rank = pair_rank(ids[leader], ids[k], tables.pairs)
            order[leader] = ordered(rank, leader)

    # Close the gaps
    k, count = 0, 0
    while k < size:
        ids[count] = ids[k]
        k, count = after[k], count + 1
    return count


@kernel
def encode_piece(
    text: Bytes, at: int, size: int, tables: Tables, room: Room, ids: Ids
) -> int:
    """Write the ids of a piece that is not remembered; count them."""
    id_ = find_whole(text, at, size, tables)
    if id_ < 0:
        return merge_near(text, at, size, tables, room, ids)
    ids[0] = id_
    return 1


@kernel
def recall(entry: UInt64[np.ndarray, "4"], ids: Ids, n: int) -> int:
    """Write five ids, of which so many count as is returned."""
    first, second = entry[2], entry[3]
    ids[n] = first & np.uint64(ID)
    ids[n + 1] = first >> np.uint64(24) & np.uint64(ID)
    ids[n + 2] = second & np.uint64(ID)
    ids[n + 3] = second >> np.uint64(24) & np.uint64(ID)
    ids[n + 4] = first >> np.uint64(48) | second >> np.uint64(48) << np.uint64(16) & np.uint64(ID)
    return np.int64(second >> np.uint64(56))


@kernel
def remember(
    entry: UInt64[np.ndarray, "4"],
    low: int,
    high: int,
    ids: Ids,
    n: int,
    count: int,
) -> None:
    """Keep a piece's ids in the place of another's."""
    fifth = np.uint64(ids[n + 4])
    first = fifth << np.uint64(24) | np.uint64(ids[n + 1] & ID)
    first = first << np.uint64(24) | np.uint64(ids[n])
    second = np.uint64(count) << np.uint64(8) | (fifth >> np.uint64(16) & np.uint64(255))
    second = second << np.uint64(24) | np.uint64(ids[n + 3] & ID)
    second = second << np.uint64(24) | np.uint64(ids[n + 2] & ID)
    entry[0], entry[1], entry[2], entry[3] = low, high, first, second


@kernel
def bridge_bit(around: int, sides: int) -> tuple[int, int]:
    """Give the word and the bit for some bytes around a place."""
    mixed = np.uint64(around | np.uint64(sides) << np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    mixed >>= np.uint64(36)
    return mixed >> np.uint64(6), np.uint64(1) << (mixed & np.uint64(63))


@kernel
def bridged(around: int, sides: int, bridges) -> bool:
    """Tell whether a token may hold these bytes around a place."""
    word, bit = bridge_bit(around, sides)
    return bridges[word & np.uint64(len(bridges) - 1)] & bit != 0


@kernel
def part_end(text: Bytes, at: int, end: int, tables: Tables) -> int:
    """Find the first place in a long piece that no token spans.

    Nothing ever joins across it, so that the parts of the piece can be
    encoded one by one, and remembered. A token that spans a place has
    two bytes on each side of it, or just one: four cases.
    """
    for place in range(at + 2, end):
        if text[place] & 0xC0 == 0x80:
            continue
        around = load_word(text, place - 2) & np.uint64(0xFFFFFFFF)
        if bridged(around, 0, tables.bridges):
            continue
        if bridged(around >> np.uint64(8), 1, tables.bridges):
            continue
        if bridged(around & np.uint64(0xFFFFFF), 2, tables.bridges):
            continue
        if tables.byte_ranks[text[place - 1], text[place]] == NEVER:
            return place
    return end


@kernel
def fill_bridges(starts, tables) -> None:
    spelled, bridges = tables.spelled, tables.bridges
    for k in range(len(starts) - 1):
        at, end = starts[k], starts[k + 1]
        for place in range(at + 1, end):
            if spelled[place] & 0xC0 == 0x80:
                continue
            wide = np.uint64(0)
            for j in range(max(place - 2, at), min(place + 2, end)):
                wide |= np.uint64(spelled[j]) << np.uint64(8 * (j - place + 2))
            one, two = place - at == 1, end - place == 1
            if one and two:
                continue
            if one:
                word, bit = bridge_bit(wide >> np.uint64(8), 1)
            elif two:
                word, bit = bridge_bit(wide, 2)
            else:
                word, bit = bridge_bit(wide, 0)
            bridges[word & np.uint64(len(bridges) - 1)] |= bit


@kernel
def fill_memory(starts, tokens, tables, memory, ids) -> None:
    """Remember."""
    last = np.uint64(len(memory) - 1)
    for j in range(len(tokens)):
        k = len(tokens) - 1 - j
        at, size = starts[k], starts[k + 1] - starts[k]
        if size <= SHORT:
            id_ = find_whole(tables.spelled, at, size, tables)
            if id_ >= 0:
                low, high = key_of(tables.spelled, at, size)
                ids[0] = id_
                remember(memory[mix(low, high) & last], low, high, ids, 0, 1)


@kernel
def encode_documents(
    text: Bytes,
    tables: Tables,
    rules: Rules,
    room: Room,
    ids: Ids,
    ends: Int64[np.ndarray, "documents"],
    cursor: Int64[np.ndarray, "3"],
) -> int:
    """Write the ids of documents, and where those of each end.

    The cursor tells the document, the byte and the id to go on with.
    It stops before a piece that is not near, and gives its bytes.
    """
    document, at, n, end = cursor
    stop, last = at, np.uint64(len(room.memory) - 1)
    while document < len(ends):
        while text[at] != END:
            # Take a piece, or the next part of a long one
            if at == end:
                end = stop = piece_end(text, at, tables.kinds, rules)
                if end - at > SHORT:
                    stop = part_end(text, at, end, tables)
            elif at == stop:
                stop = part_end(text, at, end, tables)

            # Recall its ids
            size = stop - at
            if size <= SHORT:
                low, high = key_of(text, at, size)
                entry = room.memory[mix(low, high) & last]
                if entry[0] == low and entry[1] == high:
                    n += recall(entry, ids, n)
                    at = stop
                    continue

            # What is not remembered may have parts that are
            if stop == end:
                stop = part_end(text, at, end, tables)
                if stop < end:
                    continue

            # Find its ids, and remember
            if size > NEAR:
                cursor[0], cursor[1] = document, at
                cursor[2], cursor[3] = n, end
                return size
            count = encode_piece(text, at, size, tables, room, ids[n:])
            if size <= SHORT and count <= FEW:
                remember(entry, low, high, ids, n, count)
            n, at = n + count, stop
        ends[document] = n
        document, at, end = document + 1, at + 1, at + 1
    return 0


@roomy_kernel
def encode_far(
    text: Bytes,
    tables: Tables,
    ids: Ids,
    cursor: Int64[np.ndarray, "3"],
    size: int,
) -> None:
    """Write the ids of a long piece: ``merge_long`` on arrays."""
    # Take it whole if it is a token
    at, start = cursor[1], cursor[2]
    id_ = find_whole(text, at, size, tables)
    if id_ >= 0:
        ids[start] = id_
        cursor[1], cursor[2] = at + size, start + 1
        return

    # Link the tokens, and put all pairs in a heap
    before, after = np.arange(-1, size), np.arange(1, size + 2)
    ranks = np.full(size + 1, NEVER)
    heap = [(np.int64(0), np.int64(0)) for _ in range(0)]
    for k in range(size):
        ids[start + k] = tables.alphabet[text[at + k]]
    for k in range(size - 1):
        left, right = text[at + k], text[at + k + 1]
        ranks[k] = tables.byte_ranks[left, right]
        if ranks[k] != NEVER:
            heap.append((ranks[k], k))
    heapq.heapify(heap)

    while heap:
        # Join the leftmost pair of the lowest rank, if it still stands
        rank, k = heapq.heappop(heap)
        if ranks[k] != rank:
            continue
        ids[start + k] = tables.joined[rank]
        ranks[after[k]] = NEVER
        after[k] = after[after[k]]
        before[after[k]] = k

        # Propose the two pairs that this has made
        for p in (before[k], k):
            if p >= 0:
                ranks[p] = NEVER
            if p >= 0 and after[p] < size:
                left, right = ids[start + p], ids[start + after[p]]
                ranks[p] = pair_rank(left, right, tables.pairs)
                if ranks[p] != NEVER:
                    heapq.heappush(heap, (ranks[p], p))

    # Close the gaps
    k, n = 0, start
    while k < size:
        ids[n] = ids[start + k]
        k, n = after[k], n + 1
    cursor[1], cursor[2] = at + size, n


@kernel
def fill_pairs(
    pairs: Table, joins: Int64[np.ndarray, "rows 3"]
) -> None:
    """Put pairs and their ranks in a table with free places."""
    last = np.uint64(len(pairs) - 1)
    for k in range(len(joins)):
        key = pair_key(joins[k, 0], joins[k, 1])
        slot = mix(key, key) & last
        while pairs[slot, 1] != 0:
            slot = (slot + np.uint64(1)) & last
        pairs[slot, 0], pairs[slot, 1] = key, joins[k, 2] + 1


@kernel
def fill_whole(
    starts: Int64[np.ndarray, "rows"],
    tokens: Ids,
    tables: Tables,
    room: Room,
    ids: Ids,
    always: bool,
) -> None:
    """Put tokens in their table: all, or those that merging finds."""
    whole, spelled = tables.whole, tables.spelled
    last = np.uint64(len(whole) - 1)
    for k in range(len(tokens)):
        at, size = starts[k], starts[k + 1] - starts[k]
        if not always:
            if size > NEAR:
                continue
            count = merge_near(spelled, at, size, tables, room, ids)
            if count > 1 or ids[0] != tokens[k]:
                continue
        low, high = key_of(spelled, at, size)
        slot = mix(low, high) & last
        while whole[slot, 1] != 0:
            slot = (slot + np.uint64(1)) & last
        whole[slot, 0], whole[slot, 1] = low, high
        whole[slot, 2], whole[slot, 3] = tokens[k], at
