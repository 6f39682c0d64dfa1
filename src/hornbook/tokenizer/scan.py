"""Find where pieces end, on bytes and without regular expressions.

The published patterns are all of one family: words, numbers, symbols
and white space, each with rules about what may stand before it and
behind it. So one scanner, told these rules, cuts by all of them. It
walks over UTF-8 and looks up the kind of each character in a table.

A text ends with ``PAD``: bytes that UTF-8 never holds stop every walk,
so that no step has to ask whether the text is over.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import regex
from jaxtyping import UInt8, UInt16

from hornbook.tokenizer.kernel import Whole, kernel
from hornbook.tokenizer.split import PATTERNS

LOWER, UPPER, UNCASED, MARK, NUMBER = 1, 2, 4, 8, 16
BLANK, SPACE, NEWLINE, SLASH, SYMBOL = 32, 64, 128, 256, 512
"""The kinds of characters, as bits: a set of kinds is a number."""

LETTER = LOWER | UPPER | UNCASED
WHITE = BLANK | SPACE | NEWLINE
SIGN = MARK | SLASH | SYMBOL

CLASSES = {
    r"\p{Ll}": LOWER,
    r"[\p{Lu}\p{Lt}]": UPPER,
    r"[\p{Lm}\p{Lo}]": UNCASED,
    r"\p{M}": MARK,
    r"\p{N}": NUMBER,
    r"\s": SPACE,
    " ": BLANK,
    r"[\r\n]": NEWLINE,
    "/": SLASH,
}
"""How a regular expression writes each kind; the rest are symbols."""

END = 0xFF
"""The byte behind every text; UTF-8 never holds it."""

PAD = bytes((END,)) * 16
"""What stands behind a text; it is of no kind."""

BLOCK = 128
"""How many neighbouring characters share a row of the table."""

APOSTROPHE = ord("'")
ONES = 0x0101010101010101
"""A one in each of eight bytes."""


class Rules(NamedTuple):
    """What tells one pattern of the family from another."""

    word_leads: int = SIGN | BLANK | SPACE
    """The kinds of which one character may open a word."""
    number_leads: int = 0
    """The kinds of which one character may open a number."""
    digits: int = 3
    """The most digits that stay together."""
    sign_tail: int = NEWLINE
    """The kinds that stay with the symbols before them."""
    lines: bool = True
    """Whether white space is cut behind its last line end."""
    keeps_white: int = 0
    """The kinds that take no white space from the run before them."""
    apart: bool = True
    """Whether a contraction is a piece of its own, or ends a word."""
    any_case: bool = True
    """Whether contractions are known in capitals."""
    cased: bool = False
    """Whether a word ends where capitals begin again."""


@cache
def kind_table() -> UInt16[np.ndarray, "rows"]:
    """Tell the kind of every character, in two steps.

    The first entries say where the row of each block of characters
    begins; the rows follow. Most blocks are alike and share one.
    """
    # Ask the regular expressions about every character
    codes = np.r_[0:0xD800, 0xE000:0x110000]
    every = codes.astype("<u4").tobytes().decode("utf-32-le")
    kinds = np.full(0x110000, SYMBOL, np.uint16)
    for pattern, kind in CLASSES.items():
        for match in regex.finditer(f"(?:{pattern})+", every):
            kinds[codes[match.start() : match.end()]] = kind

    # Keep each different block once
    blocks = [block.tobytes() for block in kinds.reshape(-1, BLOCK)]
    rows = dict.fromkeys(blocks, 0)
    rows = {block: row for row, block in enumerate(rows)}
    starts = [len(blocks) + rows[block] * BLOCK for block in blocks]
    table = np.frombuffer(b"".join(rows), np.uint16)
    return np.concatenate([np.array(starts, np.uint16), table])


@kernel
def kind_at(
    text: UInt8[np.ndarray, "size"],
    at: Whole,
    kinds: UInt16[np.ndarray, "rows"],
) -> tuple[Whole, Whole]:
    """Give a character's kind and the bytes that it takes."""
    first = int(text[at])
    if first < 0x80:
        return kinds[kinds[0] + first], 1
    # Put the bits of several bytes together
    code, width = first & 0x1F, 2
    if first >= 0xE0:
        code, width = first & 0x0F, 3
    if first >= 0xF0:
        code, width = first & 0x07, 4
    if first == 0xFF:
        return 0, 0
    for k in range(1, width):
        code = code << 6 | int(text[at + k]) & 0x3F
    return kinds[kinds[code // BLOCK] + code % BLOCK], width


@kernel
def run_end(
    text: UInt8[np.ndarray, "size"],
    at: Whole,
    kinds: UInt16[np.ndarray, "rows"],
    wanted: Whole,
) -> Whole:
    """Go on as long as characters are of the kinds ``wanted``."""
    while True:
        kind, width = kind_at(text, at, kinds)
        if not kind & wanted:
            return at
        at += width


@kernel
def load_word(text: UInt8[np.ndarray, "size"], at: Whole) -> Whole:
    """Read eight bytes as one number; it becomes one instruction."""
    start, word = np.uint64(at), np.uint64(0)
    for k in range(8):
        byte = np.uint64(text[start + np.uint64(k)])
        word |= byte << np.uint64(8 * k)
    return word


@kernel
def letters_end(
    text: UInt8[np.ndarray, "size"],
    at: Whole,
    kinds: UInt16[np.ndarray, "rows"],
) -> Whole:
    """Go on as long as characters are letters, by eight if ASCII."""
    ones, high = np.uint64(ONES), np.uint64(ONES << 7)
    while True:
        # Set the high bit of each byte from a to z, or from A to Z
        word = load_word(text, at)
        small = (word | ones << np.uint64(5)) & ~high
        from_a = small + ones * np.uint64(0x80 - ord("a"))
        past_z = small + ones * np.uint64(0x7F - ord("z"))
        other = (~from_a | past_z | word) & high
        if other == 0:
            at += 8
            continue

        # Find the lowest byte that is none, by one multiplication
        first = (other & (~other + np.uint64(1))) >> np.uint64(7)
        count = (first * np.uint64(0x0001020304050607)) >> np.uint64(56)
        at += np.int64(count)
        if text[at] < 0x80:
            return at
        while text[at] >= 0x80:
            kind, width = kind_at(text, at, kinds)
            if not kind & LETTER:
                return at
            at += width


@kernel
def cased_end(
    text: UInt8[np.ndarray, "size"],
    at: Whole,
    kinds: UInt16[np.ndarray, "rows"],
) -> tuple[Whole, Whole]:
    """End a word of capitals, then small letters, in two ways.

    The first end is that of a word with at least one letter that is
    no capital, or else ``at``; the second that of capitals alone.
    """
    # Walk over the capitals, and over what can be both
    both, upper_end = at, at
    while True:
        kind, width = kind_at(text, upper_end, kinds)
        if not kind & (UPPER | UNCASED | MARK):
            break
        upper_end += width
        if not kind & UPPER:
            both = upper_end

    # Walk on over the small letters
    if kind & LOWER:
        small = LOWER | UNCASED | MARK
        both = run_end(text, upper_end, kinds, small)
    return both, upper_end


@kernel
def contraction_end(
    text: UInt8[np.ndarray, "size"], at: Whole, any_case: bool
) -> Whole:
    """End one of 's 't 'm 'd 're 've 'll, or give ``at``."""
    if text[at] != APOSTROPHE:
        return at
    fold = 32 if any_case else 0
    first, second = text[at + 1] | fold, text[at + 2] | fold
    if first in (ord("s"), ord("t"), ord("m"), ord("d")):
        return at + 2
    if second == ord("e") and first in (ord("r"), ord("v")):
        return at + 3
    if second == ord("l") and first == ord("l"):
        return at + 3
    # The long s is a small s to whoever ignores case
    if any_case and text[at + 1] == 0xC5 and text[at + 2] == 0xBF:
        return at + 3
    return at


@kernel
def cased_word_end(
    text: UInt8[np.ndarray, "size"],
    at: Whole,
    start: Whole,
    kinds: UInt16[np.ndarray, "rows"],
    rules: Rules,
) -> Whole:
    """End a word that begins at ``start``, behind its lead at ``at``.

    A mark can be the lead of a word or its first letter.
    """
    end, upper_end = cased_end(text, start, kinds)
    if end == start:
        end, _ = cased_end(text, at, kinds)
        if end == at:
            end = upper_end
            if end == start:
                return at
    return contraction_end(text, end, rules.any_case)


@kernel
def number_end(
    text: UInt8[np.ndarray, "size"],
    at: Whole,
    kinds: UInt16[np.ndarray, "rows"],
    digits: Whole,
) -> Whole:
    """Go on over so many digits at most."""
    for _ in range(digits):
        kind, width = kind_at(text, at, kinds)
        if not kind & NUMBER:
            break
        at += width
    return at


@kernel
def white_end(
    text: UInt8[np.ndarray, "size"],
    at: Whole,
    kinds: UInt16[np.ndarray, "rows"],
    rules: Rules,
) -> Whole:
    """End white space: behind a line, or one before what follows."""
    end, last, line = at, at, at
    while True:
        kind, width = kind_at(text, end, kinds)
        if not kind & WHITE:
            break
        last, end = end, end + width
        if kind & NEWLINE:
            line = end
    if rules.lines and line > at:
        return line
    if kind == 0 or kind & rules.keeps_white or last == at:
        return end
    return last


@kernel
def piece_end(
    text: UInt8[np.ndarray, "size"],
    at: Whole,
    kinds: UInt16[np.ndarray, "rows"],
    rules: Rules,
) -> Whole:
    """Find the end of the piece that begins at ``at``."""
    # Try a contraction
    kind, width = kind_at(text, at, kinds)
    body = at + width
    if rules.apart:
        end = contraction_end(text, at, rules.any_case)
        if end > at:
            return end

    # Try a word, behind what may open it
    start = body if kind & rules.word_leads else at
    if rules.cased:
        end = cased_word_end(text, at, start, kinds, rules)
        if end > at:
            return end
    else:
        end = letters_end(text, start, kinds)
        if end > start:
            return end

    # Try a number
    start = body if kind & rules.number_leads else at
    end = number_end(text, start, kinds, rules.digits)
    if end > start:
        return end

    # Try symbols; what is left is white space
    start = body if kind & BLANK else at
    end = run_end(text, start, kinds, SIGN)
    if end > start:
        return run_end(text, end, kinds, rules.sign_tail)
    return white_end(text, at, kinds, rules)


def rules_of(pattern: str) -> Rules | None:
    """Give the rules that cut as a regular expression does, if any."""
    for name, rules in RULES.items():
        if PATTERNS[name] == pattern:
            return rules
    return None


GPT2 = Rules(
    word_leads=BLANK,
    number_leads=BLANK,
    digits=1 << 62,
    sign_tail=0,
    lines=False,
    any_case=False,
)

RULES = {
    "gpt2": GPT2,
    "smollm": GPT2._replace(
        number_leads=0, digits=1, keeps_white=NUMBER
    ),
    "cl100k": Rules(),
    "llama3": Rules(),
    "two_digits": Rules(digits=2),
    "qwen": Rules(digits=1),
    "o200k": Rules(sign_tail=NEWLINE | SLASH, apart=False, cased=True),
}
"""The rules that cut as the published patterns of these names do."""
