"""The notebooks for Jupyter run, show progress, and are kept clean."""

import asyncio
import os
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

from hornbook.press.execute import OwnKernel

ROOT = Path(__file__).parents[1]
TOUR = ROOT / "notebooks" / "tour.ipynb"


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [c for c in notebook.cells if c.cell_type == "code"]


def test_the_tour_has_ten_cells_and_is_kept_without_outputs() -> None:
    cells = code(nbformat.read(TOUR, as_version=4))
    assert len(cells) == 10
    assert all(cell.outputs == [] for cell in cells)
    assert all(cell.execution_count is None for cell in cells)


@pytest.mark.slow
def test_the_tour_walks_the_road_and_shows_it(tmp_path: Path) -> None:
    notebook = nbformat.read(TOUR, as_version=4)
    manager = AsyncKernelManager(
        kernel_spec_manager=OwnKernel(),
        kernel_name="python3",
        connection_file=str(tmp_path / "kernel.json"),
        **({"transport": "ipc"} if os.name == "posix" else {}),
    )
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=900,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    path = os.pathsep.join(
        [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    )
    env = {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONWARNDEFAULTENCODING": "",
    }
    asyncio.run(client.async_execute(env=env, cleanup_kc=True))

    # The road was walked, and none of it in silence
    cells = code(notebook)
    shown = [
        output.get("data", {}).get("text/plain", "")
        for cell in cells
        for output in cell.outputs
    ]
    assert any("pretraining:" in text for text in shown)
    assert (tmp_path / "runs/smoke/evaluation/report.json").is_file()
    pictures = [
        cell
        for cell in cells
        if any("image/png" in o.get("data", {}) for o in cell.outputs)
    ]
    assert len(pictures) == 2
    said = "".join(
        o.text for c in cells for o in c.outputs if o.get("text")
    )
    assert "bits_per_byte" in said
    assert "ipywidgets" not in said
