"""From a run and its chapters to the book.

Each chapter is run as a notebook against the run it describes, turned
into a fragment of LaTeX, and set with the others; the same notebooks,
in standard Markdown, lie beside the PDF.
"""

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from hornbook.base.console import console
from hornbook.base.errors import DataError, HornbookError
from hornbook.base.record import FILE as RECORD
from hornbook.base.store import read_json, write_text
from hornbook.press import audit, code, colophon, fonts, notebook
from hornbook.press.config import PressConfig
from hornbook.press.convert import chapter_tex
from hornbook.press.directives import Matter, directives
from hornbook.press.engine import choose_engine, set_pages
from hornbook.press.execute import execute
from hornbook.press.latex import Latex
from hornbook.press.markdown import escape
from hornbook.press.run_folder import Run
from hornbook.press.tex_setup import Engine, apt_line
from hornbook.press.works import read_works

ORDER = "order.json"
"""In the folder of chapters: their names in the book's order."""
SOLUTIONS = "\\solutionchapter{Solutions}\n"


@dataclass
class Sheet:
    """The work on one book: where it is made and what it took."""

    run: Path
    config: PressConfig
    source: Path
    draft: bool
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def book(self) -> Path:
        """The folder of the finished book."""
        return self.run / "book"

    @property
    def work(self) -> Path:
        """The folder of the book's LaTeX."""
        return self.book / "tex"


def make_book(
    folder: Path,
    config: PressConfig,
    chapters: Sequence[str] | None = None,
    source: Path | None = None,
) -> Path:
    """Make the book of a run and give its path.

    With ``chapters`` only those are set, and references to the others
    may stay open. Where no TeX is installed everything but the PDF is
    made, one sentence says so, and the path is that of ``book.log``.

    Raises:
        DataError: a chapter fails, or the finished book has faults;
            names the chapter and the line.
        MissingToolError: the engine that was named is not installed.
    """
    place = source or shipped("chapters")
    sheet = Sheet(folder, config, place, chapters is not None)
    names = list(chapters or config.chapters) or chapter_order(place)
    engine = choose_engine(config.engine)

    # Run the chapters against the run
    start = time.monotonic()
    paths = [_chapter(place, name) for name in names]
    with console.progress("chapters", len(paths), "chapters") as bar:
        executed = execute(
            paths,
            folder,
            config.samples,
            lambda name: bar.advance(note=name),
        )
    sheet.seconds["running the chapters"] = time.monotonic() - start
    ready = dict(zip(names, executed, strict=True))

    # Write the notebooks, then the LaTeX, then the pages
    write_notebooks(sheet, ready)
    start = time.monotonic()
    glyphs = fonts.book_glyphs()
    write_sources(sheet, ready, engine, glyphs)
    sheet.seconds["writing LaTeX"] = time.monotonic() - start
    return _print(sheet, engine, glyphs)


def _print(
    sheet: Sheet, engine: Engine | None, glyphs: fonts.Glyphs
) -> Path:
    """Set the pages, look them over, and say what was found."""
    log, pdf = sheet.book / "book.log", sheet.book / "book.pdf"
    pdf.unlink(missing_ok=True)
    facts = [("engine", engine.name if engine else "none")]
    found = audit.Audit(missing=glyphs.missing)
    if engine is None:
        audit.write_summary(log, found, sheet.seconds, facts)
        console.warn(
            "there is no TeX, so everything but book.pdf was made; to "
            f"have it, run: {apt_line()}"
        )
        return log

    # Run TeX until the pages stand
    start = time.monotonic()
    try:
        with console.progress("pages", unit="passes of TeX") as bar:
            crowded = set_pages(sheet.work, engine, bar.advance)
    except HornbookError as error:
        found.faults.append(audit.Fault("TeX", str(error)))
        audit.write_summary(log, found, sheet.seconds, facts)
        raise
    sheet.seconds["setting the pages"] = time.monotonic() - start

    # Look the pages over
    found = audit.read_log(sheet.work, sheet.draft)
    found.missing = glyphs.missing
    audit.weigh_code(found, sheet.work)
    found.faults += [
        audit.Fault(f"page {page}", "the margin is too full", False)
        for page in crowded
    ]
    audit.write_summary(log, found, sheet.seconds, facts)
    if found.fatal:
        more = len(found.fatal) - 1
        tail = f" (and {more} more, see {log.name})" if more else ""
        raise DataError(f"{found.fatal[0]}{tail}")
    shutil.copyfile(sheet.work / "book.pdf", pdf)
    return pdf


def shipped(name: str) -> Path:
    """The path of something that lies in this package's folder."""
    return Path(str(resources.files("hornbook.press") / name))


def chapter_order(place: Path) -> list[str]:
    """Give the chapters' names in the book's order.

    Raises:
        DataError: the folder holds no chapter.
    """
    listed = place / ORDER
    if listed.exists():
        return [str(name) for name in read_json(listed)]
    names = sorted(path.stem for path in place.glob("*.md"))
    if not names:
        raise DataError(f"{place} holds no chapters (*.md)")
    return names


def _chapter(place: Path, name: str) -> Path:
    """Find a chapter by its name.

    Raises:
        DataError: there is none of that name.
    """
    path = place / f"{name}.md"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in place.glob("*.md")))
        raise DataError(
            f"there is no chapter {name!r}; known are {known}"
        )
    return path


def write_notebooks(
    sheet: Sheet, chapters: dict[str, NotebookNode]
) -> None:
    """Write the executed chapters in standard Markdown."""
    works = read_works(_bibliography(sheet))
    words = notebook.Words(works=works, link=sheet.config.link)
    notebook.number_labels(chapters, words)
    place = sheet.book / "notebooks"
    for name, chapter in chapters.items():
        plain = notebook.plain_notebook(chapter, words)
        text = nbformat.writes(plain) + "\n"
        write_text(place / f"{name}.ipynb", text)
    for old in place.glob("*.ipynb"):
        if old.stem not in chapters:
            old.unlink()


def _bibliography(sheet: Sheet) -> str:
    """The bibliography: beside the chapters, or the shipped one."""
    own = sheet.source / "references.bib"
    path = own if own.exists() else shipped("references.bib")
    return path.read_text(encoding="utf-8")


def write_sources(
    sheet: Sheet,
    chapters: dict[str, NotebookNode],
    engine: Engine | None,
    glyphs: fonts.Glyphs,
) -> None:
    """Write all the LaTeX that the book is set from."""
    work, config = sheet.work, sheet.config
    matter = Matter(Run(sheet.run, config.samples), config.link)
    known = directives(matter)
    solutions: dict[str, list[str]] = {}
    cited: set[str] = set()
    plain = notebook.unnumbered(chapters)
    for name, chapter in chapters.items():
        renderer = Latex(name, known, glyphs, unnumbered=plain)
        text = chapter_tex(chapter, renderer, work)
        write_text(work / f"{name}.tex", text)
        solutions |= renderer.solutions
        cited |= renderer.cited
    inputs = "".join(f"\\input{{{name}}}\n" for name in chapters)
    write_text(work / "chapters.tex", inputs)
    write_text(work / "solutions.tex", _solutions(solutions))
    credits = colophon.colophon(sheet.run, engine, glyphs)
    write_text(work / "colophon.tex", credits)
    write_text(work / "references.bib", _bibliography(sheet))
    write_text(work / "pygments.tex", code.preamble() + "\n")
    settings = _settings(sheet, glyphs, bool(cited))
    write_text(work / "settings.tex", settings)
    for path in sorted(shipped("template").iterdir()):
        if path.suffix in {".tex", ".sty"}:
            write_text(
                work / path.name, path.read_text(encoding="utf-8")
            )
    _copy_fonts(work, glyphs)


def _solutions(solutions: dict[str, list[str]]) -> str:
    """Write the chapter of solutions, if there are any."""
    if not solutions:
        return ""
    answers = [
        f"\\bookanswer{{{label}}}{''.join(texts)}"
        for label, texts in solutions.items()
    ]
    return SOLUTIONS + "\n".join(answers)


def _settings(sheet: Sheet, glyphs: fonts.Glyphs, cites: bool) -> str:
    """Write the title page's words and the fonts that help out."""
    config = sheet.config
    made = glyphs.wrap(escape(run_line(Run(sheet.run))), glyphs.text)
    words = {
        "booktitle": config.title,
        "booksubtitle": config.subtitle,
        "bookauthor": config.author,
    }
    lines = [
        f"\\newcommand\\{name}{{{escape(text)}}}"
        for name, text in words.items()
    ]
    lines.append(f"\\newcommand\\bookrun{{{made}}}")
    lines.append("\\newif\\ifcites\\cites" + str(cites).lower())
    for number in sorted(glyphs.used):
        face = glyphs.others[number].path
        lines.append(
            f"\\newotherface{{{fonts.letter(number)}}}{{{face.name}}}"
        )
    return "\n".join([*lines, ""])


def run_line(run: Run) -> str:
    """Say which run a book is of, and when that was finished."""
    line = f"The run {run.name}"
    if not run.has(RECORD):
        return line
    stages = run.record.stages
    ends = [made.finished for n, made in stages.items() if n != "book"]
    if not ends:
        return line
    day = datetime.fromisoformat(max(ends))
    return f"{line}, {day.day} {day:%B %Y}"


def _copy_fonts(work: Path, glyphs: fonts.Glyphs) -> None:
    """Put the fonts that TeX does not carry beside the book."""
    folder = fonts.mono_folder()
    wanted = [
        folder / f"{fonts.MONO}-{f}.ttf" for f in fonts.MONO_FACES
    ]
    wanted += [glyphs.others[n].path for n in sorted(glyphs.used)]
    (work / "fonts").mkdir(parents=True, exist_ok=True)
    for path in wanted:
        target = work / "fonts" / path.name
        if not target.exists():
            shutil.copyfile(path, target)


def main(words: Sequence[str]) -> int:
    """Make the book of a run: a folder, then chapters to draft."""
    try:
        path = make_book(
            Path(words[0]), PressConfig(), list(words[1:]) or None
        )
    except HornbookError as error:
        console.warn(str(error))
        return error.exit_code
    console.say(str(path))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
