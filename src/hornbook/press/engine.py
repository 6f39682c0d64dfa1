"""TeX, run until nothing changes any more."""

import hashlib
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from hornbook.base.errors import MissingToolError
from hornbook.base.store import write_text
from hornbook.press.audit import Fault, tex_fault
from hornbook.press.execute import EPOCH
from hornbook.press.index import make_index
from hornbook.press.margin import place_notes
from hornbook.press.tex_setup import (
    Engine,
    apt_line,
    find_engine,
    tectonic_path,
)

MOST_PASSES = 7
WATCHED = (".aux", ".toc", ".out", ".ind", ".bbl", ".margin")
"""What a pass writes for the next one."""
CITED = re.compile(r"\\cite[pt]?\*?(?:\[[^\]]*\])*\{([^}]*)\}")
SOURCES = {".bib", ".pdf", ".png", ".sty", ".tex", ".ttf", ".otf"}
BUNDLE_VARIABLE = "HORNBOOK_TEX_BUNDLE"
"""A folder or zip of TeX files, for Tectonic without a network."""


def choose_engine(wish: str) -> Engine | None:
    """Give the engine that was asked for, or the best there is.

    Raises:
        MissingToolError: an engine was named and is not installed.
    """
    engine = find_engine()
    if wish == "auto" or (engine and engine.name == wish):
        return engine
    if wish == "tectonic" and tectonic_path().is_file():
        return Engine("tectonic", tectonic_path())
    raise MissingToolError(
        f"the recipe asks for {wish}, which is not installed; install "
        f"it (for LuaLaTeX: {apt_line()}), or set press.engine to "
        "'auto'"
    )


def set_pages(
    work: Path,
    engine: Engine,
    done: Callable[[], None] = lambda: None,
) -> list[int]:
    """Run the engine until the pages stand; give the crowded ones.

    ``done`` is called after every pass.

    Raises:
        DataError: TeX stops; says where in which chapter.
    """
    mark = work / "book.made"
    key = sources(work, engine)
    if (work / "book.pdf").exists() and _holds(mark, key):
        return place_notes(work)
    if engine.name == "lualatex":
        foretell_works(work)
    crowded: list[int] = []
    for _ in range(MOST_PASSES):
        before = state(work)
        fault = one_pass(work, engine)
        if fault:
            raise fault.error()
        done()
        if engine.name == "lualatex":
            _bibliography(work)
        make_index(work)
        crowded = place_notes(work)
        if state(work) == before:
            break
    write_text(mark, key)
    return crowded


def sources(work: Path, engine: Engine) -> str:
    """Digest all that the pages are made from."""
    digest = hashlib.sha256(f"{engine.name} {engine.path}".encode())
    for path in sorted(work.rglob("*")):
        if path.suffix in SOURCES and path.name != "book.pdf":
            digest.update(path.relative_to(work).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _holds(mark: Path, key: str) -> bool:
    """Whether a file holds this key."""
    return mark.exists() and mark.read_text(encoding="utf-8") == key


def state(work: Path) -> dict[str, str]:
    """Digest the files that one pass hands to the next."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(work.iterdir())
        if path.suffix in WATCHED
    }


def one_pass(work: Path, engine: Engine) -> Fault | None:
    """Run TeX once; give what stopped it, if something did."""
    done = _run(command(engine), work)
    if done.returncode == 0:
        return None
    log = work / "book.log"
    said = done.stdout
    if log.exists():
        said += "\n" + log.read_text(encoding="utf-8", errors="replace")
    return tex_fault(work, said)


def command(engine: Engine) -> list[str]:
    """Give the command line of one pass."""
    if engine.name == "lualatex":
        return [
            str(engine.path),
            "-interaction=nonstopmode",
            "-halt-on-error",
            "-file-line-error",
            "-no-shell-escape",
            "book.tex",
        ]
    bundle = os.environ.get(BUNDLE_VARIABLE)
    return [
        str(engine.path),
        *(["-b", bundle] if bundle else []),
        "--reruns=0",
        "--keep-intermediates",
        "--keep-logs",
        "--untrusted",
        "-Z",
        "deterministic-mode",
        "book.tex",
    ]


def _run(
    words: list[str], work: Path
) -> "subprocess.CompletedProcess[str]":
    """Run a program of TeX with the book's clock and long log lines."""
    fixed = {
        "SOURCE_DATE_EPOCH": EPOCH,
        "FORCE_SOURCE_DATE": "1",
        "max_print_line": "10000",
        "openout_any": "p",
    }
    return subprocess.run(
        words,
        cwd=work,
        env={**os.environ, **fixed},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


def foretell_works(work: Path) -> None:
    """Give the first pass its bibliography, which saves the last one.

    What an earlier build left in its aux file is known already.
    """
    aux = work / "book.aux"
    cited = {
        key.strip()
        for path in sorted(work.glob("*.tex"))
        for keys in CITED.findall(path.read_text(encoding="utf-8"))
        for key in keys.split(",")
    }
    if aux.exists() or not cited:
        return
    lines = [f"\\citation{{{key}}}" for key in sorted(cited)]
    lines += ["\\bibstyle{plainnat}", "\\bibdata{references}"]
    write_text(aux, "\n".join(["\\relax", *lines]) + "\n")
    _bibliography(work)


def _bibliography(work: Path) -> None:
    """Run bibtex when what is cited, or the sources, have changed."""
    aux = (work / "book.aux").read_text(
        encoding="utf-8", errors="replace"
    )
    asked = "\n".join(
        re.findall(r"\\(?:citation|bibdata|bibstyle)\{.*", aux)
    )
    sources = (work / "references.bib").read_bytes()
    key = hashlib.sha256(asked.encode() + sources).hexdigest()
    mark = work / "book.cited"
    if _holds(mark, key):
        return
    _run(["bibtex", "-terse", "book"], work)
    write_text(mark, key)
