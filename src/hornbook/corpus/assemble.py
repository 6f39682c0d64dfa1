"""The corpus put together: every document meets its fate, once.

What the queries found is read in the order of rows, beside the facts
and the texts, which were set down in that order: no more than a group
of documents is in memory at any time.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.document import Document
from hornbook.base.store import disk_errors
from hornbook.corpus.common import Unit, without
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.engine import engine
from hornbook.corpus.findings import Findings
from hornbook.corpus.mixture import copies
from hornbook.corpus.parts import FACTS, Part, text_bytes
from hornbook.corpus.shelf import Shelf
from hornbook.corpus.sources import foreign_kind
from hornbook.corpus.split import same_title
from hornbook.corpus.tally import Fate, Tally
from hornbook.corpus.texts import FIRST, Places, Texts, part_file

COLUMNS = Document.__struct_fields__
NUMBERS = ("row", "bytes", "copies")
FATE = (
    *("id", "source", "path", "url", "date", "title", "language"),
    *("licence", "digest", "rule", "finding", "side"),
)
Row = dict[str, Any]


class InOrder:
    """A query's rows in their order, taken as far as one wants."""

    def __init__(self, query: Any) -> None:
        row = (engine().col("rank") + FIRST) % FIRST
        ordered = query.with_column("row", row).sort("row")
        self._rows = self._each(ordered)
        self._next = next(self._rows, None)

    def _each(self, query: Any) -> Iterator[Row]:
        """Give the rows one by one."""
        for batch in query.to_arrow_iter():
            yield from batch.to_pylist()

    def until(self, last: int) -> dict[int, Row]:
        """Take the rows up to this one."""
        taken = {}
        while self._next is not None and self._next["row"] <= last:
            taken[self._next["row"]] = self._next
            self._next = next(self._rows, None)
        return taken


class Assembly:
    """Gives each document its fate and writes it where it belongs."""

    def __init__(
        self,
        config: CorpusConfig,
        places: Places,
        findings: Findings,
        tally: Tally,
    ) -> None:
        self.tally = tally
        self._config = config
        self._texts = Texts(places)
        self._folder = Path(places.folder)
        self._epochs = findings.epochs
        self._heldout = {entry.rank for entry in findings.heldout}
        self._titled = findings.titled
        self._drops = InOrder(findings.drops)
        self._cuts = {
            unit: InOrder(query)
            for unit, query in findings.cuts.items()
        }

    def write(
        self, parts: Sequence[Part], fresh: Path, bytes_: int
    ) -> list[str]:
        """Write all tables of the corpus; give the sides' digests."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        # Open a shelf for each side, and a list of all fates
        strings = [(name, pa.string()) for name in COLUMNS]
        schema = pa.schema([*strings, ("copies", pa.int32())])
        told = pa.schema(
            [(name, pa.int64()) for name in NUMBERS]
            + [(name, pa.string()) for name in FATE]
        )
        shelves = {
            side: Shelf(fresh / f"{side}.parquet", schema, bytes_)
            for side in ("train", "heldout")
        }
        fates = fresh / "fates.parquet"

        # Let all documents go by
        with (
            disk_errors(fates),
            pq.ParquetWriter(fates, told) as writer,
        ):
            for group in self._groups(parts):
                decided = [(row, self._decide(row)) for row in group]
                rows = [
                    row | msgspec.structs.asdict(fate)
                    for row, fate in decided
                ]
                writer.write_table(pa.Table.from_pylist(rows, told))
                for side, shelf in shelves.items():
                    shelf.add([r for r in rows if r["side"] == side])
                for row, fate in decided:
                    self.tally.add(row, fate)
        for shelf in shelves.values():
            shelf.close()
        return [shelf.digest for shelf in shelves.values()]

    def _groups(self, parts: Sequence[Part]) -> Iterator[list[Row]]:
        """Give the documents in groups, with what was found of them."""
        import pyarrow.parquet as pq

        for part in parts:
            path = part_file(self._folder, part.number, FACTS)
            texts = iter(self._texts.part(part.number))
            with pq.ParquetFile(path) as facts:
                for number in range(facts.num_row_groups):
                    group = facts.read_row_group(number).to_pylist()
                    held = next(texts).to_pydict()
                    stay = dict(
                        zip(held["row"], held["text"], strict=True)
                    )
                    yield self._join(group, stay)

    def _join(
        self, group: list[Row], texts: dict[int, str]
    ) -> list[Row]:
        """Bring documents together with texts, drops and cuts."""
        if not group:
            return []
        last = group[-1]["row"]
        drops = self._drops.until(last)
        cuts = {
            unit: cut.until(last) for unit, cut in self._cuts.items()
        }
        documents = []
        for row in group:
            number = row["row"]
            if row["problem"]:
                self._count_problem(row)
                continue
            row["text"] = texts.get(number, "")
            drop = drops.get(number)
            if drop:
                row["rule"], row["finding"] = (
                    drop["rule"], drop["finding"]
                )  # fmt: skip
            for unit, cut in cuts.items():
                if number in cut and not row["rule"]:
                    self._cut(row, unit, cut[number]["keys"])
            documents.append(row)
        return documents

    def _count_problem(self, row: Row) -> None:
        """Count what is no document: unread, or never meant to be."""
        kind = foreign_kind(row["problem"])
        if kind:
            self.tally.foreign[kind] += 1
        else:
            self.tally.add_problem(
                row["source"], row["path"], row["problem"]
            )

    def _cut(self, row: Row, unit: Unit, keys: list[int]) -> None:
        """Take out of a text what an earlier document has."""
        row["text"] = without(row["text"], unit, keys)
        if len(row["text"]) < self._config.rules.least_characters:
            row["rule"] = f"common_{unit}s"
            row["finding"] = f"{len(row['text'])} characters are left"
        whole = Document(id="", text=row["text"], title=row["title"])
        row["characters"] = len(whole.full_text)
        row["bytes"] = text_bytes(whole)

    def _decide(self, row: Row) -> Fate:
        """Say what becomes of a document."""
        if row["rule"] and row["rule"] not in AFTER_SPLIT:
            return Fate(row["rule"], row["finding"])
        if row["rank"] in self._heldout:
            return Fate(side="heldout")
        title = same_title(row["title"], row["source"], self._titled)
        if title:
            return Fate("heldout_title", title)
        if row["rule"]:
            return Fate(row["rule"], row["finding"])
        often = copies(self._epochs.get(row["source"], 1.0), row["id"])
        if not often:
            return Fate("mixture", "its source is read in part")
        return Fate(side="train", copies=often)


AFTER_SPLIT = ("heldout_overlap",)
"""What is found of training texts alone."""
