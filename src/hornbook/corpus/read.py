"""From a unit to its raw documents: archives, lines, tables, pages.

What cannot be read becomes a record of its own with a reason: nothing
is lost in silence.
"""

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from hornbook.corpus.config import SourceConfig
from hornbook.corpus.extract import (
    READERS,
    Raw,
    Unreadable,
    cut,
    read_record,
    split_title,
)
from hornbook.corpus.sources import Unit

LONGEST_LINE_BYTES = 32_000_000


def read_unit(unit: Unit, source: SourceConfig) -> Iterator[Raw]:
    """Read a unit's documents; problems come as records, not errors."""
    if unit.problem:
        yield Raw(problem=unit.problem)
        return
    try:
        for raw in _read_file(unit, source):
            yield from _shape(raw, unit, source)
    except (OSError, Unreadable, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield Raw(problem=reason)


def _read_file(unit: Unit, source: SourceConfig) -> Iterator[Raw]:
    """Choose how to read by the kind of file."""
    suffix = Path(unit.member or unit.file).suffix.lower()
    if unit.member:
        data = _read_member(unit, source)
        yield from _read_bytes(data, suffix, source)
    elif suffix == ".jsonl":
        with open(unit.file, "rb") as file:
            yield from _read_lines(file, unit.start, unit.stop, source)
    elif suffix == ".parquet":
        yield from _read_parquet(unit.file, source)
    else:
        size = os.stat(unit.file).st_size
        if size > source.largest_file_bytes:
            raise Unreadable(
                f"larger than {source.largest_file_bytes:,} bytes"
            )
        data = Path(unit.file).read_bytes()
        yield from _read_bytes(data, suffix, source)


def _read_bytes(
    data: bytes, suffix: str, source: SourceConfig
) -> Iterator[Raw]:
    """Read a file that is wholly in memory."""
    if suffix == ".jsonl":
        yield from _read_lines(io.BytesIO(data), 0, 0, source)
    elif suffix == ".json":
        records = _json_records(data, source)
        for number, record in enumerate(records, start=1):
            yield _record(record, source, f"record {number}")
    elif suffix in READERS:
        yield READERS[suffix](data, source)
    else:
        raise Unreadable(f"a kind of file that is not read: {suffix}")


def _read_lines(
    file: BinaryIO, start: int, stop: int, source: SourceConfig
) -> Iterator[Raw]:
    """Read the JSON lines that begin in a share of a file.

    A share begins after the first line end before or in it, and reads
    its last line to that line's end: each line belongs to one share.
    """
    file.seek(max(start - 1, 0))
    if start:
        _skip_line(file)
    while not stop or file.tell() < stop:
        place = file.tell()
        line = file.readline(LONGEST_LINE_BYTES)
        if not line:
            return
        where = f"byte {place}"
        if len(line) == LONGEST_LINE_BYTES and line[-1:] != b"\n":
            _skip_line(file)
            yield Raw(place=where, problem="a line too long")
        elif line.strip():
            try:
                record = msgspec.json.decode(line)
            except (ValueError, RecursionError):
                yield Raw(place=where, problem="a line not JSON")
            else:
                yield _record(record, source, where)


def _skip_line(file: BinaryIO) -> None:
    """Go to the next line without holding this one in memory."""
    while True:
        part = file.readline(1 << 20)
        if not part or part.endswith(b"\n"):
            return


def _record(record: Any, source: SourceConfig, where: str) -> Raw:
    """Take a record, or say where there is none to take."""
    try:
        return read_record(record, source)
    except Unreadable as error:
        return Raw(place=where, problem=str(error))


def _json_records(data: bytes, source: SourceConfig) -> Iterator[Any]:
    """Give the records of a JSON list, or of an object by title."""
    try:
        root = msgspec.json.decode(data)
    except ValueError as error:
        raise Unreadable("not JSON") from error
    if isinstance(root, list):
        yield from root
    elif isinstance(root, dict):
        for key, value in root.items():
            if isinstance(value, str):
                yield {source.title: key, source.text: value}
            else:
                yield value
    else:
        raise Unreadable("neither a JSON list nor an object")


def _read_parquet(file: str, source: SourceConfig) -> Iterator[Raw]:
    """Read a Parquet table's rows, some at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = source.text, source.title, source.description, source.topic
    try:
        with pq.ParquetFile(file) as table:
            present = set(table.schema_arrow.names)
            columns = [name for name in fields if name in present]
            if source.text not in present:
                raise Unreadable(f"a table without {source.text!r}")
            number = 0
            for batch in table.iter_batches(1000, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield _record(row, source, f"row {number}")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise Unreadable("not a whole Parquet file") from error


def _read_member(unit: Unit, source: SourceConfig) -> bytes:
    """Read one file of a wheel, which is a zip archive."""
    try:
        with zipfile.ZipFile(unit.file) as wheel:
            about = wheel.getinfo(unit.member)
            if about.file_size > source.largest_file_bytes:
                raise Unreadable(
                    f"larger than {source.largest_file_bytes:,} bytes"
                )
            return wheel.read(about)
    except zipfile.BadZipFile as error:
        raise Unreadable("a damaged archive") from error


def _shape(raw: Raw, unit: Unit, source: SourceConfig) -> Iterator[Raw]:
    """Give a raw text its title, topic and path, or cut it up."""
    if raw.problem:
        yield raw
        return
    if source.split_title:
        raw = split_title(raw, source.split_title)
    topic = raw.topic or unit.topic
    raw = msgspec.structs.replace(raw, topic=topic)

    # Part what holds several documents; the parts have no title
    texts, longest = [raw.text], source.cut_characters
    if source.separator:
        texts = raw.text.split(source.separator)
    if longest:
        texts = [part for text in texts for part in cut(text, longest)]
    if len(texts) == 1:
        yield _titled(raw, unit)
        return
    for text in filter(str.strip, texts):
        yield msgspec.structs.replace(raw, text=text, title="")


def _titled(raw: Raw, unit: Unit) -> Raw:
    """Take the file's name as title where a whole file has none."""
    stem = Path(unit.label)
    whole_file = not unit.member and stem.suffix.lower() in READERS
    if raw.title.strip() or not whole_file:
        return raw
    words = stem.stem.replace("_", " ").replace("-", " ")
    letters = sum(map(str.isalpha, words))
    title = words if letters * 2 > len(words) else ""
    return msgspec.structs.replace(raw, title=title)
