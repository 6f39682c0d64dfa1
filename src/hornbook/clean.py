"""What a run leaves behind that nobody needs any more."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hornbook.base.machine import cache_folder
from hornbook.base.record import FILE, RUNS, load_record
from hornbook.base.store import disk_errors
from hornbook.road import lock


class Waste(msgspec.Struct, frozen=True):
    """A folder that may be deleted, and why."""

    path: str
    bytes: int
    why: str


def find_waste(
    runs: Sequence[Path], cache: bool = False, all_: bool = False
) -> list[Waste]:
    """List what may be deleted of runs, and perhaps the cache.

    Finished models, reports, books and text are never in it, unless
    ``all_`` gives up the runs as a whole.

    Raises:
        CorruptFileError: a folder is not a run.
    """
    found = [
        Waste(str(path), folder_bytes(path), why)
        for run in runs
        for path, why in (whole(run) if all_ else spare(run))
    ]
    if cache and cache_folder().is_dir():
        path = cache_folder()
        why = "cache: downloads and compiled code, fetched again"
        found.append(Waste(str(path), folder_bytes(path), why))
    return found


def whole(run: Path) -> Iterator[tuple[Path, str]]:
    """Give up a run with all that it made."""
    load_record(run)
    yield run, "the whole run: models, reports and book"


def spare(run: Path) -> Iterator[tuple[Path, str]]:
    """Give what a run keeps beside its results."""
    done = load_record(run).stages
    if "pretrain" in done:
        for path in sorted((run / "checkpoints").glob("*step-*")):
            yield path, "a checkpoint of a finished training"
    for path in sorted((run / "finetune").glob("*.checkpoints")):
        if f"finetune.{path.stem}" in done and any(path.iterdir()):
            yield path, "checkpoints of a finished training"
    if (run / "ablation" / "ablation.json").exists():
        for path in sorted((run / "ablation").glob("*/")):
            yield path, "text of a finished ablation, curated again"
    for name in ("tex", ".cache"):
        if (run / "book" / name).is_dir():
            yield run / "book" / name, "made again with the book"


def all_runs() -> list[Path]:
    """List the runs of the current folder."""
    return sorted(path.parent for path in RUNS.glob(f"*/{FILE}"))


def folder_bytes(folder: Path) -> int:
    """Add up a folder's files; links count for nothing."""
    return sum(
        path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


def delete(waste: Sequence[Waste], runs: Sequence[Path]) -> int:
    """Delete what was listed; give how many bytes that freed.

    Raises:
        DataError: a command is at work in one of the runs.
        DiskError: a folder may not be deleted.
    """
    for run in runs:
        with lock(run):
            remove(w for w in waste if Path(w.path).is_relative_to(run))
    remove(waste)
    return sum(each.bytes for each in waste)


def remove(waste: Iterator[Waste] | Sequence[Waste]) -> None:
    """Delete the folders that are still there."""
    for path in (Path(each.path) for each in waste):
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            with disk_errors(path):
                shutil.rmtree(path)
