"""Counts of a corpus, kept while its documents go by one by one."""

import heapq
from collections import Counter
from typing import Any

import msgspec

from hornbook.base.store import digest_text

SAMPLES = 20
LISTED_PROBLEMS = 10_000
"""More can only be records: a file may be broken in every line."""
KEPT = "kept"


class Fate(msgspec.Struct, frozen=True):
    """What became of a document, and why."""

    rule: str = ""
    """The rule that dropped it; empty if it stays."""
    finding: str = ""
    side: str = ""
    """``train`` or ``heldout``, if it stays."""
    copies: int = 1
    """How often it is read in an epoch."""


class Tally:
    """Everything that a card tells, but for the recipe's own words."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.rules: Counter[str] = Counter()
        self.lost_bytes: Counter[str] = Counter()
        self.sides: dict[str, Counter[str]] = {
            "train": Counter(), "heldout": Counter()
        }  # fmt: skip
        self.sources: dict[str, Counter[str]] = {}
        self.topics: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.licences: Counter[str] = Counter()
        self.private: Counter[str] = Counter()
        self.cuts: Counter[str] = Counter()
        self.foreign: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.problems: list[tuple[str, str, str]] = []
        self._samples: dict[str, list[tuple[int, int, Any]]] = {}

    @property
    def documents(self) -> int:
        """Count the documents that came in."""
        return sum(source["in"] for source in self.sources.values())

    @property
    def kept(self) -> int:
        """Count the documents that stayed."""
        return sum(side["documents"] for side in self.sides.values())

    def add_problem(self, source: str, path: str, reason: str) -> None:
        """Count what should have been read and could not be."""
        self.reasons[reason] += 1
        if len(self.problems) < LISTED_PROBLEMS:
            self.problems.append((source, path, reason))

    def add(self, row: dict[str, Any], fate: Fate) -> None:
        """Count a document and what became of it."""
        source = self.sources.setdefault(row["source"], Counter())
        source["in"] += 1
        self._show(row, fate)
        if fate.rule:
            self.rules[fate.rule] += 1
            self.lost_bytes[fate.rule] += row["bytes"]
            return
        for counts in (source, self.sides[fate.side]):
            counts["bytes"] += row["bytes"]
            counts["characters"] += row["characters"]
        source["kept"] += 1
        source["heldout"] += fate.side == "heldout"
        source["read_bytes"] += row["bytes"] * fate.copies
        self.sides[fate.side]["documents"] += 1
        self.languages[row["language"]] += 1
        for counter, told in (
            (self.private, row["masked"]),
            (self.cuts, row["cut"]),
        ):
            if told:
                counter.update(msgspec.json.decode(told))
        self.licences[row["licence"]] += 1
        if fate.side == "train" and row["topic"]:
            self.topics[row["topic"]] += 1

    def _show(self, row: dict[str, Any], fate: Fate) -> None:
        """Keep the samples that the seed likes best, of each rule."""
        name = fate.rule or KEPT
        liking = int(digest_text(f"{self._seed} {row['id']}")[:12], 16)
        shown = self._samples.setdefault(name, [])
        entry = (-liking, row["row"], (row, fate))
        if len(shown) < SAMPLES:
            heapq.heappush(shown, entry)
        elif entry > shown[0]:
            heapq.heapreplace(shown, entry)

    def samples(self) -> dict[str, list[dict[str, str]]]:
        """Show the beginnings of documents, of each rule in turn."""
        return {
            name: [
                {
                    "id": row["id"],
                    "title": row["title"],
                    "source": row["source"],
                    "text": row["sample"],
                    "finding": fate.finding,
                }
                for _, _, (row, fate) in sorted(shown, reverse=True)
            ]
            for name, shown in sorted(self._samples.items())
        }
