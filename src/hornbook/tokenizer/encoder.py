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
    fill_pairs,
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
    )
    fill_whole(
        starts,
        np.array([*tokens.values()], np.uint32),
        tables,
        make_room(),
        np.empty(NEAR + 1, np.uint32),
        vocabulary.whole_first,
    )
    return tables


def free_places(count: int) -> int:
    """Give a power of two that leaves half of a table free."""
    return 1 << (2 * count).bit_length()
