"""What became of each document on its way through the corpus."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.dedup import Match
from hornbook.corpus.sources import foreign_kind, source_name


class Drop(msgspec.Struct, frozen=True):
    """Why a document went."""

    rule: str
    finding: str


class Outcome(msgspec.Struct):
    """What became of each document; filled in by the pipeline."""

    documents: dict[int, Document]
    problems: list[tuple[str, str, str]]
    """Source, path and reason of what should have been read."""
    sources: list[str]
    dropped: dict[int, Drop] = {}
    heldout: set[int] = set()
    foreign: Counter[str] = msgspec.field(default_factory=Counter)
    """Files of kinds that are not read, by kind."""

    @classmethod
    def of(cls, table: Any, config: CorpusConfig) -> "Outcome":
        """Take the verdicts of the rules from the engine's table."""
        outcome = cls({}, [], [source_name(s) for s in config.source])
        names = Document.__struct_fields__
        for row in table.drop_columns(["bands"]).to_pylist():
            document = Document(**{name: row[name] for name in names})
            kind = foreign_kind(row["problem"])
            if kind:
                outcome.foreign[kind] += 1
                continue
            if row["problem"]:
                outcome.problems.append(
                    (document.source, document.path, row["problem"])
                )
                continue
            outcome.documents[row["row"]] = document
            if row["rule"]:
                outcome.drop(row["row"], row["rule"], row["finding"])
        return outcome

    def refuse(self, strict: bool) -> None:
        """Stop where reading failed in a way the user must know of.

        Raises:
            DataError: a source gave nothing; or, with ``strict``, a
                file of a kind that is read could not be.
        """
        if strict and self.problems:
            source, path, reason = self.problems[0]
            raise DataError(
                f"{len(self.problems):,} files or records could not be "
                f"read, the first in source {source!r}: {path}: "
                f"{reason}; mend or remove them, or run without strict"
            )
        giving = {about.source for about in self.documents.values()}
        for name in self.sources:
            if name not in giving:
                reasons = [p[1:] for p in self.problems if p[0] == name]
                path, reason = reasons[0] if reasons else ("", "empty")
                raise DataError(
                    f"the source {name!r} gave no document ({path}: "
                    f"{reason}); correct its [[corpus.source]] table"
                )

    def drop(self, row: int, rule: str, finding: str) -> None:
        """Note why a document goes; the first reason stands."""
        self.dropped.setdefault(row, Drop(rule, finding))

    def kept(self) -> list[int]:
        """Give the rows that stay, in order."""
        gone = self.dropped
        return [row for row in self.documents if row not in gone]

    def kept_documents(self) -> Iterator[tuple[int, Document]]:
        """Give the documents that stay, with their rows."""
        return ((row, self.documents[row]) for row in self.kept())

    def side(self, heldout: bool) -> list[Document]:
        """Give one side of the split, sorted by id."""
        documents = [
            about
            for row, about in self.kept_documents()
            if (row in self.heldout) == heldout
        ]
        return sorted(documents, key=lambda about: about.id)

    def training_size(self) -> tuple[int, int]:
        """Count the bytes and documents that may be learnt from."""
        documents = self.side(heldout=False)
        return sum(map(text_bytes, documents)), len(documents)

    def select(self, table: Any, columns: list[str]) -> Any:
        """Give columns of the engine's table for the rows that stay."""
        import pyarrow as pa
        import pyarrow.compute as pc

        kept = pa.array(self.kept(), pa.int64())
        stays = pc.is_in(table["row"], kept)
        return table.select(columns).filter(stays)

    def like(self, match: Match) -> str:
        """Name the document that another one repeats."""
        kept = self.documents[match.row]
        what = kept.title or kept.id
        return f"{match.similarity:.0%} like {what} ({kept.source})"


def text_bytes(document: Document) -> int:
    """Count the UTF-8 bytes that a model would read."""
    return len(document.full_text.encode("utf-8"))
