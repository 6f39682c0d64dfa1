"""The Markdown of the chapters, and what is special to LaTeX.

markdown-it-py parses the subset of MyST that the chapters use; what is
special to LaTeX is escaped here and nowhere else.
"""

import re
from functools import cache

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

OPEN_QUOTE, CLOSE_QUOTE = "\ue000", "\ue001"
"""Around text of others, in the Markdown between run and page."""

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    "\u00a0": "~",
    "\u202f": r"\,",
    "\u2009": r"\,",
    "–": "--",
    "—": "---",
}
KINDS = {
    "ch": "Chapter",
    "fig": "Figure",
    "tab": "Table",
    "lst": "Listing",
    "ex": "Exercise",
}


@cache
def parser() -> MarkdownIt:
    """The Markdown that chapters are written in."""
    made = MarkdownIt(
        "commonmark",
        {"typographer": True, "quotes": "“”‘’", "html": False},
    )
    made.enable(["table", "smartquotes", "replacements"])
    made.use(dollarmath_plugin, allow_labels=True, double_inline=True)
    made.use(myst_role_plugin).use(myst_block_plugin)
    return made


def escape(text: str) -> str:
    """Protect what is special to LaTeX."""
    return "".join(SPECIAL.get(char, char) for char in text)


def macro(name: str, *arguments: str) -> str:
    """Write a macro with its arguments, on a line of its own."""
    return f"\\{name}" + "".join(f"{{{a}}}" for a in arguments) + "\n"


def url(address: str) -> str:
    """Protect an address inside a macro's argument."""
    safe = address.replace("\\", "/")
    for char in "%#{}":
        safe = safe.replace(char, "\\" + char)
    return safe


def options(body: str) -> tuple[dict[str, str], str]:
    """Split the ``:key: value`` lines off the top of a directive."""
    found, lines = {}, body.split("\n")
    while lines:
        match = re.match(r":([\w-]+):\s*(.*)", lines[0])
        if match is None:
            break
        found[match[1]] = match[2].strip()
        lines.pop(0)
    return found, "\n".join(lines).strip("\n")
