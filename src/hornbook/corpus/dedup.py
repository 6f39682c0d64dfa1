"""Copies and near-copies: found by MinHash, settled by counting.

Comparing all pairs of n texts takes n^2 steps. MinHash makes of each
text a short row of numbers, of which two texts share about as many as
they share phrases; texts that agree in a whole band of them become
candidates, and only candidates are compared phrase by phrase. What is
joined by a chain of near-copies is one cluster, of which one stays.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from hornbook.corpus.components import label_components
from hornbook.corpus.engine import computed, engine, spread
from hornbook.corpus.grams import (
    gram_hashes,
    minhash,
    sorted_jaccard,
)
from hornbook.corpus.texts import Places, Texts

NEIGHBOURS = 10
"""So many of the next are compared with each in a crowded band."""
PAIRS_AT_ONCE = 512
PAIRS_A_PROCESS = 20_000
"""Fewer are compared before another process has started."""
REMEMBERED_TEXTS = 256
ROWS_AT_ONCE = 250_000
"""The keys of more texts are grouped slice by slice."""
KEY_SEED = 7


def band_names(count: int) -> list[str]:
    """Name the columns that hold the band keys.

    >>> band_names(2)
    ['band_00', 'band_01']
    """
    return [f"band_{number:02}" for number in range(count)]


def text_keys(texts: Sequence[str]) -> np.ndarray:
    """Give each text a number of 64 bits that equal texts share."""
    keys = engine().Series.from_pylist(list(texts), dtype=_string())
    return np.asarray(keys.hash().to_arrow())


def band_keys(
    texts: Sequence[str], count: int, rows: int
) -> dict[str, np.ndarray]:
    """Give each text the keys of its bands, from its MinHash.

    Two texts of Jaccard similarity s share a key with probability
    1 - (1 - s^r)^b, with b bands of r rows: for 14 bands of 8 it is
    0.92 at s = 0.8, 0.96 at 0.82, and 0.05 at 0.5.

    Source: broder1997; lee2022, section 4.2.
    """
    signatures = np.array(
        [minhash(gram_hashes(text), count * rows) for text in texts],
        np.uint64,
    )

    # Mix the numbers of each band into one key
    numbers = signatures.reshape(len(texts), count, rows)
    chance = np.random.default_rng(KEY_SEED)
    odd = chance.integers(0, 2**63, rows, dtype=np.uint64) * 2 + 1
    keys = (numbers * odd).sum(axis=2, dtype=np.uint64)
    keys ^= keys >> np.uint64(29)
    return {
        name: keys[:, place]
        for place, name in enumerate(band_names(count))
    }


def _string() -> Any:
    """Name the engine's type of texts, also where there are none."""
    return engine().DataType.string()


def slices(alive: Any, key: str) -> Iterator[Any]:
    """Cut a query into slices that share no key: queries again.

    The memory that grouping takes grows with what is grouped at once.
    """
    daft = engine()
    count = -(-alive.count_rows() // ROWS_AT_ONCE)
    if count < 2:
        yield alive
        return
    of = daft.lit(count).cast(daft.DataType.uint64())
    for number in range(count):
        yield alive.where(daft.col(key) % of == number)


def find_exact(alive: Any) -> Any:
    """Find the copies of equal texts: the query of them.

    ``alive`` is a query with ``rank`` and ``text_key``. Gives ``rank``
    and ``keeper``, which is the lowest rank among the equals.
    """
    found = [
        computed(_find_exact(part))
        for part in slices(alive, "text_key")
    ]
    return reduce(lambda one, more: one.union_all(more), found)


def _find_exact(alive: Any) -> Any:
    """Find the copies within a slice."""
    col = engine().col
    groups = alive.groupby("text_key").agg(
        col("rank").min().alias("keeper"),
        col("rank").count().alias("size"),
    )
    crowded = groups.where(col("size") > 1)
    copies = alive.join(crowded, on="text_key")
    copies = copies.where(col("rank") != col("keeper"))
    return copies.select("rank", "keeper", "size")


def find_pairs(alive: Any, band: str) -> Any:
    """Find the texts that agree in one band: the query of pairs.

    Gives ``a`` and ``b``, ranks with a < b. In a crowd each is paired
    with the first and with the next few: a chain of equals holds.
    """
    daft = engine()
    col, number = daft.col, daft.DataType.int64()
    pairing = daft.func(
        pair_up,
        return_dtype=daft.DataType.struct({"a": number, "b": number}),
        unnest=True,
    )
    groups = (
        alive.groupby(col(band))
        .agg(
            col("rank").list_agg().alias("ranks"),
            col("rank").count().alias("size"),
        )
        .where(col("size") > 1)
    )
    return groups.select(pairing(col("ranks")))


def pair_up(ranks: list[int]) -> Iterator[dict[str, int]]:
    """Pair those that share a band, all of them unless it is crowded.

    >>> [(p["a"], p["b"]) for p in pair_up([3, 1, 2])]
    [(1, 2), (1, 3), (2, 3)]
    """
    order = sorted(ranks)
    for place, a in enumerate(order):
        near = order[place + 1 : place + 1 + NEIGHBOURS]
        for b in near:
            yield {"a": a, "b": b}
        if place > NEIGHBOURS:
            yield {"a": order[0], "b": a}


class Comparer:
    """Compares texts phrase by phrase, in one process."""

    def __init__(self, places: Places) -> None:
        texts = Texts(places, scattered=True)

        @lru_cache(REMEMBERED_TEXTS)
        def grams(row: int) -> np.ndarray:
            return np.unique(gram_hashes(texts[row]))

        self._grams = grams

    def similarity(self, a: int, b: int) -> float:
        """Give the share of phrases in either text that are in both."""
        return sorted_jaccard(self._grams(a), self._grams(b))


def find_clusters(
    alive: Any, bands: int, threshold: float, texts: Places
) -> Any:
    """Find what nearly repeats another text: the query of it.

    ``alive`` is a query with ``rank`` and the keys of the bands. Gives
    ``rank``, ``keeper`` (the lowest rank of the cluster), ``size`` (of
    the cluster) and ``similarity`` (to the nearest text in it).
    """
    return label_components(find_edges(alive, bands, threshold, texts))


def find_edges(
    alive: Any, bands: int, threshold: float, texts: Places
) -> Any:
    """Find the pairs of texts that are alike: the query of them.

    Gives ``a``, ``b`` and ``similarity``.
    """
    # Find candidates band by band, and no pair twice
    names = band_names(bands)
    pairs = find_pairs(alive.limit(0), names[0])
    for band in names:
        for part in slices(alive, band):
            pairs = pairs.union_all(find_pairs(part, band))
            pairs = computed(pairs.distinct())
    pairs = computed(pairs.sort(["a", "b"]))

    # Compare each pair exactly
    col = engine().col
    pieces = len(pairs) // PAIRS_A_PROCESS
    comparer = spread(Comparer, pieces)(texts)
    edges = pairs.into_batches(PAIRS_AT_ONCE).with_column(
        "similarity", comparer.similarity(col("a"), col("b"))
    )
    return computed(edges.where(col("similarity") >= threshold))
