"""Web archives: what a crawler was answered, record by record.

A WARC holds whole answers of servers; a WET the text that was taken out
of them; an ARC is what came before both. They are read as streams, from
a disk or over the network, and never held as a whole.

Source: iso2017.
"""

import gzip
import logging
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from hornbook.base.store import digest_bytes
from hornbook.corpus.extract import (
    EXTRACTORS,
    Raw,
    Unreadable,
    decode_page,
)
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.streams import open_stream

ARCHIVES = (".warc", ".wet", ".arc", ".wat")
PACKINGS = (".gz", ".lz4", ".zst")
HTML = ("text/html", "application/xhtml+xml")
PLAIN = ("text/plain", "text/markdown")
FOUND = 200
LONGEST_HEADER_BYTES = 65_536
LARGEST_PAGE_BYTES = 20_000_000
"""A larger answer is no page that anybody reads."""
TORN = "the archive ends within a record"
EMPTY = "no record of a web archive in it"


def is_archive(name: str) -> bool:
    """Tell by its name whether a file is a web archive.

    >>> is_archive("CC-MAIN-0001.warc.gz"), is_archive("a.txt.gz")
    (True, False)
    """
    for packing in PACKINGS:
        name = name.removesuffix(packing)
    return name.lower().endswith(ARCHIVES)


def read_archive(path: str, source: SourceConfig) -> Iterator[Raw]:
    """Give the pages of an archive; what is broken, as problems.

    A record that is no page (a request, a picture, an answer other
    than "200 OK") is passed over: it was never meant to be read.
    """
    with open_stream(path) as stream:
        try:
            if ".arc" in path.lower().rsplit("/", 1)[-1]:
                yield from _read_old(stream, source)
            else:
                yield from _read_records(stream, source)
        except BROKEN as error:
            why = " ".join(str(error).split()) or type(error).__name__
            yield Raw(problem=f"a broken archive: {why}")


class Reader:
    """A stream that is read forwards alone, and ends when it breaks.

    The parser asks any other stream to go back, which an address
    cannot, and takes an error of a stream for its own.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._place = 0
        self.problem = ""

    def read(self, size: int = -1) -> bytes:
        """Give some bytes; none at the end."""
        try:
            data = b"" if self.problem else self._stream.read(size)
        except (OSError, Unreadable) as error:
            self.problem = str(error)
            return b""
        self._place += len(data)
        return data

    def tell(self) -> int:
        """Count the bytes that were given."""
        return self._place

    def close(self) -> None:
        """Leave the stream to whoever opened it."""


def _read_records(
    stream: BinaryIO, source: SourceConfig
) -> Iterator[Raw]:
    """Read a WARC or a WET."""
    from fastwarc.warc import ArchiveIterator

    # Any: the parser's types ask for more than it uses
    reader: Any = Reader(stream)
    records = ArchiveIterator(
        reader,
        parse_http=True,
        auto_decode="all",
        quirks_mode=True,
        max_header_len=LONGEST_HEADER_BYTES,
        fsspec_args=False,
    )
    count = 0
    for record in records:
        count += 1
        kind, charset = _kind_of(record)
        if kind not in HTML + PLAIN:
            continue
        headers = record.headers
        about = {
            "place": f"byte {record.stream_pos}",
            "url": (headers.get("WARC-Target-URI") or "").strip("<>"),
            "date": (headers.get("WARC-Date") or "")[:10],
        }
        try:
            data = record.reader.read(LARGEST_PAGE_BYTES + 1)
        except BROKEN:
            yield Raw(**about, problem=TORN)
            continue
        if len(data) < _promised_bytes(record):
            yield Raw(**about, problem=TORN)
            continue
        yield from _read_page(data, kind, charset, about, source)

    # Say what is wrong with the archive as a whole
    if reader.problem or not count:
        yield Raw(problem=reader.problem or EMPTY)


def _kind_of(record: Any) -> tuple[str, str]:
    """Give the kind of a record's content and its character set.

    It has none where it is neither a page that was found, nor the text
    of one.
    """
    from fastwarc.warc import WarcRecordType as Type

    if record.record_type == Type.response:
        answer = record.http_headers
        if answer is None or answer.status_code != FOUND:
            return "", ""
        kind = record.http_content_type
        return _bare(kind), record.http_charset or ""
    if record.record_type in (Type.conversion, Type.resource):
        return _bare(record.headers.get("Content-Type")), ""
    return "", ""


def _bare(kind: str | None) -> str:
    """Take a content type without its parameters.

    >>> _bare("Text/HTML; charset=utf-8")
    'text/html'
    """
    return (kind or "").partition(";")[0].strip().lower()


def _promised_bytes(record: Any) -> int:
    """Say how many bytes a whole page has, so far as they are counted.

    What is encoded has another length, and breaks where it is decoded.
    """
    answer = record.http_headers or {}
    if answer.get("Content-Encoding") or answer.get(
        "Transfer-Encoding"
    ):
        return 0
    whole: int = record.content_length
    return min(whole, LARGEST_PAGE_BYTES)


def _read_old(stream: BinaryIO, source: SourceConfig) -> Iterator[Raw]:
    """Read an ARC, the form that archives had before 2009."""
    from warcio.archiveiterator import ArchiveIterator

    # It would speak of every small oddity on the screen
    logging.getLogger("warcio").setLevel(logging.ERROR)
    count = 0
    for record in ArchiveIterator(stream, arc2warc=True):
        count += 1
        answer = record.http_headers
        if record.rec_type != "response" or answer is None:
            continue
        if answer.get_statuscode() != str(FOUND):
            continue
        about = {
            "url": record.rec_headers.get_header("WARC-Target-URI"),
            "date": record.rec_headers.get_header("WARC-Date")[:10],
        }
        data = record.content_stream().read(LARGEST_PAGE_BYTES + 1)
        kind = _bare(answer.get_header("Content-Type"))
        if kind in HTML + PLAIN:
            yield from _read_page(data, kind, "", about, source)
    if not count:
        yield Raw(problem=EMPTY)


def _read_page(
    data: bytes,
    kind: str,
    charset: str,
    about: dict[str, str],
    source: SourceConfig,
) -> Iterator[Raw]:
    """Take the text out of an answer, if it has any."""
    if not data:
        return
    if len(data) > LARGEST_PAGE_BYTES:
        most = f"{LARGEST_PAGE_BYTES:,}"
        yield Raw(**about, problem=f"a page larger than {most} bytes")
        return
    try:
        page = decode_page(data, charset)
    except Unreadable as error:
        yield Raw(**about, problem=str(error))
        return
    extract = EXTRACTORS[source.extractor]
    raw = Raw(text=page) if kind in PLAIN else extract(page)
    mark = digest_bytes(data)
    yield msgspec.structs.replace(raw, **about, digest=mark)


BROKEN: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    zlib.error,
    gzip.BadGzipFile,
)
"""What readers of archives raise where an archive is broken."""
