"""Normal form, phrases and signatures in machine code.

The twins of ``grams.plain_normal`` and ``grams.plain_hashes``, on the
numbers of the characters instead of strings.
"""

import numpy as np
from jaxtyping import UInt8, UInt32, UInt64

from hornbook.corpus.kernel import kernel

APART, ALONE = 0, 2
"""The kinds of characters that end a word, and that are one each."""

BLANK = np.uint32(32)
BASIS = np.uint64(0xCBF29CE484222325)
PRIME = np.uint64(0x100000001B3)
"""What a word's hash starts from and is multiplied with."""
STEP = np.uint64(0x9E3779B97F4A7C15)
"""What a phrase's hash is multiplied with from word to word."""

Codes = UInt32[np.ndarray, "..."]
Hashes = UInt64[np.ndarray, "..."]


@kernel
def lay_out(
    codes: Codes, kinds: UInt8[np.ndarray, "rows"], out: Codes
) -> int:
    """Write words with single blanks between; give the length."""
    count, apart, before = 0, False, APART
    for code in codes:
        kind = kinds[code]
        if kind == APART:
            apart = True
            continue
        if count and (apart or kind == ALONE or before == ALONE):
            out[count] = BLANK
            count += 1
        out[count] = code
        count, apart, before = count + 1, False, kind
    return count


@kernel
def mix(value: np.uint64) -> np.uint64:
    """Let every bit of a number change about half of all bits.

    Source: steele2014.
    """
    value = (value ^ (value >> np.uint64(30))) * np.uint64(
        0xBF58476D1CE4E5B9
    )
    value = (value ^ (value >> np.uint64(27))) * np.uint64(
        0x94D049BB133111EB
    )
    return value ^ (value >> np.uint64(31))


@kernel
def hash_words(
    codes: Codes, kinds: UInt8[np.ndarray, "rows"], out: Hashes
) -> int:
    """Hash each word that ``lay_out`` would write; give the number."""
    count, state, before = 0, BASIS, APART
    for code in codes:
        kind = kinds[code]
        if before != APART and (kind != before or kind == ALONE):
            out[count] = mix(state)
            count, state = count + 1, BASIS
        if kind != APART:
            state = (state ^ np.uint64(code)) * PRIME
        before = kind
    if before != APART:
        out[count] = mix(state)
        count += 1
    return count


@kernel
def leaving(size: int) -> np.uint64:
    """Give by what the word that leaves a run was multiplied."""
    power = np.uint64(1)
    for _ in range(size):
        power *= STEP
    return power


@kernel
def step(
    state: np.uint64,
    words: Hashes,
    end: int,
    size: int,
    power: np.uint64,
) -> np.uint64:
    """Let a word enter a run at its end, and one leave it."""
    state = state * STEP + words[end]
    if end >= size:
        state -= words[end - size] * power
    return state


@kernel
def hash_runs(words: Hashes, size: int, out: Hashes) -> None:
    """Hash each run of ``size`` words, given those of the words."""
    state, power = np.uint64(0), leaving(size)
    for end in range(len(words)):
        state = step(state, words, end, size, power)
        if end >= size - 1:
            out[end - size + 1] = mix(state)


@kernel
def count_common(one: Hashes, other: Hashes) -> int:
    """Count what two sorted rows have in common."""
    count = at = place = 0
    while at < len(one) and place < len(other):
        if one[at] == other[place]:
            count, at, place = count + 1, at + 1, place + 1
        elif one[at] < other[place]:
            at += 1
        else:
            place += 1
    return count


@kernel
def least(
    hashes: Hashes, factors: Codes, shifts: Codes, out: Codes
) -> None:
    """Keep the least that each permutation makes of any hash."""
    for wide in hashes:
        value = np.uint32(wide ^ (wide >> np.uint64(32)))
        for place in range(len(out)):
            turned = np.uint32(
                value * factors[place] + shifts[place]
            )
            turned = np.uint32(
                (turned ^ (turned >> np.uint32(16)))
                * np.uint32(0x85EBCA6B)
            )
            turned ^= turned >> np.uint32(13)
            out[place] = min(out[place], turned)
