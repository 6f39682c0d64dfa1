"""From a unit to its raw documents: archives, lines, tables, pages.

What cannot be read becomes a record of its own with a reason: nothing
is lost in silence.
"""

import io
import itertools
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, BinaryIO

import msgspec

from hornbook.base.store import digest_bytes, digest_text
from hornbook.corpus.encodings import Unreadable, decode_stream
from hornbook.corpus.extract import READERS, Raw, split_title
from hornbook.corpus.hub import read_shard
from hornbook.corpus.kinds import is_plain, is_read, kind_of, reader_of
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.packed import (
    Hostile,
    Member,
    is_packed,
    split_packing,
    unpack,
)
from hornbook.corpus.pieces import split_stream, split_text
from hornbook.corpus.sources import FOREIGN, Unit
from hornbook.corpus.tables import (
    read_csv,
    read_lines,
    read_parquet,
    take_record,
)
from hornbook.corpus.web import read_archive
from hornbook.corpus.wiki import read_dump

CHUNK_BYTES = 1_000_000


def read_unit(unit: Unit, source: SourceConfig) -> Iterator[Raw]:
    """Read a unit's documents; problems come as records, not errors."""
    if unit.problem:
        yield Raw(problem=unit.problem)
        return
    try:
        if source.kind == "warc":
            yield from read_archive(unit.file, source)
            return
        for raw in _read_source(unit, source):
            yield from _shape(raw, unit, source)
    except (OSError, Unreadable, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield Raw(problem=reason)


def _read_source(unit: Unit, source: SourceConfig) -> Iterator[Raw]:
    """Choose how to read by the kind of source."""
    if source.kind == "huggingface":
        yield from read_shard(unit.member, source)
        return
    if unit.member:
        data = io.BytesIO(_read_member(unit, source))
        name = PurePath(unit.member).name
        yield from _read_file(data, name, len(data.getbuffer()), source)
        return
    with open(unit.file, "rb") as file:
        name = PurePath(unit.file).name
        size = os.fstat(file.fileno()).st_size
        if unit.stop:
            yield from read_lines(file, source, unit.start, unit.stop)
        else:
            yield from _read_file(file, name, size, source)


def _read_file(
    file: BinaryIO, name: str, size: int, source: SourceConfig
) -> Iterator[Raw]:
    """Read a file, or every file inside one that is packed."""
    if not is_packed(name):
        yield from _read_stream(file, kind_of(name), source)
        return
    for member in unpack(file, name, size):
        for raw in _read_inside(member, source):
            yield msgspec.structs.replace(raw, member=member.path)


def _read_inside(member: Member, source: SourceConfig) -> Iterator[Raw]:
    """Read a packed file; a problem of its own ends only it."""
    kind = kind_of(member.name)
    if member.problem:
        yield Raw(problem=member.problem)
    elif not is_read(kind, source):
        yield Raw(problem=FOREIGN + (kind or "no extension"))
    else:
        assert member.file is not None
        try:
            yield from _read_stream(member.file, kind, source)
        except Hostile:
            raise
        except (OSError, Unreadable, RecursionError) as error:
            yield Raw(problem=str(error))


def _read_stream(
    file: BinaryIO, kind: str, source: SourceConfig
) -> Iterator[Raw]:
    """Read an open file by its kind, in memory only if it must be."""
    if source.kind == "wikipedia":
        yield from read_dump(file, source)
        return
    if kind in STREAMED:
        yield from STREAMED[kind](file, source)
        return
    held, size = [], 0
    while size <= source.largest_file_bytes:
        held.append(file.read(CHUNK_BYTES))
        size += len(held[-1])
        if not held[-1]:
            yield from _read_bytes(b"".join(held), kind, source)
            return

    # Part what is too large to be held, if the source says where
    parted = source.separator or source.cut_characters
    if not parted or not is_plain(kind, source):
        raise Unreadable(
            f"larger than {source.largest_file_bytes:,} bytes"
        )
    rest = iter(lambda: file.read(CHUNK_BYTES), b"")
    chunks = itertools.chain(iter(held), rest)
    texts = decode_stream(chunks, source.encoding)
    for number, text in enumerate(split_stream(texts, source), start=1):
        place = f"piece {number}"
        if text is None:
            yield Raw(place=place, problem="a piece too long")
        elif text.strip():
            mark = digest_text(text)
            yield Raw(text=text, place=place, digest=mark)


def _read_bytes(
    data: bytes, kind: str, source: SourceConfig
) -> Iterator[Raw]:
    """Read a file that is wholly in memory."""
    reader = reader_of(kind, source)
    if kind == ".json":
        records = _json_records(data, source)
        for number, record in enumerate(records, start=1):
            yield take_record(record, source, f"record {number}")
    elif reader:
        raw = reader(data, source)
        yield msgspec.structs.replace(raw, digest=digest_bytes(data))
    else:
        raise Unreadable(FOREIGN + (kind or "no extension"))


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


def _read_table(file: BinaryIO, source: SourceConfig) -> Iterator[Raw]:
    """Read a table from its file; one inside an archive is held."""
    if not file.seekable():
        data = file.read(source.largest_file_bytes + 1)
        if len(data) > source.largest_file_bytes:
            raise Unreadable(
                f"larger than {source.largest_file_bytes:,} bytes"
            )
        file = io.BytesIO(data)
    yield from read_parquet(file, source)


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
    texts = split_text(raw.text, source)
    if len(texts) == 1:
        yield _titled(raw, unit)
        return
    for text in filter(str.strip, texts):
        yield msgspec.structs.replace(raw, text=text, title="")


def _titled(raw: Raw, unit: Unit) -> Raw:
    """Take the file's name as title where a whole file has none."""
    name = PurePath(unit.label + raw.member).name
    name = split_packing(name)[0] if is_packed(name) else name
    stem = PurePath(name)
    whole_file = not unit.member and stem.suffix.lower() in READERS
    if raw.title.strip() or raw.place or not whole_file:
        return raw
    words = stem.stem.replace("_", " ").replace("-", " ")
    letters = sum(map(str.isalpha, words))
    title = words if letters * 2 > len(words) else ""
    return msgspec.structs.replace(raw, title=title)


Streamer = Callable[[BinaryIO, SourceConfig], Iterator[Raw]]
STREAMED: dict[str, Streamer] = {
    ".jsonl": read_lines,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": _read_table,
}
