"""Run a chapter against a run, once, and remember what it gave."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupytext.myst import MystMetadataParsingError
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from hornbook.base.errors import DataError
from hornbook.base.machine import cache_folder, cores
from hornbook.base.store import (
    digest_bytes,
    digest_file,
    digest_json,
    read_json,
    write_text,
)
from hornbook.press import values
from hornbook.press.run_folder import RUN_VARIABLE, SAMPLES_VARIABLE

SETUP = """\
import matplotlib.pyplot as plt

from hornbook.press import figure
from hornbook.press.figure import markdown, quoted, table

run = figure.open_run()"""
CELL_SECONDS = 600
EPOCH = "1700000000"
"""The time that every file of the book is given (SOURCE_DATE_EPOCH)."""
BIG_BYTES = 1_000_000


class OwnKernel(KernelSpecManager):
    """Starts the very Python that runs us, whatever else is there."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Describe this very interpreter."""
        command = [sys.executable, "-m", "ipykernel_launcher"]
        return KernelSpec(
            argv=[*command, "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )


def execute(
    chapters: Iterable[Path],
    run: Path,
    samples: bool,
    done: Callable[[str], None],
) -> list[NotebookNode]:
    """Run chapters, as many at once as there are cores.

    Raises:
        DataError: a cell fails; names the chapter, the line, the error.
    """
    paths = list(chapters)
    common = digest_json([run_digest(run), package_digest(), samples])
    workers = max(1, min(cores(), len(paths)))

    def one(path: Path) -> Any:
        key = digest_json([common, digest_file(path)])[:16]
        kept = run / "book" / ".cache" / f"{path.stem}-{key}.ipynb"
        if kept.exists():
            notebook = nbformat.read(kept, as_version=4)
        else:
            notebook = run_chapter(path, run, samples, workers)
            for old in kept.parent.glob(f"{path.stem}-*.ipynb"):
                old.unlink()
            write_text(kept, nbformat.writes(notebook))
        done(path.stem)
        return notebook

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, paths))


def run_chapter(
    path: Path, run: Path, samples: bool, workers: int = 1
) -> NotebookNode:
    """Run one chapter and put its computed values into its text."""
    notebook = read_chapter(path, samples)
    prepared = with_questions(notebook, path.stem)
    with tempfile.TemporaryDirectory() as place:
        manager = AsyncKernelManager(
            kernel_spec_manager=OwnKernel(),
            kernel_name="python3",
            connection_file=str(Path(place) / "k.json"),
            **({"transport": "ipc"} if os.name == "posix" else {}),
        )
        client = NotebookClient(
            prepared,
            km=manager,
            timeout=CELL_SECONDS,
            record_timing=False,
            coalesce_streams=True,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": place}},
        )
        environ = environment(run, samples, workers, place)
        try:
            asyncio.run(
                client.async_execute(
                    env=environ,
                    stderr=subprocess.DEVNULL,
                    cleanup_kc=True,
                )
            )
        except CellExecutionError as error:
            raise _failure(prepared, path.stem, error) from error
    return with_answers(prepared, path.stem)


def read_chapter(path: Path, samples: bool = True) -> NotebookNode:
    """Read a chapter; each cell learns the line it begins on.

    Raises:
        DataError: the chapter is not UTF-8, or not MyST Markdown; a
            cell's header is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        notebook: NotebookNode = jupytext.reads(text, fmt="md:myst")
    except MystMetadataParsingError as error:
        fault = str(error).partition("\n")[0]
        raise DataError(
            f"{path.name}: {fault[:1].lower()}{fault[1:]}; put what "
            "holds a colon in quotes"
        ) from error
    except Exception as error:  # jupytext's parsers have many
        raise DataError(
            f"{path.name} is not a MyST notebook "
            f"({type(error).__name__}); correct its front matter"
        ) from error
    lines, row = text.split("\n"), 0
    for cell in notebook.cells:
        source = cell.source.split("\n")
        row = _find(lines, source, row)
        cell.metadata["line"] = row + 1
        row += len(source)
    if not samples:
        notebook.cells = [
            cell
            for cell in notebook.cells
            if "sample" not in cell.metadata.get("tags", [])
        ]
    setup = new_code_cell(
        SETUP, metadata={"tags": ["setup"], "line": 1}
    )
    notebook.cells.insert(0, setup)
    return notebook


def _find(lines: list[str], source: list[str], start: int) -> int:
    """Find where a cell's first lines stand in the chapter's file."""
    head = [line.rstrip() for line in source[:3]]
    for row in range(start, len(lines)):
        there = [line.rstrip() for line in lines[row : row + len(head)]]
        if there == head:
            return row
    return start


def with_questions(notebook: NotebookNode, name: str) -> NotebookNode:
    """Add, behind each text with values, a cell that computes them."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        text = _text_of(cell)
        parts = values.parse(text, f"{name}.md")
        asked = values.questions(parts)
        if asked:
            hidden = {"tags": ["values"], "line": cell.metadata["line"]}
            program = values.program(asked)
            cells.append(new_code_cell(program, metadata=hidden))
    notebook.cells = cells
    return notebook


def with_answers(notebook: NotebookNode, name: str) -> NotebookNode:
    """Put the computed values in and take their cells out again."""
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        if "values" not in cell.metadata.get("tags", []):
            cells.append(cell)
            continue
        answers: dict[str, Any] = {}
        for output in cell.outputs:
            answers |= output.get("data", {}).get(values.MIME, {})
        owner = cells[-1]
        parts = values.parse(_text_of(owner), f"{name}.md")
        filled = values.fill(parts, answers)
        if owner.cell_type == "markdown":
            owner.source = filled
        else:
            owner.metadata["book"]["caption"] = filled
    notebook.cells = cells
    return notebook


def _text_of(cell: NotebookNode) -> str:
    """The text of a cell that may hold values."""
    if cell.cell_type == "markdown":
        return str(cell.source)
    return str(cell.metadata.get("book", {}).get("caption", ""))


def _failure(
    notebook: NotebookNode, name: str, error: CellExecutionError
) -> DataError:
    """Say which cell failed, at which line of the chapter."""
    line = 1
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        if any(o.output_type == "error" for o in outputs):
            line = cell.metadata["line"]
    return DataError(
        f"{name}.md, line {line}: the cell there failed with "
        f"{error.ename}: {error.evalue}"
    )


def environment(
    run: Path, samples: bool, workers: int, place: str
) -> dict[str, str]:
    """What the kernel finds in its environment."""
    cache = cache_folder()
    threads = str(max(1, cores() // workers))
    package = Path(__file__).resolve().parents[2]
    inherited = os.environ.get("PYTHONPATH", "")
    paths = [str(package), *inherited.split(os.pathsep)]
    return {
        **os.environ,
        RUN_VARIABLE: str(run.resolve()),
        SAMPLES_VARIABLE: "1" if samples else "0",
        "PYTHONPATH": os.pathsep.join(p for p in paths if p),
        "PYTHONHASHSEED": "0",
        "PYTHONWARNDEFAULTENCODING": "",
        "SOURCE_DATE_EPOCH": EPOCH,
        "OMP_NUM_THREADS": threads,
        "HORNBOOK_CACHE": str(cache.resolve()),
        "MPLCONFIGDIR": str(cache.resolve() / "matplotlib"),
        "IPYTHONDIR": place,
        "JUPYTER_PLATFORM_DIRS": "1",
    }


def run_digest(run: Path) -> str:
    """Digest a run's files, without the book that is made from them."""
    found: dict[str, str] = {}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        if name.startswith("book/") or not path.is_file():
            continue
        size = path.stat().st_size
        if name == "run.json":
            record = read_json(path)
            record.get("stages", {}).pop("book", None)
            found[name] = digest_json(record)
        elif size < BIG_BYTES:
            found[name] = digest_file(path)
        else:
            found[name] = str(size)
    return digest_json(found)


def package_digest() -> str:
    """Digest all of our source, any of which a chapter may call."""
    package = Path(__file__).resolve().parents[1]
    files = sorted(package.rglob("*.py"))
    return digest_bytes(b"".join(f.read_bytes() for f in files))
