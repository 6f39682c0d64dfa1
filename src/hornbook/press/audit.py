"""The press's conscience: what went wrong, where in which chapter.

TeX speaks of its own files; every fragment of a chapter carries marks
(``%@ chapter line``) that lead back to the line a person wrote.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hornbook.base.errors import DataError
from hornbook.base.store import write_text

WIDE_POINTS = 5.0
PAGE_POINTS, LINE_POINTS = 546.0, 11.1
"""The height of the text on a page, and of a line of code."""
MOST_CODE = 0.35
"""The share of the pages that listings and output may take."""
CODE = re.compile(
    r"^.*?\\begin\{(code\w+)\}[^\n]*\n(.*?)^\\end\{\1\}",
    re.MULTILINE | re.DOTALL,
)
INPUT = re.compile(r"\\input\{(\w+)\}")
MARK = re.compile(r"^%@ (\S+) (\d+)$")
UNDEFINED = re.compile(
    r"(Reference|Citation) [`']([^']+)' (?:on page \S+ )?undefined"
)
MISSING = re.compile(r"Missing character: There is no (\S+).*? in font")
OVERFULL = re.compile(
    r"Overfull \\([hv])box \(([\d.]+)pt too (?:wide|high)\)"
    r"(?:.*?at lines (\d+))?"
)
OPENED = re.compile(r"\(\.?/?([\w-]+)\.tex\b")
PAGES = re.compile(r"Output written on book\.\w+ \((\d+) page")


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with the book."""

    place: str
    message: str
    fatal: bool = True

    def __str__(self) -> str:
        """The place and what is wrong there, in one line."""
        return f"{self.place}: {self.message}"

    def error(self) -> DataError:
        """The fault as an error to raise."""
        return DataError(str(self))


@dataclass
class Audit:
    """What was found in one printing of the book."""

    pages: int = 0
    faults: list[Fault] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    """Characters of quoted text that no face has, and how often."""
    code_lines: int = 0
    """Lines of listings, of code and of what it printed."""

    @property
    def code_share(self) -> float:
        """The share of the pages that code and its output take."""
        whole = self.pages * PAGE_POINTS
        return self.code_lines * LINE_POINTS / whole if whole else 0.0

    @property
    def fatal(self) -> list[Fault]:
        """The faults that a book must not have."""
        return [fault for fault in self.faults if fault.fatal]


def weigh_code(audit: Audit, work: Path) -> None:
    """Count the lines of code and output; remark on too many."""
    chapters = (work / "chapters.tex").read_text(encoding="utf-8")
    audit.code_lines = sum(
        block[2].count("\n")
        for name in [*INPUT.findall(chapters), "solutions"]
        for block in CODE.finditer(
            (work / f"{name}.tex").read_text(encoding="utf-8")
        )
    )
    if audit.code_share > MOST_CODE:
        message = f"{audit.code_share:.0%} of the pages are code"
        audit.faults.append(Fault("book", message, fatal=False))


def chapter_line(work: Path, name: str, line: int) -> str:
    """Lead from a line of a fragment back to the chapter's line."""
    path = work / f"{name}.tex"
    if not path.exists():
        return f"{name}.tex"
    text = path.read_text(encoding="utf-8").splitlines()
    for row in range(min(line, len(text)) - 1, -1, -1):
        match = MARK.match(text[row])
        if match:
            return f"{match[1]}.md, line {match[2]}"
    return f"{name}.tex, line {line}"


def find_text(work: Path, text: str) -> str:
    """Find the first chapter's line whose fragment holds ``text``."""
    for path in sorted(work.glob("*.tex")):
        lines = path.read_text(encoding="utf-8").splitlines()
        marked = any(MARK.match(line) for line in lines)
        for row, line in enumerate(lines, start=1):
            if marked and text in line and not MARK.match(line):
                return chapter_line(work, path.stem, row)
    return "book"


def tex_fault(work: Path, said: str) -> Fault:
    """Find what stopped TeX in what it printed."""
    pattern = r"^(?:error: )?(?:\./)?([\w-]+)\.tex:(\d+): (.+)$"
    for match in re.finditer(pattern, said, re.MULTILINE):
        place = chapter_line(work, match[1], int(match[2]))
        after = said[match.end() :].split("\n")
        shown = next((s for s in after if s.startswith("l.")), "")
        near = shown.split(" ", 1)[-1].strip()
        tail = f" near {near!r}" if near else ""
        return Fault(place, f"TeX stops: {match[3].strip()}{tail}")
    bare = re.search(r"^(?:! |error: )(.+)$", said, re.MULTILINE)
    last = said.strip().splitlines()[-1] if said.strip() else "no word"
    return Fault("book", f"TeX stops: {bare[1] if bare else last}")


def read_log(work: Path, draft: bool) -> Audit:
    """Read TeX's log; in a draft other chapters may be missing."""
    path = work / "book.log"
    text = path.read_text(encoding="utf-8", errors="replace")
    audit = Audit()
    chapter = "book"
    seen: set[str] = set()
    for line in text.splitlines():
        for name in OPENED.findall(line):
            chapter = name
        fault = _fault(work, line, chapter, draft)
        if fault and str(fault) not in seen:
            seen.add(str(fault))
            audit.faults.append(fault)
    found = PAGES.search(text)
    audit.pages = int(found[1]) if found else 0
    return audit


def _fault(
    work: Path, line: str, chapter: str, draft: bool
) -> Fault | None:
    """Read one line of the log."""
    match = UNDEFINED.search(line)
    if match:
        place = find_text(work, "{" + match[2] + "}")
        what = match[1].lower()
        message = f"the {what} {match[2]!r} leads nowhere"
        return Fault(
            place, message, fatal=not draft or what == "citation"
        )
    match = MISSING.search(line)
    if match:
        char = match[1]
        place = find_text(work, char)
        return Fault(place, f"no face has the character {char!r}")
    match = OVERFULL.search(line)
    if match and float(match[2]) > WIDE_POINTS:
        number = int(match[3] or 0)
        place = (
            chapter_line(work, chapter, number) if number else chapter
        )
        side = "wide" if match[1] == "h" else "high"
        message = f"something is {match[2]} pt too {side}"
        return Fault(place, message, fatal=False)
    if "Float too large for page" in line:
        return Fault(chapter, "a figure is taller than a page", False)
    return None


def summary(
    audit: Audit,
    seconds: Mapping[str, float],
    facts: Iterable[tuple[str, str]],
) -> str:
    """Write ``book.log``: what was made, and all that is not right."""
    lines = [f"pages: {audit.pages or 'none, there is no PDF'}"]
    if audit.pages:
        lines.append(f"listings and output: {audit.code_share:.0%}")
    lines += [f"{name}: {value}" for name, value in facts]
    lines += [f"{name}: {took:.1f} s" for name, took in seconds.items()]
    if audit.missing:
        total = sum(audit.missing.values())
        marks = sorted(audit.missing.items(), key=lambda kv: -kv[1])
        shown = ", ".join(
            f"U+{ord(c):04X} {n} times" for c, n in marks[:20]
        )
        lines.append(f"characters set as boxes: {total} ({shown})")
    else:
        lines.append("characters set as boxes: 0")
    lines.append(f"faults: {len(audit.fatal)}")
    lines += [f"  {fault}" for fault in audit.fatal]
    notes = [fault for fault in audit.faults if not fault.fatal]
    lines.append(f"remarks: {len(notes)}")
    lines += [f"  {fault}" for fault in notes]
    return "\n".join([*lines, ""])


def write_summary(
    path: Path,
    audit: Audit,
    seconds: Mapping[str, float],
    facts: Iterable[tuple[str, str]],
) -> None:
    """Write the summary beside the book."""
    write_text(path, summary(audit, seconds, facts))
