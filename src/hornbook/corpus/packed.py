"""Compressed files and archives, opened without trust.

Nothing is written to disk, no name inside leads anywhere, and what
unpacks to too much, or holds archives too deep, is refused by name.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, cast

import msgspec

from hornbook.corpus.extract import Unreadable

DEEPEST = 2
"""How many packings may lie around a text."""
MOST_MEMBERS = 1_000_000
MOST_UNPACKED_BYTES = 500_000_000_000
MOST_RATIO = 200
"""Unpacked bytes to packed ones; text reaches about a tenth of it."""
FREE_BYTES = 10_000_000
"""What may be unpacked before the ratio counts."""
HELD_BYTES = 200_000_000
"""The largest archive inside another that is read, held in memory."""
SHORT = {
    ".tgz": ".tar.gz",
    ".tbz2": ".tar.bz2",
    ".txz": ".tar.xz",
    ".tzst": ".tar.zst",
}
DAMAGED = "a damaged archive"
HOSTILE = "unpacks to too much for its size: a bomb?"
TOO_DEEP = f"packed more than {DEEPEST} times over"


class Member(msgspec.Struct, frozen=True):
    """A file as it lies inside a packed one, open until the next."""

    path: str
    """What follows the packed file's name: ``/inner/name.txt``."""
    name: str
    """Its own name, less what told of packing: it tells its kind."""
    file: BinaryIO | None = None
    problem: str = ""
    """Why it cannot be read."""


class Budget:
    """How much may still be unpacked from one file."""

    def __init__(self, packed_bytes: int) -> None:
        allowed = FREE_BYTES + MOST_RATIO * packed_bytes
        self.left_bytes = min(allowed, MOST_UNPACKED_BYTES)
        self.left_members = MOST_MEMBERS

    def spend(self, size_bytes: int) -> None:
        """Count what was unpacked.

        Raises:
            Hostile: it is more than a text's archive would give.
        """
        self.left_bytes -= size_bytes
        if self.left_bytes < 0:
            raise Hostile(HOSTILE)

    def meet(self) -> None:
        """Count a member.

        Raises:
            Hostile: there are too many.
        """
        self.left_members -= 1
        if self.left_members < 0:
            raise Hostile(f"more than {MOST_MEMBERS:,} files inside")


class Hostile(Unreadable):
    """An archive that is not read on at all."""


class _Counted(io.RawIOBase):
    """An unpacked stream whose bytes are counted as they come."""

    def __init__(self, inner: IO[bytes], budget: Budget) -> None:
        self._inner = inner
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = reading(self._inner.read, len(buffer))
        self._budget.spend(len(data))
        buffer[: len(data)] = data
        return len(data)


def is_packed(name: str) -> bool:
    """Tell whether a name is that of a compressed file or an archive.

    >>> is_packed("news.jsonl.zst"), is_packed("news.jsonl")
    (True, False)
    """
    return split_packing(name)[1] != ""


def split_packing(name: str) -> tuple[str, str]:
    """Part a name from its outermost packing.

    >>> split_packing("a.tgz"), split_packing("a.txt.gz")
    (('a.tar', '.gz'), ('a.txt', '.gz'))
    """
    lower = name.lower()
    for short, long in SHORT.items():
        if lower.endswith(short):
            name = name[: -len(short)] + long
    stem, dot, suffix = name.rpartition(".")
    packing = (dot + suffix).lower()
    known = packing in STREAMS or packing in ARCHIVES
    return (stem, packing) if known and stem else (name, "")


def unpack(
    file: BinaryIO, name: str, packed_bytes: int
) -> Iterator[Member]:
    """Give the files that lie in a packed one, however deep.

    A member's stream is to be read before the next one is asked for.

    Raises:
        Unreadable: the file itself is damaged, or a bomb.
    """
    yield from _open(file, name, "", 0, Budget(packed_bytes))


def reading(read: Callable[..., bytes], *size: int) -> bytes:
    """Read from what may be damaged.

    Raises:
        Unreadable: it is.
    """
    from pyarrow import ArrowException

    try:
        return read(*size)
    except Unreadable:
        raise
    except (*BROKEN, ArrowException) as error:
        raise Unreadable(DAMAGED) from error


def _open(
    file: BinaryIO, name: str, path: str, deep: int, budget: Budget
) -> Iterator[Member]:
    """Give a file as it is, or what it unpacks to."""
    inner, packing = split_packing(name)
    if not packing:
        yield Member(path, name, file)
        return
    if deep == DEEPEST:
        yield Member(path, name, problem=TOO_DEEP)
        return
    if packing in ARCHIVES:
        for member in ARCHIVES[packing](file, budget):
            if member.file is None:
                yield msgspec.structs.replace(
                    member, path=path + member.path
                )
                continue
            yield from _safely(
                member, path + member.path, deep + 1, budget
            )
        return

    # What is compressed is one file; a tar inside is no new depth
    opened = io.BufferedReader(
        _Counted(STREAMS[packing](file), budget), 1 << 16
    )
    tar = inner.lower().endswith(".tar")
    deep += 0 if tar else 1
    yield from _open(cast(BinaryIO, opened), inner, path, deep, budget)


def _safely(
    member: Member, path: str, deep: int, budget: Budget
) -> Iterator[Member]:
    """Open a member; one that is damaged does not end the archive."""
    assert member.file is not None
    try:
        yield from _open(member.file, member.name, path, deep, budget)
    except Hostile:
        raise
    except Unreadable as error:
        yield Member(path, member.name, problem=str(error))


def _open_zip(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    """Give the members of a zip archive."""
    if not file.seekable():
        data = file.read(HELD_BYTES + 1)
        if len(data) > HELD_BYTES:
            raise Unreadable("an archive too large inside another")
        file = io.BytesIO(data)
    try:
        archive = zipfile.ZipFile(file)
    except (*BROKEN, NotImplementedError) as error:
        raise Unreadable(DAMAGED) from error
    with archive:
        for about in archive.infolist():
            path = _clean(about.filename)
            if about.is_dir() or _hidden(path):
                continue
            budget.meet()
            yield from _zip_member(archive, about, path, budget)


def _zip_member(
    archive: zipfile.ZipFile,
    about: zipfile.ZipInfo,
    path: str,
    budget: Budget,
) -> Iterator[Member]:
    """Open one member of a zip archive, or say why not."""
    name = PurePosixPath(path).name
    if about.flag_bits & 1:
        yield Member(path, name, problem="encrypted")
        return
    try:
        opened = archive.open(about)
    except (*BROKEN, NotImplementedError, RuntimeError) as error:
        known = isinstance(error, BROKEN)
        yield Member(
            path,
            name,
            problem=DAMAGED if known else "packed in an unknown way",
        )
        return
    with opened:
        stream = io.BufferedReader(_Counted(opened, budget), 1 << 16)
        yield Member(path, name, cast(BinaryIO, stream))


def _open_tar(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    """Give the members of a tar archive, from its start to its end."""
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for about in archive:
                # The archive would remember every member
                archive.__dict__["members"] = []
                path = _clean(about.name)
                if about.isdir() or _hidden(path):
                    continue
                budget.meet()
                name = PurePosixPath(path).name
                opened = None
                if about.isreg() and not about.issparse():
                    opened = archive.extractfile(about)
                problem = "" if opened else "not a regular file"
                yield Member(
                    path, name, cast(BinaryIO, opened), problem
                )
    except Unreadable:
        raise
    except BROKEN as error:
        raise Unreadable(DAMAGED) from error


def _clean(name: str) -> str:
    """Make a member's name one that leads nowhere and can be shown.

    >>> _clean("../../etc//hats.txt")
    '/etc/hats.txt'
    """
    shown = "".join(c if c.isprintable() else "?" for c in name)
    parts = shown.replace("\\", "/").split("/")
    kept = [part for part in parts if part not in ("", ".", "..")]
    return "/" + "/".join(kept)


def _hidden(path: str) -> bool:
    """Tell whether a member is none of ours, as in folders."""
    parts = path.split("/")[1:]
    return any(p.startswith(".") or p == "__MACOSX" for p in parts)


def _open_zst(file: BinaryIO) -> IO[bytes]:
    """Open what Zstandard compressed."""
    import pyarrow as pa

    stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
    return cast(IO[bytes], stream)


BROKEN = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)
STREAMS: dict[str, Callable[[BinaryIO], IO[bytes]]] = {
    ".gz": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _open_zst,
}
Archive = Callable[[BinaryIO, Budget], Iterator[Member]]
ARCHIVES: dict[str, Archive] = {".zip": _open_zip, ".tar": _open_tar}
