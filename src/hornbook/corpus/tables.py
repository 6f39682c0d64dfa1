"""Records in lines and tables: JSON lines, CSV, Parquet.

Each is read some records at a time, whatever its size.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import msgspec

from hornbook.base.store import digest_bytes
from hornbook.corpus.encodings import Unreadable, decode_stream
from hornbook.corpus.extract import Raw, read_record
from hornbook.corpus.origin import SourceConfig

LONGEST_LINE_BYTES = 32_000_000
CHUNK_BYTES = 1_000_000
SEPARATORS = ",;\t"


def read_lines(
    file: BinaryIO, source: SourceConfig, start: int = 0, stop: int = 0
) -> Iterator[Raw]:
    """Read the JSON lines that begin in a share of a file.

    A share begins after the first line end before or in it, and reads
    its last line to that line's end: each line belongs to one share.
    """
    place = 0
    if start:
        place = file.seek(start - 1)
        place += _skip_line(file)
    while not stop or place < stop:
        line = file.readline(LONGEST_LINE_BYTES)
        if not line:
            return
        where = f"byte {place}"
        place += len(line)
        if len(line) == LONGEST_LINE_BYTES and line[-1:] != b"\n":
            place += _skip_line(file)
            yield Raw(place=where, problem="a line too long")
        elif line.strip():
            try:
                record = msgspec.json.decode(line)
            except (ValueError, RecursionError):
                yield Raw(place=where, problem="a line not JSON")
            else:
                mark = digest_bytes(line.strip())
                yield take_record(record, source, where, mark)


def read_csv(file: BinaryIO, source: SourceConfig) -> Iterator[Raw]:
    """Read the rows of a table whose first line names its columns.

    The commonest of comma, semicolon and tab in that line separates.
    """
    chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
    lines = split_lines(decode_stream(chunks, source.encoding))
    head = next(lines, "")
    mark = max(SEPARATORS, key=head.count)
    # The limit is the whole process's: raise it, never lower it
    longest = max(LONGEST_LINE_BYTES, csv.field_size_limit())
    csv.field_size_limit(longest)
    try:
        names = next(csv.reader([head], delimiter=mark), [])
        if source.text not in names:
            raise Unreadable(f"a table without {source.text!r}")
        rows = csv.reader(lines, delimiter=mark)
        for number, row in enumerate(rows, start=1):
            if row:
                record = dict(zip(names, row, strict=False))
                yield take_record(record, source, f"row {number}")
    except csv.Error as error:
        raise Unreadable(f"not a whole table: {error}") from error


def read_parquet(file: BinaryIO, source: SourceConfig) -> Iterator[Raw]:
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
                    yield take_record(row, source, f"row {number}")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise Unreadable("not a whole Parquet file") from error


def take_record(
    record: Any, source: SourceConfig, where: str, mark: str = ""
) -> Raw:
    """Take a record, or say where there is none to take."""
    try:
        raw = read_record(record, source)
    except Unreadable as error:
        return Raw(place=where, problem=str(error))
    mark = mark or record_digest(record)
    return msgspec.structs.replace(raw, digest=mark)


def record_digest(record: Any) -> str:
    """Digest a record by its JSON with sorted keys."""
    data = msgspec.json.encode(record, order="sorted", enc_hook=str)
    return digest_bytes(data)


def split_lines(chunks: Iterable[str]) -> Iterator[str]:
    r"""Give the lines of a text that comes in chunks, with their ends.

    >>> list(split_lines(["a\nb", "c\n", "d"]))
    ['a\n', 'bc\n', 'd']

    Raises:
        Unreadable: a line is too long to be held.
    """
    rest = ""
    for chunk in chunks:
        lines = io.StringIO(rest + chunk, newline="").readlines()
        rest = ""
        if lines and not lines[-1].endswith("\n"):
            rest = lines.pop()
        if len(rest) > LONGEST_LINE_BYTES:
            raise Unreadable("a line too long")
        yield from lines
    if rest:
        yield rest


def _skip_line(file: BinaryIO) -> int:
    """Go to the next line, not holding this one; give its bytes."""
    size = 0
    while True:
        part = file.readline(1 << 20)
        size += len(part)
        if not part or part.endswith(b"\n"):
            return size
