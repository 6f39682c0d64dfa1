"""A notebook as a fragment of LaTeX, by nbconvert and our template."""

import hashlib
from pathlib import Path
from typing import Any

from nbconvert.exporters import LatexExporter
from nbformat import NotebookNode
from traitlets.config import Config

from hornbook.base.store import write_bytes
from hornbook.press import code
from hornbook.press.directives import figure
from hornbook.press.markdown import Latex, parser, table

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
        extra_template_basedirs=[str(Path(__file__).parent / "template")],
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
        return mark + code.block(cell.source, "python", r.where, r.glyphs)

    def printed(text: str) -> str:
        return code.printed(text, r.glyphs)

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
    from hornbook.press.markdown import escape

    return escape(code.plain_output(text))


def chapter_tex(notebook: NotebookNode, r: Latex, work: Path) -> str:
    """Render an executed chapter; its pictures go to ``work``/figures."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                o for o in cell.outputs if o.get("name") != "stderr"
            ]
    body, resources = exporter(r).from_notebook_node(
        notebook,
        resources={
            "unique_key": r.chapter,
            "output_files_dir": "figures",
        },
    )
    for name, data in resources["outputs"].items():
        path = work / name
        if not path.exists() or _digest(path.read_bytes()) != _digest(data):
            write_bytes(path, data)
    return str(body)


def _digest(data: bytes) -> bytes:
    """Digest bytes, to leave a file alone that would not change."""
    return hashlib.sha256(data).digest()
