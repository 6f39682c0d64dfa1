"""Copies and near-copies: found by MinHash, settled by counting.

Comparing all pairs of n texts takes n^2 steps. MinHash makes of each
text a short row of numbers, of which two texts share about as many as
they share phrases; texts that agree in a whole band of them become
candidates, and only candidates are compared word by word.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hornbook.corpus.engine import engine

GRAM_WORDS = 5
BANDS = 24
BAND_ROWS = 5
MOST_COMPARED = 200
# Scripts without spaces: each character counts as a word
UNSPACED = (
    r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}])"
)

Grams = frozenset[tuple[str, ...]]


class Match(msgspec.Struct, frozen=True):
    """A text's earlier near-copy."""

    row: int
    """The row of the text that is kept."""
    similarity: float
    """The share of phrases that both have, from 0 to 1."""


def normal(text: Any) -> Any:
    """Give the Daft expression of a text's bare words.

    Case, punctuation and white space do not tell two texts apart.
    """
    from daft.functions import normalize

    return normalize(
        text.regexp_replace(UNSPACED, " $1 "),
        remove_punct=True,
        lowercase=True,
        nfd_unicode=True,
        white_space=True,
    )


def band_keys(words: Any) -> Any:
    """Give the Daft expression of a text's band keys.

    Two texts of Jaccard similarity s share a key with probability
    1 - (1 - s^r)^b, with b bands of r rows: 0.9999 at s = 0.8, and
    0.53 at s = 0.5.

    Source: broder1997; lee2022, section 4.2.
    """
    from daft.functions import minhash, to_list

    signature = minhash(
        words, num_hashes=BANDS * BAND_ROWS, ngram_size=GRAM_WORDS
    )
    starts = range(0, BANDS * BAND_ROWS, BAND_ROWS)
    bands = [signature.slice(s, s + BAND_ROWS).hash() for s in starts]
    return to_list(*bands)


def phrases(words: str) -> Grams:
    """Give the runs of five words of a normal text.

    >>> sorted(phrases("a b c d e f"))
    [('a', 'b', 'c', 'd', 'e'), ('b', 'c', 'd', 'e', 'f')]
    """
    parts = words.split()
    if len(parts) <= GRAM_WORDS:
        return frozenset([tuple(parts)])
    shifted = [parts[start:] for start in range(GRAM_WORDS)]
    return frozenset(zip(*shifted, strict=False))


def jaccard(a: Grams, b: Grams) -> float:
    """Give the share of phrases in either text that stand in both.

    >>> jaccard(phrases("a b c d e f"), phrases("a b c d e g"))
    0.3333333333333333
    """
    both = len(a & b)
    return both / (len(a) + len(b) - both)


def find_exact(texts: Sequence[tuple[int, str]]) -> dict[int, Match]:
    """Find the later copies of equal texts, in the order of rows."""
    first: dict[str, int] = {}
    return {
        row: Match(kept, 1.0)
        for row, text in texts
        if (kept := first.setdefault(text, row)) != row
    }


def find_near(table: Any, threshold: float) -> dict[int, Match]:
    """Find texts that nearly repeat an earlier one that is kept.

    ``table`` is an Arrow table with columns ``row``, ``text`` and
    ``bands``. Of two near-copies the one in the later row goes. A text
    goes only for a text that stays: there are no chains in which the
    first and the last have nothing in common.
    """
    daft = engine()
    col = daft.col
    rows = daft.from_arrow(table)

    # Let the engine find the bands that several texts share
    keys = rows.select("row", col("bands").explode().alias("key"))
    keys = keys.distinct()
    shared = keys.groupby("key").agg(col("row").count().alias("n"))
    shared = shared.where(col("n") > 1).select("key")
    pairs = keys.join(shared, on="key").sort(["key", "row"]).to_pydict()
    groups: dict[int, list[int]] = {}
    for row, key in zip(pairs["row"], pairs["key"], strict=True):
        groups.setdefault(key, []).append(row)

    # Fetch the words of the candidates alone
    wanted = daft.from_pydict({"row": sorted(set(pairs["row"]))})
    words = rows.select("row", "text").join(wanted, on="row")
    found = words.select("row", normal(col("text"))).to_pydict()
    grams = {
        row: phrases(text)
        for row, text in zip(found["row"], found["text"], strict=True)
    }
    return settle(groups, grams, threshold)


def settle(
    groups: Mapping[int, Sequence[int]],
    grams: Mapping[int, Grams],
    threshold: float,
) -> dict[int, Match]:
    """Compare candidates exactly, in the order of their rows."""
    member: dict[int, list[int]] = {}
    for key, rows in groups.items():
        for row in rows:
            member.setdefault(row, []).append(key)
    kept: dict[int, list[int]] = {key: [] for key in groups}
    matches: dict[int, Match] = {}

    # Compare each text with the kept ones that share a band with it
    for row in sorted(member):
        others = {o for key in member[row] for o in kept[key]}
        best = max(
            (Match(o, jaccard(grams[row], grams[o])) for o in others),
            key=lambda match: (match.similarity, -match.row),
            default=None,
        )
        if best is not None and best.similarity >= threshold:
            matches[row] = best
            continue
        for key in member[row]:
            if len(kept[key]) < MOST_COMPARED:
                kept[key].append(row)
    return matches
