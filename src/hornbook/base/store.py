"""Files that are whole or absent: every write here is atomic."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.errors import CorruptFileError, DiskError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusals to write into one clear sentence.

    Raises:
        DiskError: the disk is full, or the folder is not writable.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskError(
                f"the disk is full: {path.name} could not be written; "
                "free some space and run the same command again"
            ) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise DiskError(
                f"{path} cannot be written: {error.strerror}; choose "
                "a folder that you may write to"
            ) from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` is never seen half-written.

    Raises:
        DiskError: the disk is full or not writable; the old file stays.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}."
        )
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends, atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that this package wrote.

    Raises:
        CorruptFileError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CorruptFileError(
            f"{path} is missing; run the stage that writes it again"
        ) from error
    except (ValueError, OSError) as error:
        raise CorruptFileError(
            f"{path} cannot be read ({error}); delete it and run the "
            "stage that writes it again"
        ) from error


def append_jsonl(path: Path, value: Any) -> None:
    """Append one record as one line and hand it to the system."""
    line = json.dumps(value, ensure_ascii=False) + "\n"
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read the whole records of a log; a torn last line is left out.

    Raises:
        CorruptFileError: a line before the last is no JSON record.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            records.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            if number == len(lines):
                break
            raise CorruptFileError(
                f"{path}, line {number}, is not a record in JSON; "
                "delete that line"
            ) from error
    return records


def digest_bytes(data: bytes) -> str:
    """Give the SHA-256 of ``data`` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_text(text: str) -> str:
    """Give the SHA-256 of ``text`` in UTF-8."""
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def drawn(text: str) -> float:
    """Draw a number from 0 to below 1, the same for a text each time.

    >>> round(drawn("split 00ff00ff00ff00ff"), 3)
    0.873
    """
    return int(digest_text(text)[:13], 16) / 16**13


def as_json(value: object) -> Any:
    """Give a value as it reads back from JSON: tuples are lists.

    >>> as_json({"kinds": ("a", "b")})
    {'kinds': ['a', 'b']}
    """
    return msgspec.json.decode(msgspec.json.encode(value))


def digest_json(value: Any) -> str:
    """Give the SHA-256 of ``value`` in its canonical JSON form."""
    return digest_text(json.dumps(value, sort_keys=True, default=str))


def digest_file(path: Path) -> str:
    """Give the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a new folder that takes the place of ``path`` at the end.

    When the block fails, ``path`` stays as it was. What a killed
    process left behind is swept away by the next call.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.parent / f".{path.name}.new"
        old = path.parent / f".{path.name}.old"
        _recover(path, old)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        try:
            yield fresh
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        # Swap the folders: two renames, each of them atomic
        if path.exists():
            os.replace(path, old)
        try:
            os.replace(fresh, path)
        except OSError:
            _recover(path, old)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _recover(path: Path, old: Path) -> None:
    """Put the old folder back if a kill fell between two renames."""
    if old.exists() and not path.exists():
        os.replace(old, path)
    shutil.rmtree(old, ignore_errors=True)


def remove_folder(path: Path) -> None:
    """Delete a folder so that it is never seen half-deleted."""
    gone = path.with_name(f".{path.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    os.replace(path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Put right what a killed process left half-done in a folder."""
    for old in folder.glob(".*.old"):
        _recover(folder / old.name[1:].removesuffix(".old"), old)
    for ending in ("new", "gone"):
        for rest in folder.glob(f".*.{ending}"):
            shutil.rmtree(rest, ignore_errors=True)


def flush(path: Path) -> None:
    """Have a file, or a folder's list of names, reach the disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def need_disk(folder: Path, needed_bytes: int) -> None:
    """Refuse work whose output the disk cannot hold.

    Raises:
        DiskError: less than ``needed_bytes`` are free.
    """
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed_bytes:
        raise DiskError(
            f"this needs {size(needed_bytes)} of disk, and "
            f"{size(free)} are free; free some space or run it from "
            "a folder on another disk"
        )


def size(count_bytes: float) -> str:
    """Write a number of bytes for people.

    >>> size(4.9e6)
    '4.9 MB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if count_bytes < 1000:
            return (
                f"{count_bytes:.0f} {unit}"
                if unit == "bytes" or count_bytes >= 100
                else f"{count_bytes:.1f} {unit}"
            )
        count_bytes /= 1000
    return f"{count_bytes:.1f} TB"
