"""Program text for the page: ink first, weight and slope, no boxes."""

import re
from functools import cache

from pygments import highlight as colour
from pygments.formatters import LatexFormatter
from pygments.lexers import get_lexer_by_name
from pygments.style import Style
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    String,
)
from pygments.util import ClassNotFound

from hornbook.base.errors import DataError
from hornbook.press.fonts import Glyphs

COLUMNS = 72
"""Columns of our monospaced face in the text block."""
WHOLE_LINES, FIRST_LINES = 12, 6
"""Up to so many lines a block stays on one page; a longer one begins
only where so many still fit."""


STYLES = {
    Keyword: "bold #222222",
    Keyword.Constant: "bold #222222",
    Operator.Word: "bold #222222",
    Name.Function: "#8c1c13",
    Name.Class: "#8c1c13",
    Name.Decorator: "#6b6b6b",
    Comment: "italic #6b6b6b",
    String.Doc: "italic #6b6b6b",
    String: "#2f5d50",
    Number: "#2f5d50",
}
"""Weight and slope carry the structure, one quiet green strings."""


@cache
def _formatter() -> "LatexFormatter[str]":
    """One formatter, so that its macros and its text agree."""
    return LatexFormatter(
        style=type("Ink", (Style,), {"styles": STYLES}),
        nowrap=True,
        commandprefix="PY",
    )


def preamble() -> str:
    """Give the LaTeX macros that highlighted code uses."""
    return str(_formatter().get_style_defs())


def highlight(
    text: str, language: str, where: str, glyphs: Glyphs
) -> list[str]:
    """Set program text as lines of LaTeX for a verbatim block.

    Raises:
        DataError: a line has more columns than the page holds, or the
            language is unknown.
    """
    lines = text.rstrip("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if len(line) > COLUMNS:
            raise DataError(
                f"{where}: line {number} of the code has {len(line)} "
                f"columns and the page holds {COLUMNS}; break the "
                f"line {line.strip()[:40]!r}"
            )
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound as error:
        raise DataError(
            f"{where}: no language is called {language!r}; use python, "
            "bash, toml, json or text"
        ) from error
    source = "\n".join(lines) + "\n"
    marked = str(colour(source, lexer, _formatter()))
    out = marked.rstrip("\n").split("\n")
    out += [""] * (len(lines) - len(out))
    return [glyphs.wrap(line, glyphs.mono) for line in out]


def block(
    text: str, language: str, where: str, glyphs: Glyphs, after: int = 0
) -> str:
    """Set program text as a block of its own.

    ``after`` counts the lines of output that should stay with it.
    """
    lines = highlight(text, language, where, glyphs)
    return verbatim("codein", lines, after=after)


def printed(text: str, glyphs: Glyphs, joined: bool = False) -> str:
    """Set what a program printed, in grey; long lines are folded.

    What is ``joined`` stands below its code on the same page, unless
    it is long.
    """
    lines = []
    for line in plain_output(text).split("\n"):
        lines += fold(line) or [""]
    set_lines = [
        glyphs.wrap(escape(line), glyphs.mono) for line in lines
    ]
    joined = joined and len(lines) <= WHOLE_LINES
    return verbatim("codeout", set_lines, joined=joined)


def plain_output(text: str) -> str:
    """Drop terminal colours and what a carriage return overwrote."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    lines = [line.rsplit("\r", 1)[-1] for line in text.split("\n")]
    kept = [
        "".join(
            c if c.isprintable() else " " * c.isspace()
            for c in line.expandtabs(4)
        )
        for line in lines
    ]
    return "\n".join(kept).strip("\n")


def fold(line: str, columns: int = COLUMNS - 2) -> list[str]:
    """Cut a line at spaces so that each piece fits the page."""
    out = []
    while len(line) > columns:
        cut = line.rfind(" ", columns // 2, columns)
        cut = columns if cut < 0 else cut
        out.append(line[:cut])
        line = "  " + line[cut:].lstrip()
    return [*out, line]


def escape(text: str) -> str:
    """Protect what is special in a verbatim block."""
    special = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}"}
    return "".join(special.get(c, c) for c in text)


def verbatim(
    name: str,
    lines: list[str],
    options: str = "",
    after: int = 0,
    joined: bool = False,
) -> str:
    """Wrap lines in one of the style's verbatim environments.

    No page ends between a block with lines ``after`` it and one that
    is ``joined`` to what is before.
    """
    whole = len(lines) + after
    need = whole if whole <= WHOLE_LINES else FIRST_LINES
    place = "\\codejoin" if joined else f"\\codeneeds{{{need}}}"
    hold = "\\codehold" if after else ""
    open_ = f"\\codegap\\begingroup{place}{hold}"
    head = f"{open_}\\begin{{{name}}}{options}"
    foot = f"\\end{{{name}}}\n\\endgroup\\codegap"
    return "\n".join([head, *lines, foot, ""])
