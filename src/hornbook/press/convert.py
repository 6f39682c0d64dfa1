"""A notebook as a fragment of LaTeX, by nbconvert and our template."""

from pathlib import Path
from typing import Any

from nbconvert.exporters import LatexExporter
from nbformat import NotebookNode
from nbformat.v4 import new_notebook, new_output
from traitlets.config import Config

from hornbook.base.store import write_bytes
from hornbook.press import code
from hornbook.press.directives import figure
from hornbook.press.latex import Latex
from hornbook.press.markdown import escape

TEMPLATE = "nbconvert"


def exporter(renderer: Latex) -> LatexExporter:
    """Give an exporter whose filters render one chapter."""
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = {
        "remove-cell",
        "setup",
    }
    config.TagRemovePreprocessor.remove_input_tags = {"hide-input"}
    config.TagRemovePreprocessor.remove_all_outputs_tags = {
        "hide-output"
    }
    config.ExtractOutputPreprocessor.enabled = True
    made = LatexExporter(
        config=config,
        template_name=TEMPLATE,
        extra_template_basedirs=[
            str(Path(__file__).parent / "template")
        ],
    )
    for name, render in filters(renderer).items():
        made.register_filter(name, render)
    return made


def filters(r: Latex) -> dict[str, Any]:
    """Name what the template asks of the renderer."""

    def prose(cell: NotebookNode) -> str:
        return r.document(cell.source, cell.metadata["line"])

    def source(cell: NotebookNode) -> str:
        r.line = cell.metadata["line"]
        mark = f"%@ {r.chapter} {r.line}\n"
        after = sum(map(_printed_lines, cell.outputs))
        return mark + code.block(
            cell.source, "python", r.where, r.glyphs, after
        )

    def printed(text: str, cell: NotebookNode) -> str:
        shown = "hide-input" not in cell.metadata.get("tags", [])
        return code.printed(text, r.glyphs, joined=shown)

    def passage(output: NotebookNode, cell: NotebookNode) -> str:
        r.line = cell.metadata["line"]
        return _passage(r, output, cell)

    def picture(path: str, cell: NotebookNode) -> str:
        r.line = cell.metadata["line"]
        book = cell.metadata.get("book", {})
        body = f"\\includegraphics{{{path}}}"
        if not book.get("caption"):
            return f"\\plainfigure{{{body}}}\n"
        label, width = book.get("label", ""), book.get("width", "text")
        mark = f"%@ {r.chapter} {r.line}\n"
        return mark + figure(r, label, book["caption"], body, width)

    return {
        "passage": passage,
        "picture": picture,
        "printed": printed,
        "prose": prose,
        "source": source,
    }


def _printed_lines(output: NotebookNode) -> int:
    """Count the lines that a cell's output takes below it."""
    if output.output_type != "stream":
        return 0
    return code.plain_output(output.text).count("\n") + 2


def _passage(r: Latex, output: NotebookNode, cell: NotebookNode) -> str:
    """Set Markdown that a cell computed: prose, table or quotation."""
    mark = f"%@ {r.chapter} {r.line}\n"
    quote = output.metadata.get("hornbook")
    if quote:
        parts = [
            r.glyphs.wrap(_escape(part), r.glyphs.text)
            for part in quote["text"].split("\n")
            if part.strip()
        ]
        body = "\\par ".join(parts)
        title = r.inline(quote["title"])
        return f"{mark}\\quotedtext{{{body}}}{{{title}}}\n"
    text = output.data["text/markdown"]
    book = cell.metadata.get("book", {})
    if book.get("caption"):
        caption, label = book["caption"], book.get("label", "")
        text = f"{text}\n\n: {caption} {{#{label}}}\n"
    return mark + r.block(text)


def _escape(text: str) -> str:
    """Protect text of others, with its spaces as they are."""
    return escape(code.plain_output(text))


def chapter_tex(notebook: NotebookNode, r: Latex, work: Path) -> str:
    """Render an executed chapter; its pictures go to ``work``/figures.

    Cells that belong to an exercise's solution are left out and added
    to the renderer's solutions.
    """
    answers: dict[str, list[NotebookNode]] = {}
    cells = []
    for cell in notebook.cells:
        label = cell.metadata.get("book", {}).get("solution")
        if label:
            answers.setdefault(label, []).append(cell)
        else:
            cells.append(cell)
    body = _fragment(notebook, cells, r, r.chapter, work)
    for number, (label, inside) in enumerate(answers.items()):
        key = f"{r.chapter}-solution-{number}"
        text = _fragment(notebook, inside, r, key, work)
        r.solutions.setdefault(label, []).append(text)
    return body


def _fragment(
    notebook: NotebookNode,
    cells: list[NotebookNode],
    r: Latex,
    key: str,
    work: Path,
) -> str:
    """Render some of a notebook's cells and write their pictures."""
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs = [
                _shown(output)
                for output in cell.outputs
                if output.get("name") != "stderr"
            ]
    body, resources = exporter(r).from_notebook_node(
        new_notebook(cells=cells, metadata=notebook.metadata),
        resources={"unique_key": key, "output_files_dir": "figures"},
    )
    for name, data in resources["outputs"].items():
        path = work / name
        if not path.exists() or path.read_bytes() != data:
            write_bytes(path, data)
    return str(body)


def _shown(output: NotebookNode) -> NotebookNode:
    """Treat a cell's last value like all else that it shows."""
    if output.output_type != "execute_result":
        return output
    shown: NotebookNode = new_output(
        "display_data", output.data, metadata=output.metadata
    )
    return shown
