"""What the chapters can ask for beyond prose: one function each."""

from dataclasses import dataclass

from hornbook.base.errors import DataError
from hornbook.press import code, listing
from hornbook.press.diagram import draw
from hornbook.press.latex import Directive, Latex
from hornbook.press.markdown import macro, url
from hornbook.press.run_folder import Run


@dataclass(frozen=True)
class Matter:
    """What the directives need besides their own words."""

    run: Run
    link: str = ""


def directives(matter: Matter) -> dict[str, Directive]:
    """Name the directives of a book made from ``matter``."""

    def diagram(
        r: Latex, name: str, chosen: dict[str, str], body: str
    ) -> str:
        """Draw the run's model."""
        return figure(
            r,
            chosen.get("label", ""),
            chosen.get("caption", body),
            draw(name, matter.run, r.where),
            chosen.get("width", "text"),
        )

    def qr(
        r: Latex, address: str, chosen: dict[str, str], body: str
    ) -> str:
        """Print a QR code, if there is anywhere to lead."""
        address = address or matter.link
        if not address:
            return ""
        return f"\\qrbox{{{url(address)}}}{{{r.inline(body)}}}\n"

    return {**DIRECTIVES, "diagram": diagram, "qr": qr}


def figure(
    r: Latex, label: str, caption: str, body: str, width: str
) -> str:
    """Set a picture with its caption in the margin or below.

    Raises:
        DataError: no label or caption, or a width that is not there.
    """
    if width not in {"text", "full"}:
        raise r.fail(f"a figure's width is text or full, not {width!r}")
    return macro(
        "bookfigure",
        width,
        r.define(_needed(r, label, "label")),
        r.inline(_needed(r, caption, "caption")),
        body,
    )


def _needed(r: Latex, value: str, name: str) -> str:
    """Give an option's value.

    Raises:
        DataError: it is missing.
    """
    if not value:
        raise r.fail(f"a {name} is missing here; add ':{name}: ...'")
    return value


def _listing(
    r: Latex, target: str, chosen: dict[str, str], body: str
) -> str:
    """Set lines of the source with numbered notes in the margin."""
    try:
        piece = listing.cut(target, chosen.get("docstring") != "no")
        notes = listing.match_notes(piece, body, target)
        lines = code.highlight(
            "\n".join(piece.lines), "python", target, r.glyphs
        )
    except DataError as error:
        raise r.fail(str(error)) from error

    # Count over the lines that were left out
    for i, (here, after) in enumerate(
        zip(piece.numbers, piece.numbers[1:], strict=False)
    ):
        if after - here > 1:
            lines[i] += f"\\skiplines{{{after - here - 1}}}"

    # Put a numbered disc behind each line that has a note
    remarks = []
    for number, note in enumerate(notes, start=1):
        lines[note.line] += f"\\callout{{{number}}}"
        text = r.inline(note.text)
        remarks.append(f"\\notetext{{{number}}}{{{text}}}")
    head = macro(
        "listinghead",
        r.define(_needed(r, chosen.get("label", ""), "label")),
        r.inline(_needed(r, chosen.get("caption", ""), "caption")),
        piece.file.replace("_", r"\_"),
        "".join(remarks),
    )
    numbered = f"[firstnumber={piece.first}]"
    shown = code.verbatim("codelisting", lines, numbered)
    return f"\\begin{{listing}}[!htp]{head}{shown}\\end{{listing}}\n"


def _epigraph(
    r: Latex, author: str, chosen: dict[str, str], body: str
) -> str:
    """Set a quotation under the chapter's title."""
    return f"\\bookepigraph{{{r.inline(body)}}}{{{r.inline(author)}}}\n"


def _exercise(
    r: Latex, title: str, chosen: dict[str, str], body: str
) -> str:
    """Set an exercise, numbered within its chapter."""
    label = r.define(_needed(r, chosen.get("label", ""), "label"))
    head = f"\\bookexercise{{{label}}}{{{r.inline(title)}}}"
    return f"{head}{r.block(body)}\\exerciseend\n"


def _solution(
    r: Latex, label: str, chosen: dict[str, str], body: str
) -> str:
    """Keep a solution for the end of the book."""
    r.solutions.setdefault(label, []).append(r.block(body))
    return ""


def _table(
    r: Latex, caption: str, chosen: dict[str, str], body: str
) -> str:
    """Set a table whose caption stands before it."""
    label = _needed(r, chosen.get("label", ""), "label")
    return r.block(f"{body}\n\n: {caption} {{#{label}}}")


def _code(
    r: Latex, language: str, chosen: dict[str, str], body: str
) -> str:
    """Set code that is not run."""
    return code.block(body, language or "text", r.where, r.glyphs)


DIRECTIVES: dict[str, Directive] = {
    "code": _code,
    "epigraph": _epigraph,
    "exercise": _exercise,
    "listing": _listing,
    "solution": _solution,
    "table": _table,
}
