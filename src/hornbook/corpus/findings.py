"""What the engine finds of texts that passed the rules."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.document import Document
from hornbook.corpus.common import Unit, find_common
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.decontaminate import Index
from hornbook.corpus.dedup import find_clusters, find_exact
from hornbook.corpus.engine import computed, engine
from hornbook.corpus.mixture import epochs_of
from hornbook.corpus.split import (
    Entry,
    find_overlaps,
    hold_out,
    titles_of,
)
from hornbook.corpus.steps import ITEMS
from hornbook.corpus.texts import Places, Texts


class Findings(msgspec.Struct, frozen=True):
    """What becomes of the texts that passed the rules."""

    drops: Any
    """Query: ``rank rule finding`` of each text that goes."""
    cuts: dict[Unit, Any]
    """Queries: ``rank keys`` of the pieces that texts give up."""
    clusters: dict[int, int]
    """How many clusters of near-copies there are of each size."""
    heldout: list[Entry]
    titled: dict[str, set[str]]
    """The titles that are held out, with their sources."""
    epochs: dict[str, float]
    """How often the documents of each source are read."""
    contamination: dict[str, Any] = {}
    """What was searched for, and what was too short for it."""


def find(
    facts: Any,
    config: CorpusConfig,
    places: Places,
    held: Sequence[Document] = (),
) -> Findings:
    """Ask the engine what repeats what, and split what stays.

    ``facts`` is the query of all that is known of the documents, less
    their texts, which lie at their ``places``. What another corpus
    has ``held`` out is all that is held out then.
    """
    # Find what repeats what
    alive = passing(facts)
    repeats, clusters = find_repeats(alive, config, places)
    alive = without_ranks(alive, repeats)
    cuts = find_cuts(alive, config, places)

    # Hold documents out, and find what would give them away
    heldout = [] if held else hold_out(alive, config)
    kept = engine().from_pydict({"rank": [e.rank for e in heldout]})
    training = without_ranks(alive, kept)
    drops = with_findings(repeats, facts)
    if heldout or held:
        texts = Texts(places)
        shared = find_overlaps(
            training,
            (d.text for d in held)
            if held
            else (texts[e.rank] for e in heldout),
            places,
            Path(places.folder) / "heldout",
            config.heldout_overlap,
        )
        drops = drops.union_all(with_shares(computed(shared)))
    epochs = epochs_of(config.source, sizes_of(training))
    searched = contamination(Path(places.folder))
    titled = titles_of(held or heldout)
    return Findings(
        drops, cuts, clusters, heldout, titled, epochs, searched
    )


def passing(facts: Any) -> Any:
    """Choose the texts that no rule dropped: the query of them."""
    col = engine().col
    return facts.where((col("rule") == "") & (col("problem") == ""))


def find_repeats(
    alive: Any, config: CorpusConfig, places: Places
) -> tuple[Any, dict[int, int]]:
    """Find equal texts, then clusters of texts that are nearly equal.

    Gives the query of those that go, and how many clusters of
    near-copies there are of each size.
    """
    exact = find_exact(alive)
    if not config.exact_duplicate:
        exact = exact.limit(0)
    exact = computed(exact)
    repeats = as_drops(exact, "exact_duplicate")
    if not config.near_duplicate:
        return repeats, {}
    col = engine().col
    near = find_clusters(
        without_ranks(alive, exact),
        config.near_bands,
        config.near_duplicate,
        places,
    )
    near = computed(near)
    clusters = count_clusters(near)
    near = near.where(col("rank") != col("keeper"))
    return repeats.union_all(as_drops(near, "near_duplicate")), clusters


def contamination(tools: Path) -> dict[str, Any]:
    """Count the items that were searched for, by task."""
    if not (tools / ITEMS).exists():
        return {}
    index = Index.load(tools / ITEMS)
    return {
        "searched": dict(sorted(Counter(index.about.tasks).items())),
        "too_short": dict(sorted(index.too_short.items())),
    }


def without_ranks(alive: Any, gone: Any) -> Any:
    """Leave out of a query what another one names."""
    return alive.join(gone.select("rank"), on="rank", how="anti")


def find_cuts(
    alive: Any, config: CorpusConfig, places: Places
) -> dict[Unit, Any]:
    """Find what many documents have in common, if that is asked."""
    least: dict[Unit, int] = {
        "paragraph": config.common_paragraphs,
        "line": config.common_lines,
    }
    total = int(sum(sizes_of(alive).values()))
    return {
        unit: find_common(alive, unit, count, places, total)
        for unit, count in least.items()
        if count
    }


def sizes_of(alive: Any) -> dict[str, int]:
    """Add up the bytes of each source."""
    col = engine().col
    sums = alive.groupby("source").agg(col("bytes").sum()).to_pydict()
    return dict(zip(sums["source"], sums["bytes"], strict=True))


def count_clusters(near: Any) -> dict[int, int]:
    """Count the clusters of each size."""
    col = engine().col
    keepers = near.where(col("rank") == col("keeper"))
    sizes = keepers.groupby("size").agg(col("rank").count())
    counts = sizes.sort("size").to_pydict()
    return dict(zip(counts["size"], counts["rank"], strict=True))


def as_drops(found: Any, rule: str) -> Any:
    """Bring what repeats others into one form."""
    daft = engine()
    if "similarity" not in found.column_names:
        found = found.with_column("similarity", daft.lit(1.0))
    return found.select(
        "rank",
        daft.lit(rule).alias("rule"),
        "keeper",
        "size",
        "similarity",
    )


def with_findings(repeats: Any, facts: Any) -> Any:
    """Say of each text that repeats another what it repeats."""
    daft = engine()
    col = daft.col
    kept = facts.select(
        col("rank").alias("keeper"), "id", "title", "source"
    )
    telling = daft.func(tell_repeat)
    named = repeats.join(kept, on="keeper").with_column(
        "finding",
        telling(
            col("size"),
            col("similarity"),
            col("title"),
            col("id"),
            col("source"),
        ),
    )
    return named.select("rank", "rule", "finding")


def tell_repeat(
    size: int, similarity: float, title: str, name: str, source: str
) -> str:
    """Say what a text repeats.

    >>> tell_repeat(2, 0.912, "Hat", "00ff", "wiki")
    '91% like Hat (wiki)'
    >>> tell_repeat(9, 0.912, "", "00ff", "wiki")
    '91% like another of 9; 00ff (wiki) stays'
    """
    kept = f"{title or name} ({source})"
    if size == 2 or similarity == 1:
        return f"{similarity:.0%} like {kept}"
    return f"{similarity:.0%} like another of {size}; {kept} stays"


def with_shares(shared: Any) -> Any:
    """Say how much training texts share with held-out ones."""
    daft = engine()
    telling = daft.func(tell_share)
    return shared.select(
        "rank",
        daft.lit("heldout_overlap").alias("rule"),
        telling(daft.col("share")).alias("finding"),
    )


def tell_share(share: float) -> str:
    """Say how much of itself a text shares.

    >>> tell_share(0.515)
    'shares 52% of its phrases'
    """
    return f"shares {share:.0%} of its phrases"
