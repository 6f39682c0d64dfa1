"""Words, lines and repeated phrases in machine code.

The twins of the plain definitions in ``reading``, on the numbers of
the characters. Words and lines are told apart by hashes of 64 bits.
"""

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt32, UInt64

from hornbook.corpus.grams_fast import BASIS, PRIME, mix
from hornbook.corpus.kernel import kernel
from hornbook.corpus.reading import (
    ALONE,
    BULLET,
    ENDING,
    FIRST_FULL_STOP,
    LETTER,
    LONGEST_PHRASE,
    LONGEST_TOP,
    PART,
    QUOTE,
    SHORT_LINE,
    SPACE,
)

LINE_END, DOT, ELLIPSIS = ord("\n"), ord("."), ord("…")
WORDY = LETTER | PART
NOTHING = np.uint64(0)
FULL = np.uint64(32)

Codes = UInt32[np.ndarray, "size"]
Kinds = UInt8[np.ndarray, "rows"]
Hashes = UInt64[np.ndarray, "size"]
Numbers = Int32[np.ndarray, "size"]
Table = UInt64[np.ndarray, "rows"]
Counts = tuple[int, ...]


@kernel
def count_words(
    codes: Codes, kinds: Kinds, hashes: Hashes, sizes: Numbers
) -> Counts:
    """Write each word's hash and length; count words and kinds."""
    every = bare = lettered = spaced = characters = 0
    at, end = 0, len(codes)
    while at < end:
        # Read on to the end of the word
        start, state, seen = at, BASIS, 0
        while at < end:
            kind = kinds[codes[at]]
            if kind & SPACE or (
                (kind | seen) & ALONE and kind & WORDY and seen & WORDY
            ):
                break
            state = (state ^ np.uint64(codes[at])) * PRIME
            seen |= kind
            at += 1

        # Pass over a space
        if at == start:
            at += 1
            continue

        # Write it down, and say what it is
        hashes[every], sizes[every] = mix(state), at - start
        every += 1
        lettered += seen & LETTER != 0
        bare += seen & WORDY != 0
        if seen & WORDY and not seen & ALONE:
            spaced += 1
            characters += at - start
    return every, bare, lettered, spaced, characters


@kernel
def count_lines(
    codes: Codes, kinds: Kinds, lines: Table, paragraphs: Table
) -> Counts:
    """Count lines and paragraphs, and those that came before."""
    every = characters = ended = short = bullets = trailing = 0
    again = again_characters = 0
    parts = parts_again = parts_again_characters = 0
    state, size = BASIS, 0
    start, end = 0, len(codes)
    while start <= end:
        # Find a line, without the space around it
        stop = start
        while stop < end and codes[stop] != LINE_END:
            stop += 1
        first, last = strip(codes, kinds, start, stop)
        length, start = last - first, stop + 1

        # Look at how it begins and ends, and whether it came before
        if length:
            tail = kinds[codes[last - 1]]
            every += 1
            characters += length
            ended += tail & (ENDING | QUOTE) != 0
            short += length <= SHORT_LINE
            bullets += kinds[codes[first]] & BULLET != 0
            trailing += trails(codes, first, last)
            name = hash_line(codes, first, last)
            if came_before(name, lines):
                again += 1
                again_characters += length
            state, size = mix(state ^ name) * PRIME, size + length

        # Close the paragraph that ends here
        if size and (not length or start > end):
            parts += 1
            if came_before(state, paragraphs):
                parts_again += 1
                parts_again_characters += size
            state, size = BASIS, 0
    return (
        every, characters, ended, short, bullets, trailing, again,
        again_characters, parts, parts_again, parts_again_characters,
    )


@kernel
def strip(
    codes: Codes, kinds: Kinds, start: int, stop: int
) -> tuple[int, int]:
    """Give where what is seen of a line begins and ends."""
    while start < stop and kinds[codes[start]] & SPACE:
        start += 1
    while start < stop and kinds[codes[stop - 1]] & SPACE:
        stop -= 1
    return start, stop


@kernel
def trails(codes: Codes, start: int, stop: int) -> bool:
    """Tell whether a line ends in an ellipsis."""
    if codes[stop - 1] == ELLIPSIS:
        return True
    if stop - start < 3:
        return False
    return bool(
        codes[stop - 1] == DOT
        and codes[stop - 2] == DOT
        and codes[stop - 3] == DOT
    )


@kernel
def hash_line(codes: Codes, start: int, stop: int) -> np.uint64:
    """Name a line by a number."""
    state = BASIS
    for at in range(start, stop):
        state = (state ^ np.uint64(codes[at])) * PRIME
    return mix(state)


@kernel
def came_before(name: np.uint64, table: Table) -> bool:
    """Tell whether a name is in a table, and put it there."""
    last = np.uint64(len(table) - 1)
    if name == NOTHING:
        name = PRIME
    at = name & last
    while table[at] != NOTHING:
        if table[at] == name:
            return True
        at = (at + np.uint64(1)) & last
    table[at] = name
    return False


@kernel
def count_sentences(codes: Codes, kinds: Kinds) -> int:
    """Count the ends of sentences: marks that no letter follows."""
    count, end = 0, len(codes)
    for at in range(end):
        if kinds[codes[at]] & ENDING:
            after = kinds[codes[at + 1]] if at + 1 < end else SPACE
            inside = after & ENDING != 0 or (
                after & WORDY != 0 and codes[at] < FIRST_FULL_STOP
            )
            count += not inside
    return count


@kernel
def repeated_phrases(
    hashes: Hashes,
    sizes: Numbers,
    table: Table,
    held: Numbers,
    numbers: Int32[np.ndarray, "2 size"],
    counts: Int32[np.ndarray, "2 size"],
    found: Int64[np.ndarray, "rows"],
) -> None:
    """Write the characters in repeated phrases of each length.

    Two phrases are equal if all but their last words are, and their
    last words; so a phrase is known by two numbers, and those that came
    only once need no longer be looked at.
    """
    words, phrases = numbers[0], numbers[1]
    number_words(hashes, table, held, words, counts[0])
    for at in range(len(hashes)):
        phrases[at] = words[at]

    # Number ever longer phrases, as long as any come again
    for size in range(2, LONGEST_PHRASE + 1):
        count = len(hashes) - size + 1
        before, after = counts[size % 2], counts[(size + 1) % 2]
        distinct = lengthen(
            phrases, words, count, size, table, held, before, after
        )
        if distinct == 0:
            return
        if size <= LONGEST_TOP:
            found[size] = commonest(
                phrases[:count], sizes, size, after[:distinct]
            )
        else:
            found[size] = repeated(
                phrases[:count], sizes, size, before[:distinct]
            )


@kernel
def number_words(
    hashes: Hashes,
    table: Table,
    held: Numbers,
    words: Numbers,
    counts: Numbers,
) -> None:
    """Number words in the order of their first places; count each."""
    table[:] = NOTHING
    distinct = 0
    for at in range(len(hashes)):
        key = hashes[at] if hashes[at] != NOTHING else PRIME
        place = find(key, table)
        if table[place] == NOTHING:
            table[place], held[place] = key, distinct
            counts[distinct] = 0
            distinct += 1
        words[at] = held[place]
        counts[words[at]] += 1


@kernel
def find(key: np.uint64, table: Table) -> np.uint64:
    """Give the place of a key, or the free place that waits for it."""
    last = np.uint64(len(table) - 1)
    at = mix(key) & last
    while table[at] != NOTHING and table[at] != key:
        at = (at + np.uint64(1)) & last
    return at


@kernel
def lengthen(
    phrases: Numbers,
    words: Numbers,
    count: int,
    size: int,
    table: Table,
    held: Numbers,
    before: Numbers,
    after: Numbers,
) -> int:
    """Number phrases of one more word, and count each.

    A phrase whose beginning or end came only once comes only once: it
    gets no number.
    """
    table[:] = NOTHING
    distinct = 0
    for at in range(count):
        one, other = phrases[at], phrases[at + 1]
        phrases[at] = -1
        if one < 0 or other < 0 or before[one] < 2 or before[other] < 2:
            continue
        key = np.uint64(one) << FULL | np.uint64(words[at + size - 1])
        key += np.uint64(1)
        place = find(key, table)
        if table[place] == NOTHING:
            table[place], held[place] = key, distinct
            after[distinct] = 0
            distinct += 1
        phrases[at] = held[place]
        after[held[place]] += 1
    return distinct


@kernel
def commonest(
    phrases: Numbers, sizes: Numbers, size: int, counts: Numbers
) -> int:
    """Count the characters of the commonest phrase, all its times."""
    best = 0
    for number in range(len(counts)):
        if counts[number] > counts[best]:
            best = number
    if counts[best] < 2:
        return 0
    at = 0
    while phrases[at] != best:
        at += 1
    return int(counts[best] * (sizes[at : at + size].sum() + size - 1))


@kernel
def repeated(
    phrases: Numbers, sizes: Numbers, size: int, seen: Numbers
) -> int:
    """Count the characters of phrases that came before, each once."""
    seen[:] = 0
    at = characters = 0
    while at < len(phrases):
        number = phrases[at]
        if number >= 0 and seen[number]:
            characters += sizes[at : at + size].sum()
            at += size
            continue
        if number >= 0:
            seen[number] = 1
        at += 1
    return characters
