"""One normal form of a text, and the hashes of its phrases.

Near-duplicates, a benchmark's items and what is held out are found by
the same means: bring texts into one form, cut them into runs of words,
and compare the runs by their hashes of 64 bits, which are the same on
every machine. Two different runs share one by chance once in 10^19.
"""

import unicodedata
from functools import cache

import numpy as np
import regex
from jaxtyping import UInt8, UInt32, UInt64

GRAM_WORDS = 5
# Scripts without spaces: each character counts as a word
UNSPACED = (
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}"
    r"\p{Myanmar}]"
)
SPACED = r"[\p{L}\p{M}\p{N}]"

Hashes = UInt64[np.ndarray, "..."]


def normal(text: str) -> str:
    """Give a text's bare words with single blanks between them.

    In compatible Unicode (NFKC) and small letters. A word is a run of
    letters, marks and digits, or one such character of a script that
    writes no spaces; case, punctuation and white space do not tell two
    texts apart.

    >>> normal("The Cat’s ①st  HAT: 帽子!")
    'the cat s 1st hat 帽 子'
    """
    from hornbook.corpus.grams_fast import lay_out

    codes = _codes(text)
    out = np.empty(2 * len(codes), np.uint32)
    length = lay_out(codes, _kinds(), out)
    return out[:length].tobytes().decode("utf-32-le")


def gram_hashes(text: str, size: int = GRAM_WORDS) -> Hashes:
    """Hash every run of ``size`` words of a text, in its order.

    A shorter text is one run; one without words has none.
    """
    words = word_hashes(text)
    return run_hashes(words, min(size, len(words)))


def word_hashes(text: str) -> Hashes:
    """Hash every word of a text, in its order."""
    from hornbook.corpus.grams_fast import hash_words

    codes = _codes(text)
    words = np.empty(len(codes), np.uint64)
    return words[: hash_words(codes, _kinds(), words)]


def run_hashes(words: Hashes, size: int) -> Hashes:
    """Hash every run of ``size`` words whose hashes are given."""
    from hornbook.corpus.grams_fast import hash_runs

    count = len(words) - size + 1 if size else 0
    grams = np.empty(max(count, 0), np.uint64)
    hash_runs(words, size, grams)
    return grams


def jaccard(one: Hashes, other: Hashes) -> float:
    """Give the share of phrases in either text that stand in both.

    >>> jaccard(gram_hashes("a b c d e f"), gram_hashes("b c d e f"))
    0.5
    """
    return sorted_jaccard(np.unique(one), np.unique(other))


def sorted_jaccard(one: Hashes, other: Hashes) -> float:
    """Do the same for phrases that are sorted, each there once."""
    from hornbook.corpus.grams_fast import count_common

    both = count_common(one, other)
    either = len(one) + len(other) - both
    return both / either if either else 1.0


def minhash(hashes: Hashes, count: int) -> UInt32[np.ndarray, "size"]:
    """Give a text's signature: the least hash in ``count`` orders.

    Two signatures agree in about as many places as their texts share
    phrases.

    Source: broder1997.
    """
    from hornbook.corpus.grams_fast import least

    factors, shifts = _orders(count)
    signature = np.full(count, 0xFFFFFFFF, np.uint32)
    least(hashes, factors, shifts, signature)
    return signature


def plain_normal(text: str) -> str:
    """Do what ``normal`` does, by a regular expression."""
    pattern = (
        rf"(?V1)[{UNSPACED}&&{SPACED}]|[{SPACED}--{UNSPACED}]+"
    )
    return " ".join(regex.findall(pattern, _fold(text)))


def plain_hashes(text: str, size: int = GRAM_WORDS) -> list[int]:
    """Do what ``gram_hashes`` does, in whole numbers of any size."""
    words = []
    for word in plain_normal(text).split():
        state = 0xCBF29CE484222325
        for character in word:
            state = _wrap((state ^ ord(character)) * 0x100000001B3)
        words.append(_mix(state))
    size = min(size, len(words))
    hashes = []
    for start in range(len(words) - size + min(size, 1)):
        run = 0
        for part in words[start : start + size]:
            run = _wrap(run * 0x9E3779B97F4A7C15 + part)
        hashes.append(_mix(run))
    return hashes


def _wrap(value: int) -> int:
    """Keep the lowest 64 bits of a number."""
    return value & 0xFFFFFFFFFFFFFFFF


def _mix(value: int) -> int:
    """Let every bit of a number change about half of all bits."""
    value = _wrap((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9)
    value = _wrap((value ^ (value >> 27)) * 0x94D049BB133111EB)
    return value ^ (value >> 31)


def _fold(text: str) -> str:
    """Give a text in compatible Unicode and small letters."""
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return text.lower()


def _codes(text: str) -> UInt32[np.ndarray, "size"]:
    """Give the numbers of the characters of a folded text."""
    data = _fold(text).encode("utf-32-le", "surrogatepass")
    return np.frombuffer(data, np.uint32)


@cache
def _kinds() -> UInt8[np.ndarray, "size"]:
    """Tell of every character: part of a word, a word, or neither."""
    codes = np.r_[0:0xD800, 0xE000:0x110000]
    every = codes.astype("<u4").tobytes().decode("utf-32-le")
    kinds = np.zeros(0x110000, np.uint8)
    alone = f"(?V1)[{UNSPACED}&&{SPACED}]+"
    for kind, pattern in enumerate((f"{SPACED}+", alone), 1):
        for match in regex.finditer(pattern, every):
            kinds[codes[match.start() : match.end()]] = kind
    return kinds


@cache
def _orders(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the odd factors and the shifts of so many orders."""
    drawn = [_mix(place) for place in range(1, 2 * count + 1)]
    numbers = np.array(drawn, np.uint64).astype(np.uint32)
    return numbers[::2] | np.uint32(1), numbers[1::2].copy()
