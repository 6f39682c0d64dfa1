"""The split: what no model ever learns from, fixed before all else.

A document is held out by a hash of its own content. Adding text never
moves a document that was trained on into the held-out set while that
set is a number of documents or of bytes, and hardly ever while it is a
share.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import msgspec

from hornbook.base.store import digest_text
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.dedup import Grams, phrases

LEAST_HELDOUT = 10
MANY_HELDOUT = 100
"""A score over fewer documents says little of the others."""


class Entry(msgspec.Struct, frozen=True):
    """What the split needs to know of a document."""

    row: int
    id: str
    source: str
    title: str
    bytes: int = 0


def draw(entry: Entry) -> float:
    """Give a document's fixed number between 0 and 1.

    >>> round(draw(Entry(0, "00ff00ff00ff00ff", "wiki", "Hat")), 3)
    0.873
    """
    return int(digest_text(f"split {entry.id}")[:13], 16) / 16**13


def hold_out(
    entries: Sequence[Entry], config: CorpusConfig
) -> set[int]:
    """Choose the rows that are held out: the lowest drawn numbers."""
    chosen = config.heldout_from
    able = [e for e in entries if not chosen or e.source in chosen]
    able.sort(key=lambda entry: (draw(entry), entry.row))
    if config.heldout_documents:
        count = config.heldout_documents
    elif config.heldout_bytes:
        sums = accumulate(entry.bytes for entry in able)
        count = 1 + sum(held < config.heldout_bytes for held in sums)
        count = max(count, min(MANY_HELDOUT, len(able) // 10))
    elif config.heldout_share:
        share = config.heldout_share
        count = sum(draw(entry) < share for entry in able)
        count = max(count, min(LEAST_HELDOUT, len(able) // 5))
    else:
        count = 0
    return {entry.row for entry in able[: min(count, len(able) // 2)]}


def same_titles(
    entries: Iterable[Entry], heldout: set[int]
) -> dict[int, str]:
    """Find training documents titled like one held out elsewhere.

    Only another source counts: it speaks of the same thing in other
    words. Within one source, equal titles are chapters and the like.
    """
    entries = list(entries)
    titled: dict[str, set[str]] = {}
    for entry in entries:
        if entry.row in heldout and entry.title:
            key = entry.title.casefold()
            titled.setdefault(key, set()).add(entry.source)
    return {
        entry.row: f"title: {entry.title}"
        for entry in entries
        if entry.row not in heldout
        and titled.get(entry.title.casefold(), set()) - {entry.source}
    }


def overlaps(
    words: Mapping[int, str], heldout: set[int], most: float
) -> dict[int, str]:
    """Find training documents that share phrases with a held-out one.

    The share is of the shorter text's phrases, so that an article and
    its own opening paragraph count as one. Counted exactly: where it
    is below ``most``, so is the Jaccard similarity.
    """
    # Index the phrases of what is held out
    sizes: dict[int, int] = {}
    index: dict[tuple[str, ...], list[int]] = {}
    for row in heldout:
        grams = phrases(words[row])
        sizes[row] = len(grams)
        for gram in grams:
            index.setdefault(gram, []).append(row)

    # Look every training text's phrases up in it
    found = {}
    for row, text in words.items():
        if row not in heldout:
            share = _largest_share(phrases(text), index, sizes)
            if share >= most:
                found[row] = f"shares {share:.0%} of its phrases"
    return found


def _largest_share(
    grams: Grams,
    index: Mapping[tuple[str, ...], Sequence[int]],
    sizes: Mapping[int, int],
) -> float:
    """Give the largest share of phrases with any held-out text."""
    hits = Counter(
        row for gram in grams & index.keys() for row in index[gram]
    )
    return max(
        (n / min(len(grams), sizes[row]) for row, n in hits.items()),
        default=0.0,
    )
