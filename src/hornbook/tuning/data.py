"""Examples of your own: dialogues and labelled texts from files."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.dialogue import Dialogue, Message, ask
from hornbook.base.document import Document, document_id
from hornbook.base.errors import DataError

TABLES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def read_dialogues(path: Path) -> list[Dialogue]:
    """Read a JSONL or JSON file of dialogues.

    A record holds ``messages`` with roles and contents, or an
    ``instruction`` with perhaps an ``input``, and an ``output``.

    Raises:
        DataError: names the record that is neither.
    """
    return [dialogue(record, where) for where, record in records(path)]


def dialogue(record: dict[str, Any], where: str) -> Dialogue:
    """Understand one record as a dialogue."""
    if "messages" in record:
        try:
            said = msgspec.convert(record["messages"], list[Message])
        except msgspec.ValidationError as error:
            raise DataError(f"{where}: {error}") from error
        return Dialogue(tuple(said), where)
    try:
        question = "\n".join(
            part
            for part in (record["instruction"], record.get("input", ""))
            if part
        )
        return ask(question, record["output"], document=where)
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{where} is no dialogue; it needs 'messages', or "
            "'instruction' and 'output'"
        ) from error


def read_labelled(path: Path) -> list[Document]:
    """Read texts with labels: JSONL, or a table of label and text.

    A record of JSONL or CSV has the fields ``text`` and ``label``; a
    table without a head has the label first, a tab, and the text.

    Raises:
        DataError: names the record that lacks either.
    """
    found = []
    for where, record in records(path):
        text, label = record.get("text"), record.get("label")
        if not text or label is None or label == "":
            raise DataError(
                f"{where} lacks a text or a label; each record needs "
                "'text' and 'label'"
            )
        found.append(
            Document(
                id=document_id(where, str(text)),
                text=str(text),
                topic=str(label),
            )
        )
    return found


def records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each record of a file, and where it stands.

    Raises:
        DataError: the file is missing, empty, or not readable.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as UTF-8 text ({error}); give a "
            ".jsonl, .json, .csv or .tsv file"
        ) from error
    read = table if path.suffix in TABLES else json_lines
    count = 0
    for number, record in read(text, path):
        if not isinstance(record, dict):
            raise DataError(f"{path}, record {number}, is no table")
        count += 1
        yield f"{path.name}:{number}", record
    if not count:
        raise DataError(f"{path} holds no records")


def json_lines(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Read one JSON list, or one JSON record in every line."""
    try:
        if text.lstrip().startswith("["):
            yield from enumerate(msgspec.json.decode(text), start=1)
            return
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield number, msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise DataError(f"{path} is not JSON: {error}") from error


def table(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Read rows of label and text, with or without a head."""
    mark = TABLES[path.suffix]
    plain = mark == "\t"
    rows = csv.reader(
        text.splitlines(),
        delimiter=mark,
        quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL,
    )
    names = ["label", "text"]
    for number, row in enumerate(rows, start=1):
        if number == 1 and {"label", "text"} <= set(row):
            names = row
        elif row:
            yield number, dict(zip(names, row, strict=False))
