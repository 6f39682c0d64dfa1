"""Texts through the kernels of ``bpe_fast``: rooms, batches, threads."""

import numpy as np
from jaxtyping import UInt32

from hornbook.tokenizer.bpe_fast import (
    NEAR,
    NEVER,
    REMEMBERED,
    Room,
    Tables,
    encode_documents,
    encode_far,
    fill_pairs, fill_bridges, fill_memory,
    fill_whole,
)
from hornbook.tokenizer.scan import PAD, RULES, Rules, kind_table
from hornbook.tokenizer.vocabulary import Vocabulary


def make_room() -> Room:
    """Make what one thread writes to."""
    return Room(
        memory=np.zeros((REMEMBERED, 4), np.uint64),
        order=np.empty(NEAR + 1, np.uint32),
        before=np.empty(NEAR + 1, np.int64),
        after=np.empty(NEAR + 1, np.int64),
    )


def make_tables(vocabulary: Vocabulary) -> Tables:
    """Lay out a vocabulary for the kernels."""
    # Lay out the pairs
    tokens, merges = vocabulary.tokens, vocabulary.merges
    count = len(merges)
    joins = np.empty((count, 3), np.int64)
    joins[:, :2] = np.array([*merges], np.int64).reshape(-1, 2)
    ranks = np.array([*merges.values()], np.int64).reshape(-1, 2)
    joins[:, 2] = ranks[:, 0]
    joined = np.zeros(ranks[:, 0].max(initial=0) + 1, np.uint32)
    joined[ranks[:, 0]] = ranks[:, 1]
    pairs = np.zeros((free_places(count), 2), np.uint64)
    fill_pairs(pairs, joins)

    # Lay out the bytes and their pairs
    alphabet = np.array(
        [tokens[bytes((byte,))] for byte in range(256)], np.uint32
    )
    byte_of = {int(id_): byte for byte, id_ in enumerate(alphabet)}
    byte_ranks = np.full((256, 256), NEVER, np.uint32)
    for (left, right), (rank, _) in merges.items():
        if left in byte_of and right in byte_of:
            byte_ranks[byte_of[left], byte_of[right]] = rank

    # Lay out the tokens
    spelled = np.frombuffer(b"".join(tokens) + PAD, np.uint8)
    starts = np.cumsum([0, *map(len, tokens)])
    tables = Tables(
        kind_table(),
        np.zeros((free_places(len(tokens)), 4), np.uint64),
        spelled,
        alphabet,
        byte_ranks,
        pairs,
        joined,
        np.zeros(free_places(len(tokens)) // 16, np.uint64),
    )
    fill_whole(
        starts,
        np.array([*tokens.values()], np.uint32),
        tables,
        make_room(),
        np.empty(NEAR + 1, np.uint32),
        vocabulary.whole_first,
    )
    ts=np.array([*tokens.values()], np.uint32)
    fill_bridges(starts, tables)
    memory=np.zeros((REMEMBERED, 4), np.uint64)
    fill_memory(starts,ts,tables,memory,np.zeros(NEAR + 1, np.uint32))
    return tables, memory


def free_places(count: int) -> int:
    """Give a power of two that leaves half of a table free."""
    return 1 << (2 * count).bit_length()


GROUP = 1 << 18


class Encoder:
    """Turns texts into ids by machine code."""

    def __init__(self, vocabulary: Vocabulary, rules: Rules) -> None:
        self._rules = rules
        self._tables, self._memory = make_tables(vocabulary)
        self._rooms = []

    def encode(self, text: str):
        data = text.encode() + PAD
        ids, ends = self._encode(data, 1)
        return ids

    def _encode(self, data, documents, ids=None):
        room = self._rooms.pop() if self._rooms else make_room()._replace(memory=aligned(self._memory))
        text = np.frombuffer(data, np.uint8)
        if ids is None:
            ids = np.empty(len(data), np.uint32)
        ends = np.empty(documents, np.int64)
        cursor = np.zeros(4, np.int64)
        while size := encode_documents(text, self._tables, self._rules, room, ids, ends, cursor):
            encode_far(text, self._tables, ids, cursor, size)
        self._rooms.append(room)
        return ids[: ends[-1]], ends

    def group(self, texts, ids):
        data = b"\xff".join([t.encode() for t in texts]) + PAD
        if len(data) > len(ids):
            ids = np.empty(len(data), np.uint32)
        ids, ends = self._encode(data, len(texts), ids)
        ids = ids.copy()
        ends = ends.tolist()
        return [ids[a:b] for a, b in zip([0, *ends], ends)]

    def batch(self, texts):
        out = []
        room = np.empty(GROUP * 4, np.uint32)
        some, size = [], 0
        for text in texts:
            some.append(text)
            size += len(text)
            if size > GROUP:
                out += self.group(some, room)
                some, size = [], 0
        out += self.group(some, room)
        return out


def aligned(table):
    """Copy a table to where none of its rows lies across two lines."""
    size = table.size
    raw = np.empty(size + 8, np.uint64)
    start = -raw.ctypes.data % 64 // 8
    fresh = raw[start : start + size].reshape(table.shape)
    fresh[:] = table
    return fresh
