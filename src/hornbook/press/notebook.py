"""The chapters as plain notebooks that any tool can open.

Roles and directives become standard Markdown: references become the
words that the book prints, listings code blocks, citations names and
years. Such a notebook converts with ``jupyter nbconvert --to pdf``.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from hornbook.press import listing
from hornbook.press.markdown import KINDS, options
from hornbook.press.quoting import unmark
from hornbook.press.works import Work

FENCE = re.compile(r"(?P<mark>`{3,}|:{3,})(?P<info>[^`]*)$")
DIRECTIVE = re.compile(r"\{([\w:-]+)\}[ \t]*(.*)")
ROLE = re.compile(
    r"\{(?P<name>[\w:]+)\}"
    r"(?:``(?P<long>.+?)``(?!`)|`(?P<short>[^`]+)`)",
    re.DOTALL,
)
LABELLED = re.compile(
    r"^\((?P<label>[\w:.-]+)\)=[ \t]*\n", re.MULTILINE
)
EQUATION = re.compile(
    r"^\$\$[ \t]*\n(?P<body>(?:.*\n)*?)\$\$[ \t]*"
    r"(?:\((?P<label>[\w:.-]+)\))?[ \t]*$",
    re.MULTILINE,
)
CAPTION = re.compile(
    r"^: (?P<text>.+?)\s*\{#(?P<label>[\w:.-]+)\}[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
COUNTED = re.compile(
    r"^:label:[ \t]*(?P<option>[\w:.-]+)[ \t]*$"
    r"|\{#(?P<table>[\w:.-]+)\}[ \t]*$"
    r"|^\$\$[ \t]*\((?P<equation>[\w:.-]+)\)[ \t]*$",
    re.MULTILINE,
)


@dataclass
class Words:
    """What a reference prints, gathered over all chapters."""

    labels: dict[str, str] = field(default_factory=dict)
    works: Mapping[str, Work] = field(default_factory=dict)
    link: str = ""


def unnumbered(chapters: Mapping[str, NotebookNode]) -> frozenset[str]:
    """The labels of chapters whose front matter refuses a number."""
    found = set()
    for chapter in chapters.values():
        if chapter.metadata.get("book", {}).get("numbered", True):
            continue
        texts = (c.source for c in chapter.cells)
        label = next(filter(None, map(LABELLED.search, texts)), None)
        if label is not None:
            found.add(label["label"])
    return frozenset(found)


def number_labels(
    chapters: Mapping[str, NotebookNode], words: Words
) -> None:
    """Number all that can be referred to, as the book does."""
    number = 0
    answers: dict[str, int] = {}
    for notebook in chapters.values():
        about = notebook.metadata.get("book", {})
        number += bool(about.get("numbered", True))
        counts: dict[str, int] = {}
        for cell in notebook.cells:
            book = cell.metadata.get("book", {})
            place, tally = str(number), counts
            if "solution" in book:
                place, tally = "S", answers
            for label in _labels(cell, book):
                kind = label.split(":")[0]
                tally[kind] = tally.get(kind, 0) + 1
                said = f"{KINDS.get(kind, '')} {place}.{tally[kind]}"
                words.labels[label] = said.strip()
            if cell.cell_type == "markdown":
                _name_headings(cell.source, about, number, words)


def _labels(
    cell: NotebookNode, book: Mapping[str, str]
) -> Iterator[str]:
    """Find what a cell gives a number to, in order."""
    if cell.cell_type != "markdown":
        yield from filter(None, [book.get("label")])
        return
    for match in COUNTED.finditer(cell.source):
        yield match["option"] or match["table"] or match["equation"]


def _name_headings(
    text: str, about: Mapping[str, bool], number: int, words: Words
) -> None:
    """Remember what a chapter's or a section's label stands for."""
    pattern = r"^\(([\w:.-]+)\)=[ \t]*\n+(#+)[ \t]+(.+)$"
    for match in re.finditer(pattern, text, re.MULTILINE):
        title = ROLE.sub("", match[3]).strip()
        chapter = match[2] == "#" and about.get("numbered", True)
        said = f"Chapter {number}" if chapter else f"*{title}*"
        words.labels[match[1]] = said


def plain_notebook(
    notebook: NotebookNode, words: Words
) -> NotebookNode:
    """Give an executed chapter in standard Markdown."""
    cells, plain = [], Plain(words)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "remove-cell" in tags and "setup" not in tags:
            continue
        if cell.cell_type == "markdown":
            text = plain.block(cell.source).strip()
            if text:
                cells.append(new_markdown_cell(text))
            continue
        cells.append(_plain_code(cell))
        book = cell.metadata.get("book", {})
        if book.get("caption"):
            said = words.labels.get(book.get("label", ""), "")
            caption = plain.inline(book["caption"])
            cells.append(new_markdown_cell(f"**{said}.** {caption}"))
    cells += map(new_markdown_cell, plain.back_matter())
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3"}
    made: NotebookNode = new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {**kernel, "language": "python"},
            "language_info": {"name": "python"},
        },
    )
    return made


def _plain_code(cell: NotebookNode) -> NotebookNode:
    """Copy a code cell, without what only the press understands."""
    copy = NotebookNode(cell)
    copy.metadata = NotebookNode()
    copy.outputs = []
    for output in cell.outputs:
        if output.get("name") == "stderr":
            continue
        fresh = NotebookNode(output)
        if "data" in output:
            fresh.data = NotebookNode(
                {
                    k: unmark(v) if k.startswith("text/") else v
                    for k, v in output.data.items()
                    if k != "application/pdf"
                    or "image/png" not in output.data
                }
            )
            fresh.metadata = NotebookNode()
        copy.outputs.append(fresh)
    return copy


def blocks(text: str) -> Iterator[tuple[str | None, str]]:
    """Cut a text at its fences: each block's info line and its body.

    The info is None for what stands between the blocks.
    """
    lines, plain, row = text.split("\n"), list[str](), 0
    while row < len(lines):
        match = FENCE.match(lines[row])
        ends = range(row + 1, len(lines))
        mark = match["mark"] if match else ""
        end = next((i for i in ends if lines[i].rstrip() == mark), None)
        if match is None or end is None:
            plain.append(lines[row])
            row += 1
            continue
        yield None, "\n".join(plain)
        yield match["info"].strip(), "\n".join(lines[row + 1 : end])
        plain, row = [], end + 1
    yield None, "\n".join(plain)


@dataclass
class Plain:
    """Translates one chapter's Markdown and remembers its works."""

    words: Words
    cited: set[str] = field(default_factory=set)
    solutions: list[str] = field(default_factory=list)
    _code: list[str] = field(default_factory=list)

    def block(self, text: str) -> str:
        """Translate a text cell; code blocks stay as they are."""
        made = self._translate(unmark(text))
        return re.sub(
            r"\x00(\d+)\x00", lambda m: self._code[int(m[1])], made
        )

    def _translate(self, text: str) -> str:
        out = []
        for info, body in blocks(text):
            match = DIRECTIVE.match(info or "")
            if info is None:
                out.append(self._flow(body))
            elif match is None:
                out.append(self._keep(f"```{info}\n{body}\n```"))
            else:
                out.append(self._directive(match[1], match[2], body))
        return "\n".join(out)

    def _flow(self, text: str) -> str:
        """Translate what stands between blocks."""
        text = LABELLED.sub("", text)
        text = EQUATION.sub(self._equation, text)
        text = CAPTION.sub(self._caption, text)
        return self.inline(text)

    def _keep(self, block: str) -> str:
        """Set code aside, where nothing is translated."""
        self._code.append(block)
        return f"\x00{len(self._code) - 1}\x00"

    def _directive(self, name: str, rest: str, inside: str) -> str:
        chosen, body = options(inside)
        made = DIRECTIVES[name](rest.strip(), chosen, body, self.words)
        if name != "solution":
            return self._translate(made)
        self.solutions.append(self._translate(made))
        return ""

    def _equation(self, match: re.Match[str]) -> str:
        said = self.words.labels.get(match["label"] or "", "")
        tag = f" \\tag{{{said}}}" if said else ""
        return f"$$\n{match['body'].rstrip()}{tag}\n$$"

    def _caption(self, match: re.Match[str]) -> str:
        said = self.words.labels.get(match["label"], "")
        return f"\n**{said}.** {match['text']}"

    def inline(self, text: str) -> str:
        """Translate the roles of a text."""
        return ROLE.sub(self._role, unmark(text))

    def _role(self, match: re.Match[str]) -> str:
        name = match["name"]
        inside = (match["long"] or match["short"]).strip()
        labels = self.words.labels
        if name in {"numref", "ref"}:
            return labels.get(inside, inside)
        if name == "eq":
            return f"({labels.get(inside, inside)})"
        if name == "margin":
            return f" ({self.inline(inside).rstrip('.')})"
        if name.startswith("cite"):
            return self._cite(name, inside)
        return ""

    def _cite(self, name: str, keys: str) -> str:
        """Name works by author and year."""
        said = []
        for key in (k.strip() for k in keys.split(",")):
            self.cited.add(key)
            work = self.words.works.get(key, Work(key, "", ""))
            if name == "cite:t":
                said.append(f"{work.author} ({work.year})")
            else:
                said.append(f"{work.author}, {work.year}")
        joined = "; ".join(said)
        return joined if name == "cite:t" else f"({joined})"

    def back_matter(self) -> list[str]:
        """The solutions and the works, as cells for the end."""
        cells = []
        if self.solutions:
            cells.append(self.block("\n\n".join(self.solutions)))
        works = self.words.works
        named = [
            works[key] for key in sorted(self.cited) if key in works
        ]
        if named:
            lines = ["## Works named here", ""]
            for work in named:
                place = f" <{work.url}>" if work.url else ""
                lines.append(
                    f"- {work.author} ({work.year}). "
                    f"*{work.title}*.{place}"
                )
            cells.append("\n".join(lines))
        return cells


def _listing(
    target: str, chosen: dict[str, str], body: str, words: Words
) -> str:
    piece = listing.cut(target, chosen.get("docstring") != "no")
    notes = listing.match_notes(piece, body, target)
    said = words.labels.get(chosen.get("label", ""), "Listing")
    head = f"**{said}.** {chosen.get('caption', '')} (`{piece.file}`)"
    code = "\n".join(piece.lines)
    lines = [
        f"- Line {piece.numbers[note.line]}: {note.text}"
        for note in notes
    ]
    return f"{head}\n\n```python\n{code}\n```\n\n" + "\n".join(lines)


def _diagram(
    name: str, chosen: dict[str, str], body: str, words: Words
) -> str:
    said = words.labels.get(chosen.get("label", ""), "Figure")
    caption = chosen.get("caption", body)
    return f"> **{said}.** {caption} *(Drawn in the book.)*"


def _qr(
    address: str, chosen: dict[str, str], body: str, words: Words
) -> str:
    address = address or words.link
    return f"{body} <{address}>" if address else ""


def _epigraph(
    who: str, chosen: dict[str, str], body: str, words: Words
) -> str:
    quote = "\n".join(f"> {line}" for line in body.split("\n"))
    return f"{quote}\n>\n> {who}"


def _exercise(
    title: str, chosen: dict[str, str], body: str, words: Words
) -> str:
    said = words.labels.get(chosen.get("label", ""), "Exercise")
    return f"**{said}.** {f'*{title}* ' if title else ''}{body}"


def _solution(
    label: str, chosen: dict[str, str], body: str, words: Words
) -> str:
    said = words.labels.get(label, "Exercise")
    return f"**Solution of {said}.** {body}"


def _table(
    caption: str, chosen: dict[str, str], body: str, words: Words
) -> str:
    said = words.labels.get(chosen.get("label", ""), "Table")
    return f"{body}\n\n**{said}.** {caption}"


def _code(
    language: str, chosen: dict[str, str], body: str, words: Words
) -> str:
    return f"```{language}\n{body}\n```"


DIRECTIVES: dict[
    str, Callable[[str, dict[str, str], str, Words], str]
] = {
    "code": _code,
    "diagram": _diagram,
    "epigraph": _epigraph,
    "exercise": _exercise,
    "listing": _listing,
    "qr": _qr,
    "solution": _solution,
    "table": _table,
}
