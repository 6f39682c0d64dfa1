"""Bytes into text: marks, UTF-8, and what the bytes suggest.

A mark at the start decides; else strict UTF-8; else UTF-16 and UTF-32
by where their zeros lie; else a detector, whose guess is refused where
it gives what no text holds.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""A mark of UTF-32 begins with one of UTF-16: the order counts."""
SAMPLE_BYTES = 1_000_000
GUESS_BYTES = 20_000
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffe]")
MOST_CONTROL = 0.01
WESTERN = "cp1252"
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")


class Unreadable(ValueError):
    """A file or a record cannot be read; the message says why."""


def decode(data: bytes, encoding: str = "") -> str:
    r"""Decode a text by its own mark, as told, or as it seems.

    >>> decode("Hüte".encode("utf-16-le"))
    'Hüte'

    Raises:
        Unreadable: the bytes are no text, or not in that encoding.
    """
    name = find_encoding(data, encoding)
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        raise _wrong(name, encoding) from error


def decode_stream(
    chunks: Iterable[bytes], encoding: str = ""
) -> Iterator[str]:
    """Decode a text a chunk at a time, as its first chunk suggests.

    Raises:
        Unreadable: as for ``decode``, at the chunk where it shows.
    """
    decoder, name = None, encoding
    try:
        for chunk in chunks:
            if decoder is None:
                name = find_encoding(chunk, encoding, whole=False)
                decoder = codecs.getincrementaldecoder(name)()
            text = decoder.decode(chunk)
            if "\0" in text:
                raise Unreadable("a binary file")
            yield text
        if decoder:
            yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _wrong(name, encoding) from error


def find_encoding(
    data: bytes, encoding: str = "", whole: bool = True
) -> str:
    """Name the encoding of a text, or of the start of one.

    Raises:
        Unreadable: the bytes are no text that is known.
    """
    # Believe a mark, then the source
    for mark, name in MARKS.items():
        if data.startswith(mark):
            return name
    told = codecs.lookup(encoding).name if encoding else ""
    wide = told.startswith(("utf-16", "utf-32"))
    if encoding and (wide or b"\0" not in data):
        return encoding

    # Try what cannot be mistaken
    if b"\0" in data:
        name = "" if encoding else _find_wide(data)
        if not name:
            raise Unreadable("a binary file")
        return name
    if _decodes(data, "utf-8", whole):
        return "utf-8"

    # Take the detector's word where it leads to text
    name = guess(data[:GUESS_BYTES])
    if not _decodes(data, name, whole):
        name = WESTERN if _decodes(data, WESTERN, whole) else "latin-1"
    text = data[:SAMPLE_BYTES].decode(name, "replace")
    if len(CONTROL.findall(text)) > MOST_CONTROL * len(text):
        raise Unreadable("a binary file")
    return name


def guess(data: bytes) -> str:
    """Ask the detector; what it cannot tell counts as Western."""
    from resiliparse.parse.encoding import detect_encoding

    found = detect_encoding(data, html5_compatible=False)
    return str(found) if found else WESTERN


def _find_wide(data: bytes) -> str:
    """Find which of UTF-16 and UTF-32 gives text, if one does."""
    head = data[: SAMPLE_BYTES // 4 * 4]
    zeros = head[::2].count(0), head[1::2].count(0)
    for name in WIDE:
        little = name.endswith("le")
        wide, narrow = zeros if not little else zeros[::-1]
        if name.startswith("utf-16") and wide <= 4 * narrow:
            continue
        if _decodes(head, name, whole=len(head) == len(data)):
            text = head.decode(name, "ignore")
            if not CONTROL.search(text):
                return name
    return ""


def _decodes(data: bytes, name: str, whole: bool) -> bool:
    """Tell whether bytes are text, whose end may be cut off."""
    try:
        codecs.getincrementaldecoder(name)().decode(data, whole)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def _wrong(name: str, told: str) -> Unreadable:
    """Say that a text is not in its encoding, and what to do."""
    advice = "correct" if told else "set"
    return Unreadable(
        f"not {name} text; {advice} 'encoding' of its source"
    )
