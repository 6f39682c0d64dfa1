"""Texts through the kernels of ``bpe_fast``: batches and threads."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Int64, UInt32, UInt64

from hornbook.tokenizer.bpe_fast import (
    NEAR,
    REMEMBERED,
    Room,
    choose_whole,
    encode_documents,
    encode_far,
    fill_memory,
)
from hornbook.tokenizer.kernel import announce
from hornbook.tokenizer.scan import PAD, Rules, kind_table
from hornbook.tokenizer.split import utf8
from hornbook.tokenizer.tables import (
    NEVER,
    Tables,
    fill_bridges,
    fill_pairs,
    fill_whole,
)
from hornbook.tokenizer.threads import GROUP, in_groups, in_threads
from hornbook.tokenizer.vocabulary import Vocabulary

LINE = 64
"""The bytes that a processor fetches from memory at a time."""


class Desk:
    """What one thread works with."""

    def __init__(self, memory: UInt64[np.ndarray, "rows 4"]) -> None:
        room = Room(
            memory=aligned(memory),
            order=np.empty(NEAR + 33, np.uint32),
            before=np.empty(NEAR + 33, np.int64),
            after=np.empty(NEAR + 33, np.int64),
        )
        self.room = tuple(room)
        self.ids = np.empty(4 * GROUP, np.uint32)
        self.end = np.empty(1, np.int64)
        self.cursor = np.empty(4, np.int64)


class Encoder:
    """Turns texts into ids, also on several threads at once."""

    def __init__(self, vocabulary: Vocabulary, rules: Rules) -> None:
        announce("encode_documents")
        self._rules = tuple(rules)
        tables, self._memory = make_tables(vocabulary)
        self._tables = tuple(tables)
        self._desks: list[Desk] = []

    def encode(self, text: str) -> list[int]:
        """Give the ids of a text as a list."""
        desk = self._take_desk()
        data = utf8(text) + PAD
        ids: list[int] = self._encode(data, desk, desk.end).tolist()
        self._desks.append(desk)
        return ids

    def encode_array(self, text: str) -> UInt32[np.ndarray, "tokens"]:
        """Give the ids of a text as an array."""
        desk = self._take_desk()
        data = utf8(text) + PAD
        ids = self._encode(data, desk, desk.end).copy()
        self._desks.append(desk)
        return ids

    def encode_stream(
        self, texts: Iterable[str], threads: int
    ) -> Iterator[tuple[UInt32[np.ndarray, "tokens"], int]]:
        """Give the ids of each text, and its bytes in UTF-8."""
        groups = in_groups(texts)
        for made in in_threads(self._encode_group, groups, threads):
            yield from made

    def _take_desk(self) -> Desk:
        """Take a desk that no thread works at."""
        try:
            return self._desks.pop()
        except IndexError:
            return Desk(self._memory)

    def _encode_group(
        self, texts: list[str]
    ) -> list[tuple[UInt32[np.ndarray, "tokens"], int]]:
        """Encode texts as one, and cut the ids apart."""
        desk = self._take_desk()
        coded = [*map(utf8, texts)]
        data = PAD[:1].join(coded) + PAD
        ends = np.empty(len(texts), np.int64)
        ids = self._encode(data, desk, ends).copy()
        self._desks.append(desk)
        cuts = pairwise([0, *ends.tolist()])
        rows = [ids[start:end] for start, end in cuts]
        return [*zip(rows, map(len, coded), strict=True)]

    def _encode(
        self,
        data: bytes,
        desk: Desk,
        ends: Int64[np.ndarray, "documents"],
    ) -> UInt32[np.ndarray, "tokens"]:
        """Run the kernels; the ids are valid until the desk's next."""
        text, ids = np.frombuffer(data, np.uint8), desk.ids
        cursor = desk.cursor
        if len(data) > len(ids):
            ids = np.empty(len(data), np.uint32)
        cursor[:] = 0
        tables, options = self._tables, self._rules
        while size := encode_documents(
            text, tables, desk.room, options, ids, ends, cursor
        ):
            encode_far(text, tables, ids, cursor, size)
        return ids[: ends[-1]]


def make_tables(
    vocabulary: Vocabulary,
) -> tuple[Tables, UInt64[np.ndarray, "rows 4"]]:
    """Lay out a vocabulary, and a memory of its tokens."""
    # Lay out the tokens
    tokens = vocabulary.tokens
    ids = np.array([*tokens.values()], np.uint32)
    starts = np.cumsum([0, *map(len, tokens)])
    places = free_places(len(ids))
    tables = Tables(
        kind_table(),
        np.zeros((places, 4), np.uint64),
        np.frombuffer(b"".join(tokens) + PAD, np.uint8),
        np.array([tokens[bytes((b,))] for b in range(256)], np.uint32),
        *make_pairs(vocabulary),
        np.zeros(max(places // 16, 64), np.uint64),
    )
    fill_bridges(starts, tables)

    # Choose those that a piece is taken for without merging
    desk = Desk(np.zeros((REMEMBERED, 4), np.uint64))
    room, chosen = Room(*desk.room), np.ones(len(ids), np.uint8)
    if not vocabulary.whole_first:
        choose_whole(starts, ids, tables, room, desk.ids, chosen)
    fill_whole(starts, ids, chosen, tables)
    fill_memory(starts, ids, chosen, tables, room.memory, desk.ids)
    return tables, room.memory


def make_pairs(
    vocabulary: Vocabulary,
) -> tuple[
    UInt32[np.ndarray, "256 256"],
    UInt64[np.ndarray, "rows 2"],
    UInt32[np.ndarray, "rows"],
]:
    """Lay out merges: of bytes, of all tokens, and what they make."""
    # Enter all pairs
    merges = vocabulary.merges
    pairs = np.array([*merges], np.int64).reshape(-1, 2)
    made = np.array([*merges.values()], np.int64).reshape(-1, 2)
    table = np.zeros((free_places(len(pairs)), 2), np.uint64)
    fill_pairs(table, np.column_stack([pairs, made[:, 0]]))
    joined = np.zeros(made[:, 0].max(initial=0) + 1, np.uint32)
    joined[made[:, 0]] = made[:, 1]

    # Enter those of two bytes once more
    byte_of = np.full(vocabulary.size, -1)
    for byte in range(256):
        byte_of[vocabulary.tokens[bytes((byte,))]] = byte
    both = (byte_of[pairs] >= 0).all(axis=1)
    ranks = np.full((256, 256), NEVER, np.uint32)
    left, right = byte_of[pairs[both]].T
    ranks[left, right] = made[both, 0]
    return ranks, table, joined


def free_places(count: int) -> int:
    """Give a power of two that leaves half of a table free."""
    return 1 << (2 * count).bit_length()


def aligned(
    table: UInt64[np.ndarray, "rows columns"],
) -> UInt64[np.ndarray, "rows columns"]:
    """Copy a table to where a row does not lie across two lines."""
    spare = LINE // table.itemsize
    raw = np.empty(table.size + spare, table.dtype)
    start = -raw.ctypes.data % LINE // table.itemsize
    copy = raw[start : start + table.size].reshape(table.shape)
    copy[:] = table
    return copy
