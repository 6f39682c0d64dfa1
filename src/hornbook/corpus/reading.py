"""One reading of a text, from which all rules take their numbers.

What words, lines and repeated phrases there are is found once for all
rules, by machine code (``reading_fast``); the plain definitions of
the same numbers stand at the foot of this file.
"""

import unicodedata
from collections import Counter
from functools import cache, cached_property
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
import regex
from jaxtyping import UInt8, UInt32

from hornbook.corpus.grams import SPACED, UNSPACED
from hornbook.corpus.language import detect

READ_CHARACTERS = 1_000_000
SHORT_LINE = 30
LONGEST_PHRASE = 10
LONGEST_TOP = 4

SPACE, LETTER, PART, ALONE, ENDING, QUOTE, BULLET = (
    1, 2, 4, 8, 16, 32, 64
)
"""What a character may be: a letter, or what else words are made of
(marks and digits); a word by itself; the end of a sentence."""

ENDINGS = ".!?…‽。！？｡．؟۔।॥։።፧။។៕།"
QUOTES = "\"'”’»」』"
BULLETS = "•‣●○◦■□▪▫∙·*-"
FIRST_FULL_STOP = 0x2030
"""From here on, a sentence can end without a space behind it."""
ELLIPSES = ("...", "…")


class Words(NamedTuple):
    """How many words there are, and of which kinds.

    White space stands between words; of scripts without it, each
    character is a word. What has no letter and no digit is a symbol.
    """

    every: int
    """Words and symbols."""
    bare: int
    """Words: what holds a letter or a digit."""
    lettered: int
    """Words that hold a letter."""
    spaced: int
    """Words of scripts that write spaces."""
    spaced_characters: int
    """Their characters."""


class Lines(NamedTuple):
    """How many lines and paragraphs there are, empty ones aside."""

    every: int
    characters: int
    """Their characters, without the space around them."""
    ended: int
    """Lines that end as a sentence or a quotation does."""
    short: int
    """Lines of up to 30 characters."""
    bullets: int
    """Lines that begin as the item of a list does."""
    trailing: int
    """Lines that end in an ellipsis."""
    again: int
    """Lines that came before."""
    again_characters: int
    paragraphs: int
    paragraphs_again: int
    """Paragraphs that came before."""
    paragraphs_again_characters: int


class Reading:
    """A text, and what rules ask of it, each answered once.

    Of a very long text the first million characters are counted.
    """

    def __init__(self, text: str, language: str = "") -> None:
        self.text = text
        self.part = text[:READ_CHARACTERS]
        self._language = language

    @cached_property
    def language(self) -> str:
        """The code of the text's language; detected if not given."""
        return self._language or detect(self.text)[0]

    @cached_property
    def codes(self) -> UInt32[np.ndarray, "size"]:
        """The numbers of the characters."""
        return character_codes(self.part)

    @cached_property
    def words(self) -> Words:
        """The numbers of words."""
        return Words(*self._words[2])

    @cached_property
    def lines(self) -> Lines:
        """The numbers of lines and paragraphs."""
        from hornbook.corpus.reading_fast import count_lines

        tables = np.zeros(
            (2, table_size(self.part.count("\n") + 1)), np.uint64
        )
        return Lines(*count_lines(self.codes, kinds(), *tables))

    @cached_property
    def sentences(self) -> int:
        """How often a sentence ends."""
        from hornbook.corpus.reading_fast import count_sentences

        return int(count_sentences(self.codes, kinds()))

    @cached_property
    def phrases(self) -> tuple[int, ...]:
        """Characters in repeated phrases of 2 to 10 words.

        Of 2 to 4 words, those of the commonest phrase; of 5 and more,
        those of all phrases that came before.
        """
        from hornbook.corpus.reading_fast import repeated_phrases

        hashes, sizes, counts = self._words
        every, room = counts[0], table_size(counts[0])
        found = np.zeros(LONGEST_PHRASE + 1, np.int64)
        repeated_phrases(
            hashes[:every],
            sizes[:every],
            np.empty(room, np.uint64),
            np.empty(room, np.int32),
            np.empty((2, every + 1), np.int32),
            np.empty((2, every + 1), np.int32),
            found,
        )
        return tuple(found.tolist())

    @cached_property
    def _words(self) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        """Each word's hash and length, and how many there are."""
        from hornbook.corpus.reading_fast import count_words

        hashes = np.empty(len(self.codes) + 1, np.uint64)
        sizes = np.empty(len(self.codes) + 1, np.int32)
        counts = count_words(self.codes, kinds(), hashes, sizes)
        return hashes, sizes, counts


def character_codes(text: str) -> UInt32[np.ndarray, "size"]:
    """Give the numbers of a text's characters."""
    data = text.encode("utf-32-le", "surrogatepass")
    return np.frombuffer(data, np.uint32)


def table_size(entries: int) -> int:
    """Give a power of two that leaves half of a table empty."""
    return 1 << (2 * entries + 1).bit_length()


@cache
def kinds() -> UInt8[np.ndarray, "rows"]:
    """Tell of every character what it may be, as bits."""
    # Tell letters and spaces by what Unicode says
    characters = [chr(code) for code in range(0x40000)]
    bits = {"L": LETTER, "M": PART, "N": PART, "Z": SPACE}
    table = np.zeros(0x110000, np.uint8)
    table[: len(characters)] = [
        bits.get(unicodedata.category(character)[0], 0)
        for character in characters
    ]
    for character in "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85":
        table[ord(character)] = SPACE

    # Add scripts without spaces, and the marks that rules look at
    alone = f"(?V1)[{UNSPACED}&&{SPACED}]+"
    for match in regex.finditer(alone, "".join(characters)):
        table[match.start() : match.end()] |= ALONE
    for marks, bit in (
        (ENDINGS, ENDING),
        (QUOTES, QUOTE),
        (BULLETS, BULLET),
    ):
        table[list(map(ord, marks))] |= bit
    return table


def plain_words(text: str) -> tuple[list[str], Words]:
    """Do what ``reading_fast.count_words`` does, with strings."""
    # Cut between spaces, and beside characters that are words
    words = [""]
    for character in text:
        kind, seen = kinds()[ord(character)], _seen(words[-1])
        wordy = kind & (LETTER | PART) and seen & (LETTER | PART)
        if kind & SPACE or (wordy and (kind | seen) & ALONE):
            words.append("")
        if not kind & SPACE:
            words[-1] += character
    words = [word for word in words if word]

    # Count them
    bare = [w for w in words if _seen(w) & (LETTER | PART)]
    spaced = [w for w in bare if not _seen(w) & ALONE]
    return words, Words(
        every=len(words),
        bare=len(bare),
        lettered=sum(1 for w in words if _seen(w) & LETTER),
        spaced=len(spaced),
        spaced_characters=sum(map(len, spaced)),
    )


def plain_lines(text: str) -> Lines:
    """Do what ``reading_fast.count_lines`` does, with strings."""
    # Part the text into paragraphs and these into lines
    paragraphs = [
        [_strip(line) for line in lines]
        for empty, lines in groupby(
            text.split("\n"), lambda line: not _strip(line)
        )
        if not empty
    ]
    lines = [line for lines in paragraphs for line in lines]
    again = _repeated(lines)
    blocks = _repeated(list(map(tuple, paragraphs)))

    # Count them
    first = [kinds()[ord(line[0])] for line in lines]
    last = [kinds()[ord(line[-1])] for line in lines]
    return Lines(
        every=len(lines),
        characters=sum(map(len, lines)),
        ended=sum(1 for kind in last if kind & (ENDING | QUOTE)),
        short=sum(1 for line in lines if len(line) <= SHORT_LINE),
        bullets=sum(1 for kind in first if kind & BULLET),
        trailing=sum(1 for line in lines if line.endswith(ELLIPSES)),
        again=len(again),
        again_characters=sum(map(len, again)),
        paragraphs=len(paragraphs),
        paragraphs_again=len(blocks),
        paragraphs_again_characters=sum(
            len(line) for block in blocks for line in block
        ),
    )


def plain_sentences(text: str) -> int:
    """Do what ``reading_fast.count_sentences`` does, with strings."""
    count = 0
    for one, other in pairwise(text + "\n"):
        kind, follower = kinds()[ord(one)], kinds()[ord(other)]
        inside = follower & ENDING or (
            follower & (LETTER | PART) and ord(one) < FIRST_FULL_STOP
        )
        count += bool(kind & ENDING and not inside)
    return count


def plain_phrases(text: str) -> tuple[int, ...]:
    """Do what ``reading_fast.repeated_phrases`` does, with strings."""
    words, _ = plain_words(text)
    found = [0] * (LONGEST_PHRASE + 1)
    for size in range(2, LONGEST_PHRASE + 1):
        phrases = [
            tuple(words[at : at + size])
            for at in range(len(words) - size + 1)
        ]
        if size <= LONGEST_TOP:
            for phrase, times in Counter(phrases).most_common(1):
                if times > 1:
                    found[size] = times * len(" ".join(phrase))
            continue
        at, seen = 0, set()
        while at < len(phrases):
            again = phrases[at] in seen
            found[size] += len("".join(phrases[at])) if again else 0
            seen.add(phrases[at])
            at += size if again else 1
    return tuple(found)


def _seen(word: str) -> int:
    """Give the bits of all of a word's characters."""
    bits = 0
    for character in word:
        bits |= int(kinds()[ord(character)])
    return bits


def _strip(line: str) -> str:
    """Take off the space around a line."""
    blanks = {c for c in line if kinds()[ord(c)] & SPACE}
    return line.strip("".join(blanks)) if blanks else line


def _repeated(items: list[Any]) -> list[Any]:
    """Give the items that came before."""
    seen: set[Any] = set()
    again = []
    for item in items:
        if item in seen:
            again.append(item)
        seen.add(item)
    return again
