"""Examples of your own: dialogues and labelled texts from files."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from hornbook.base.dialogue import Dialogue, Message, Role, ask
from hornbook.base.document import Document, document_id
from hornbook.base.errors import DataError
from hornbook.tokenizer.chat import check_order
from hornbook.tuning.labels import MARK

T = TypeVar("T")

TABLES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
HEADS = ({"label", "text"}, {"instruction", "output"})
"""Fields of which a table's head names at least these."""


class Instruction(msgspec.Struct, frozen=True):
    """A task, perhaps with a text that it is about, and its answer."""

    instruction: str
    output: str
    input: str | None = None


class Turn(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """One thing said, in ShareGPT's words."""

    from_: Literal["system", "human", "user", "gpt", "assistant"]
    value: str


SPEAKERS: dict[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
}
"""Whom each of ShareGPT's names means."""


def read_dialogues(path: Path) -> list[Dialogue]:
    """Read a JSONL or JSON file of dialogues.

    A record holds ``messages`` with roles and contents; or, as
    ShareGPT has it, ``conversations`` with what is said and from whom;
    or an ``instruction`` with perhaps an ``input``, and an ``output``.

    Raises:
        DataError: counts the records that are no dialogue, or in which
            the roles are out of order, and names the first.
    """
    return understand(path, dialogue)


def understand(
    path: Path, read: Callable[[dict[str, Any], str], T]
) -> list[T]:
    """Read every record of a file; tell all that cannot be read.

    Raises:
        DataError: counts those records, and names the first.
    """
    found, problems, count = [], [], 0
    for where, record in records(path):
        count += 1
        try:
            found.append(read(record, where))
        except DataError as error:
            problems.append(str(error))
    if len(problems) == 1:
        raise DataError(problems[0])
    if problems:
        raise DataError(
            f"{len(problems):,} of {count:,} records of {path.name} "
            f"cannot be learnt from; the first: {problems[0]}"
        )
    return found


def dialogue(record: dict[str, Any], where: str) -> Dialogue:
    """Understand one record as a dialogue."""
    try:
        if "conversations" in record:
            record = {"messages": spoken(record["conversations"])}
        if "messages" in record:
            said = msgspec.convert(record["messages"], list[Message])
            found = Dialogue(tuple(said), where)
        else:
            task = msgspec.convert(record, Instruction)
            parts = filter(None, (task.instruction, task.input))
            question = "\n".join(parts)
            found = ask(question, task.output, document=where)
    except msgspec.ValidationError as error:
        raise DataError(
            f"{where} is no dialogue ({error}); it needs 'messages', "
            "or 'instruction' and 'output'"
        ) from error
    if all(said.role != "assistant" for said in found.messages):
        raise DataError(
            f"{where} holds no answer of the assistant to learn from; "
            "add one or leave it out"
        )
    check_order(found)
    return found


def spoken(turns: Any) -> list[Message]:
    """Give the messages of a conversation in ShareGPT's words.

    Raises:
        ValidationError: it is none, or somebody else speaks.
    """
    said = msgspec.convert(turns, list[Turn])
    return [Message(SPEAKERS[turn.from_], turn.value) for turn in said]


def read_labelled(path: Path) -> list[Document]:
    """Read texts with labels: JSONL, or a table of label and text.

    A record of JSONL or CSV has the fields ``text`` and ``label``,
    which in JSONL may be a list, for a text that bears several; a table
    without a head has the label first, a tab, and the text.

    Raises:
        DataError: names the record that lacks either.
    """
    return understand(path, labelled)


def labelled(record: dict[str, Any], where: str) -> Document:
    """Understand one record as a text with its label.

    Raises:
        DataError: it lacks either.
    """
    text, label = record.get("text"), record.get("label")
    if isinstance(label, list):
        label = f"{MARK} ".join(map(str, label))
    if not text or label is None or label == "":
        raise DataError(
            f"{where} lacks a text or a label; each record needs "
            "'text' and 'label'"
        )
    return Document(
        id=document_id(where, str(text)),
        text=str(text),
        topic=str(label),
    )


def records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each record of a file, and where it stands.

    Raises:
        DataError: the file is missing, empty, or not readable.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(
            f"there is no file {path}; give a .jsonl, .json, .csv or "
            ".tsv file"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as UTF-8 text ({error}); give a "
            ".jsonl, .json, .csv or .tsv file"
        ) from error
    yield from parse_records(text, path)


def parse_records(
    text: str, path: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each record of a file's text, and where it stands.

    Raises:
        DataError: there is none, or one is not a table.
    """
    read = table if path.suffix in TABLES else json_lines
    count = 0
    for number, record in read(text, path):
        if not isinstance(record, dict):
            raise DataError(
                f"{path.name}:{number} is {record!r:.40}, where a "
                "table of named fields belongs"
            )
        count += 1
        yield f"{path.name}:{number}", record
    if not count:
        raise DataError(f"{path} holds no records")


def json_lines(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Read one JSON list, or one JSON record in every line."""
    if text.lstrip().startswith("["):
        yield from enumerate(decode(text, path.name), start=1)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, decode(line, f"{path.name}:{number}")


def decode(text: str, where: str) -> Any:
    """Read one JSON value.

    Raises:
        DataError: names the place that is no JSON.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise DataError(f"{where} is not JSON: {error}") from error


def table(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Read rows under a head; without one, of label and text.

    Raises:
        DataError: a row has more fields than there are names.
    """
    mark = TABLES[path.suffix]
    plain = mark == "\t"
    rows = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=mark,
        quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL,
    )
    names, number = ["label", "text"], 0
    try:
        for number, row in enumerate(rows, start=1):
            if number == 1 and any(head <= set(row) for head in HEADS):
                names = row
            elif len(row) > len(names):
                raise DataError(
                    f"{path.name}:{number} has {len(row)} fields, and "
                    f"there are {len(names)}: {', '.join(names)}; "
                    "quote a text that holds the mark between fields"
                )
            elif row:
                yield number, dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise DataError(
            f"{path.name}:{number + 1} cannot be read: {error}"
        ) from error
