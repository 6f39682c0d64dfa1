"""The fate of one document: what came in as what, and what became."""

from pathlib import Path
from typing import Any

from hornbook.base.errors import DataError
from hornbook.base.store import size
from hornbook.corpus.engine import engine
from hornbook.corpus.meanings import meaning_of

FATES = "corpus/fates.parquet"
MOST_SHOWN = 20
KEYS = ("id", "path", "url", "title")


def find_fates(run: Path, document: str) -> list[dict[str, Any]]:
    """Find the documents that an id, a path, URL or title names.

    A whole id, path, URL or title; where none is equal, those that
    hold what was asked for.

    Raises:
        DataError: the run has no corpus, or no such document.
    """
    path = run / FATES
    if not path.exists():
        raise DataError(
            f"there is no {path}; run 'hornbook curate' first"
        )
    daft = engine()
    fates = daft.read_parquet(str(path))
    equal, holding = daft.lit(False), daft.lit(False)
    for key in KEYS:
        equal |= daft.col(key) == document
        holding |= daft.col(key).contains(document)
    for found in (equal, holding):
        rows = fates.where(found).sort("row").limit(MOST_SHOWN)
        fates_found: list[dict[str, Any]] = rows.to_pylist()
        if fates_found:
            return fates_found
    raise DataError(
        f"no document of this run has {document!r} in its id, path, "
        "URL or title; corpus/card.json names what could not be read"
    )


def explain(fate: dict[str, Any]) -> list[tuple[str, str]]:
    """Tell a document's fate in lines of two words each."""
    lines = [
        ("document", fate["id"]),
        ("title", fate["title"]),
        ("source", fate["source"]),
        ("path", fate["path"]),
        ("URL", fate["url"]),
        ("date", fate["date"]),
        ("licence", fate["licence"]),
        ("language", fate["language"]),
        ("sha256", fate["digest"]),
        ("text", size(fate["bytes"])),
        ("fate", _fate(fate)),
    ]
    return [(name, told) for name, told in lines if told]


def _fate(fate: dict[str, Any]) -> str:
    """Say what became of a document, and why."""
    rule = fate["rule"]
    if rule:
        why = f"{meaning_of(rule)}; {fate['finding']}"
        return f"dropped by {rule}: {why}"
    if fate["side"] == "heldout":
        return "held out: no model learns from it"
    times = f", {fate['copies']} times an epoch"
    return "kept to learn from" + (times if fate["copies"] > 1 else "")
