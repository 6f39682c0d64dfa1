"""Runs of words that a text shares with benchmark items, quickly.

The twin of ``decontaminate.plain_runs``: instead of comparing a text
with every item, it looks each run of a few words up in a table.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, UInt64

from hornbook.corpus.grams_fast import leaving, mix, step
from hornbook.corpus.kernel import kernel

Numbers = Int32[np.ndarray, "..."]
Hashes = UInt64[np.ndarray, "..."]


class Table(NamedTuple):
    """The words of all items in one line, and where their runs are."""

    words: Hashes
    """The hashes of the items' words."""
    starts: Numbers
    """Where each item begins, and where the last one ends."""
    needed: Numbers
    """How many words in a row give each item away."""
    grams: Hashes
    """The hashes of the items' short runs, in rising order."""
    owners: Numbers
    """The item of each short run."""
    places: Numbers
    """Where each short run begins among the words."""
    buckets: Numbers
    """Where the short runs begin whose hashes begin alike."""
    marks: Hashes
    """A bit for each beginning of a hash, a longer one, that occurs:
    small enough to be near, it spares most looks at the rest."""


@kernel
def find_runs(
    words: Hashes, size: int, shared: tuple[Any, ...], found: Numbers
) -> int:
    """Write each shared run that is long enough: item and length.

    ``shared`` is a ``Table`` as a plain tuple, which passes faster.
    The number of runs may be more than there is room for.
    """
    table = Table(*shared)
    mark_bits = hidden_bits(64 * len(table.marks))
    bucket_bits = hidden_bits(len(table.buckets) - 1)
    count, state, power = 0, np.uint64(0), leaving(size)
    for end in range(len(words)):
        # Pass over a short run that no item has
        state = step(state, words, end, size, power)
        gram = mix(state)
        if end < size - 1 or not marked(gram, table.marks, mark_bits):
            continue

        # Follow it in every item that has it
        bucket = np.int64(gram >> bucket_bits)
        first, last = table.buckets[bucket], table.buckets[bucket + 1]
        for entry in range(first, last):
            if table.grams[entry] != gram:
                continue
            length = follow(words, end - size + 1, entry, size, table)
            if length < table.needed[table.owners[entry]]:
                continue
            if count < len(found):
                found[count, 0] = table.owners[entry]
                found[count, 1] = length
            count += 1
    return count


@kernel
def hidden_bits(count: int) -> np.uint64:
    """Tell how many last bits of a hash ``count`` places hide."""
    bits = np.uint64(64)
    while count > 1:
        count, bits = count // 2, bits - np.uint64(1)
    return bits


@kernel
def marked(gram: np.uint64, marks: Hashes, bits: np.uint64) -> bool:
    """Tell whether a hash may be one of those that were marked."""
    place = gram >> bits
    mark = marks[np.int64(place >> np.uint64(6))]
    return bool((mark >> (place & np.uint64(63))) & np.uint64(1))


@kernel
def set_marks(grams: Hashes, marks: Hashes) -> None:
    """Mark the beginnings of hashes."""
    bits = hidden_bits(64 * len(marks))
    for gram in grams:
        place = gram >> bits
        bit = np.uint64(1) << (place & np.uint64(63))
        marks[np.int64(place >> np.uint64(6))] |= bit


@kernel
def follow(
    words: Hashes, place: int, entry: int, size: int, table: Table
) -> int:
    """Tell how long a run is; 0 where it began a word earlier."""
    item, at = table.owners[entry], table.places[entry]
    begins = place == 0 or at == table.starts[item]
    if not begins and table.words[at - 1] == words[place - 1]:
        return 0
    length = size
    most = min(table.starts[item + 1] - at, len(words) - place)
    while length < most:
        if table.words[at + length] != words[place + length]:
            break
        length += 1
    return length
