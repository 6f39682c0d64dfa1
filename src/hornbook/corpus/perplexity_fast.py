"""Counting and looking up runs of words, in machine code.

A row of the table stands for a run of words: how often it occurs, how
often any word follows it, and how many different ones do.
"""

import numpy as np
from jaxtyping import Int64, UInt32, UInt64

from hornbook.corpus.grams_fast import STEP, mix
from hornbook.corpus.kernel import kernel

Words = UInt64[np.ndarray, "..."]
Rows = UInt32[np.ndarray, "..."]
Numbers = Int64[np.ndarray, "..."]

TAG, COUNT, FOLLOWED, FOLLOWERS = range(4)
"""What stands in a row; the tag is 0 where the row is free."""
RUNNING, DIFFERENT, USED = range(3)
"""The totals: all words, the different ones, and the rows in use."""
DISCOUNT = 0.75
"""What every count gives to what was not seen."""
FULL = 0.75
"""The share of rows that are used; more would make walks long."""
SMALL = 1e-200
"""A product of chances below this is written down as a sum."""


@kernel
def run_tag(words: Words, end: int, size: int) -> np.uint32:
    """Name the run of ``size`` words that ends with word ``end``."""
    state = np.uint64(size)
    for place in range(end - size + 1, end + 1):
        state = state * STEP + words[place]
    return np.uint32(mix(state) | np.uint64(1))


@kernel
def find_row(tag: np.uint32, rows: Rows) -> int:
    """Find the row of a run, or the free one where it would stand."""
    last = len(rows) - 1
    row = np.int64(tag >> np.uint32(1)) & last
    while rows[row, TAG] != 0 and rows[row, TAG] != tag:
        row = (row + 1) & last
    return int(row)


@kernel
def count_runs(
    words: Words, order: int, rows: Rows, totals: Numbers
) -> None:
    """Count the runs of up to ``order`` words of a text.

    While the table is full, new runs are passed over.
    """
    for end in range(len(words)):
        totals[RUNNING] += 1
        for size in range(1, min(order, end + 1) + 1):
            # Enter a new run while there is room
            tag = run_tag(words, end, size)
            row = find_row(tag, rows)
            new = rows[row, TAG] == 0
            if new and totals[USED] >= FULL * len(rows):
                break
            if new:
                rows[row, TAG] = tag
                totals[USED] += 1
                totals[DIFFERENT] += size == 1
            rows[row, COUNT] += np.uint32(1)

            # Tell the run without its last word that a word follows
            if size > 1:
                row = find_row(run_tag(words, end - 1, size - 1), rows)
                rows[row, FOLLOWED] += np.uint32(1)
                rows[row, FOLLOWERS] += np.uint32(new)


@kernel
def keep_rows(rows: Rows, floor: int, out: Rows) -> int:
    """Enter the runs that occur more than ``floor`` times elsewhere."""
    kept = 0
    for row in range(len(rows)):
        if rows[row, COUNT] > floor:
            place = find_row(rows[row, TAG], out)
            kept += 1
            for column in range(4):
                out[place, column] = rows[row, column]
    return kept


@kernel
def surprise(
    words: Words,
    order: int,
    unknown: float,
    rows: Rows,
    totals: Numbers,
    known: Numbers,
) -> float:
    """Add up how unlikely each word is after those before, in nats.

    The chance after a longer run is mixed into that after a shorter
    one, down to ``unknown``, that of any one imaginable word.
    ``known`` is room for the rows of the runs that ended last.
    """
    running, nats, product, depth = float(totals[RUNNING]), 0.0, 1.0, 0
    start = DISCOUNT * totals[DIFFERENT] / running * unknown
    for end in range(len(words)):
        chance, context, longest, met = start, np.int64(0), 0, True
        for size in range(1, min(order, depth + 1) + 1):
            # Leave to shorter runs what was not seen after this one
            seen = running
            if size > 1:
                seen = float(rows[context, FOLLOWED])
                if seen == 0:
                    break
                chance *= DISCOUNT * rows[context, FOLLOWERS] / seen

            # Add what was seen; no longer run was, if this was not
            context = known[size]
            if met:
                row = find_row(run_tag(words, end, size), rows)
                met = rows[row, TAG] != 0
            if met:
                chance += (rows[row, COUNT] - DISCOUNT) / seen
                known[size], longest = row, size

        # Add logarithms, few at a time
        depth = longest
        product *= chance
        if product < SMALL:
            nats -= np.log(product)
            product = 1.0
    return float(nats - np.log(product))
