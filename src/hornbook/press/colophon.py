"""The last page: how the book was made, of what, and by whose leave."""

import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from hornbook import __version__
from hornbook.base.store import read_json
from hornbook.press.fonts import Glyphs
from hornbook.press.markdown import escape
from hornbook.press.tex_setup import Engine

PACKAGES = (
    "jupytext",
    "nbclient",
    "nbconvert",
    "markdown-it-py",
    "pygments",
    "matplotlib",
)
SET_IN = (
    "The text is set in TeX Gyre Pagella, after Hermann Zapf's "
    "Palatino (GUST Font License); the code in IBM Plex Mono (SIL Open "
    "Font License); the formulas in TeX Gyre Pagella Math. Pages by "
    "memoir, diagrams by TikZ, figures by matplotlib, the code's slope "
    "and weight by Pygments."
)
LEAVE = (
    "The words of this book are under the Creative Commons licence "
    "CC BY 4.0, the code that it prints under the licence of Hornbook. "
    "What is quoted from the corpus keeps its own licence:"
)
HOW = (
    "Each chapter is a notebook. It was run against the run that it "
    "describes: every number, figure, diagram and listing came from "
    "there. nbconvert turned the notebooks into "
)


def colophon(run: Path, engine: Engine | None, glyphs: Glyphs) -> str:
    """Write the colophon in LaTeX."""
    name = {"lualatex": "LuaLaTeX", "tectonic": "Tectonic"}
    made = f"{name[engine.name] if engine else 'TeX'} into pages"
    steps = [f"hornbook book {run.name}", "# or by hand, from the run:"]
    steps += ["cd book/tex"]
    steps += [f"{engine.name if engine else 'lualatex'} book.tex"]
    parts = [
        "\\bookcolophon{",
        escape(HOW) + "\\LaTeX, and " + made + ".\\par",
        escape(SET_IN) + "\\par",
        _versions(engine) + "\\par",
        escape(LEAVE) + "\\par",
        *(f"{credit}\\par" for credit in credits(run, glyphs)),
        "The steps:}",
        "\\begin{codein}",
        *(step.replace("\\", "/") for step in steps),
        "\\end{codein}",
        "",
    ]
    return "\n".join(parts)


def credits(run: Path, glyphs: Glyphs) -> list[str]:
    """Name the sources of the run's text and their licences."""
    path = run / "corpus" / "card.json"
    if not path.exists():
        return ["This run has no card of its text."]
    card: dict[str, Any] = read_json(path)
    found = []
    for source in card.get("sources", []):
        licence = source.get("licence") or "licence not stated"
        credit = source.get("credit", "")
        words = f"{source.get('name', 'text')} ({licence})"
        words += f": {credit}" if credit else ""
        safe = escape(words.rstrip(".") + ".")
        found.append(glyphs.wrap(safe, glyphs.text))
    return found or ["The card of its text names no source."]


def _versions(engine: Engine | None) -> str:
    """Say which versions of what took part."""
    named = [
        f"Hornbook {__version__}",
        f"Python {platform.python_version()}",
    ]
    if engine is not None:
        named.append(engine_version(engine))
    for package in PACKAGES:
        named.append(f"{package} {metadata.version(package)}")
    return escape("Made with " + ", ".join(named) + ".")


def engine_version(engine: Engine) -> str:
    """Give the engine's name and version, as it says them."""
    done = subprocess.run(
        [str(engine.path), "--version"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    first = (done.stdout.splitlines() or [engine.name])[0]
    first = re.sub(r"^This is ", "", first)
    first = re.sub(r", Version ", " ", first)
    return re.sub(r"\s+", " ", first).replace("/Debian", "").strip()
