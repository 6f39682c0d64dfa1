"""The record of a run: what was done, by what, on what."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from hornbook import __version__
from hornbook.base.errors import CorruptFileError
from hornbook.base.machine import Machine, describe
from hornbook.base.store import write_bytes

FILE = "run.json"
RUNS = Path("runs")
"""Where runs are made, and looked for by their names."""
PACKAGES = ("torch", "numpy", "daft", "regex", "safetensors")


class StageRecord(msgspec.Struct, frozen=True):
    """What one finished stage was made from, and what it gave."""

    digest: str
    """The digest of all that the stage depends on."""
    parts: dict[str, str]
    """The same, part by part: recipe, source, stages before it."""
    seconds: float
    """Wall-clock time, summed over the attempts that made it."""
    peak_memory_bytes: int
    """The most memory the process held while the stage ran."""
    finished: str
    """When it ended, in UTC."""
    result: dict[str, Any] = {}
    """The stage's own numbers."""


class RunRecord(msgspec.Struct, frozen=True):
    """All that is needed to say where a number came from."""

    name: str
    folder: str
    """The run's folder, relative to where the command was given."""
    seed: int
    recipe: dict[str, Any]
    machine: Machine
    commit: str
    """The commit of the source, or empty outside a checkout."""
    versions: dict[str, str]
    stages: dict[str, StageRecord] = {}

    @property
    def path(self) -> Path:
        """The run's folder."""
        return Path(self.folder)

    def save(self) -> None:
        """Write the record into its run's folder, atomically."""
        kept = msgspec.structs.replace(self, folder="")
        text = msgspec.json.format(msgspec.json.encode(kept), indent=2)
        write_bytes(self.path / FILE, text + b"\n")

    def with_stage(self, name: str, stage: StageRecord) -> "RunRecord":
        """Give the record with one stage added or replaced."""
        stages = {**self.stages, name: stage}
        return msgspec.structs.replace(self, stages=stages)


def new_record(
    name: str, folder: Path, seed: int, recipe: dict[str, Any]
) -> RunRecord:
    """Begin a record for a run on this machine."""
    return RunRecord(
        name=name,
        folder=str(folder),
        seed=seed,
        recipe=recipe,
        machine=describe(),
        commit=source_commit(),
        versions=versions(),
    )


def named(run: str | Path) -> str:
    """Look for ``NAME`` and ``NAME:PART`` in ``runs`` as well."""
    inside = RUNS / str(run).partition(":")[0]
    elsewhere = not Path(run).exists() and inside.is_dir()
    return str(RUNS / run) if elsewhere else str(run)


def load_record(folder: str | Path) -> RunRecord:
    """Read the record of a run.

    Raises:
        CorruptFileError: there is no record, or it cannot be read.
    """
    path = Path(folder) / FILE
    if not path.exists():
        raise CorruptFileError(
            f"{folder} is not a run: it has no {FILE}; give the folder "
            "of a run, or start one with 'hornbook run RECIPE'"
        )
    try:
        record = msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptFileError(
            f"{path} cannot be read ({error}); delete it, and the next "
            "'hornbook run' makes the stages again"
        ) from error
    return msgspec.structs.replace(record, folder=str(folder))


def versions() -> dict[str, str]:
    """The versions of Python, Hornbook and what the numbers rest on."""
    found = {
        "python": platform.python_version(),
        "hornbook": __version__,
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def source_commit() -> str:
    """The commit this source was checked out at, or an empty string."""
    here = Path(__file__).resolve().parents[3]
    if not (here / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=here,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
