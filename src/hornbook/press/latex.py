"""Chapters in LaTeX: one small function for each kind of node.

A node, role or directive that nobody knows is an error: nothing is
dropped in silence. Every block leaves a mark with its line, so that
what TeX complains of can be shown where a person wrote it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from markdown_it.tree import SyntaxTreeNode

from hornbook.base.errors import DataError
from hornbook.press import code
from hornbook.press.fonts import Glyphs
from hornbook.press.markdown import (
    CLOSE_QUOTE,
    KINDS,
    OPEN_QUOTE,
    escape,
    macro,
    options,
    parser,
    url,
)

LEVELS = {"h1": "chapter", "h2": "section", "h3": "subsection"}
STRAY = re.compile(
    r"\{(?:cite(?::[pt])?|eq|idx|margin|numref|quoted|ref|value)\}"
)
"""What is left of a role whose backticks went wrong."""
WIDE_COLUMNS = 62
"""Characters beyond which a table is set to the full measure."""

Directive = Callable[["Latex", str, dict[str, str], str], str]


@dataclass
class Latex:
    """Renders one chapter; remembers where it is and what it met."""

    chapter: str
    directives: dict[str, Directive]
    glyphs: Glyphs = field(default_factory=Glyphs)
    line: int = 1
    """The chapter file's line that is being rendered."""
    label: str = ""
    """A target that waits for the heading after it."""
    unnumbered: frozenset[str] = frozenset()
    """The labels of chapters that have a name and no number."""
    solutions: dict[str, list[str]] = field(default_factory=dict)
    """What the chapter answers, by the exercise's label."""
    labels: set[str] = field(default_factory=set)
    cited: set[str] = field(default_factory=set)
    _base: int = 1
    _depth: int = 0
    _quoting: bool = False

    @property
    def where(self) -> str:
        """The place in the chapter's file, for messages."""
        return f"{self.chapter}.md, line {self.line}"

    def fail(self, message: str) -> DataError:
        """Make an error that says where in the chapter it is."""
        return DataError(f"{self.where}: {message}")

    def document(self, text: str, line: int) -> str:
        """Render a cell's Markdown; ``line`` is where it begins."""
        self._base = self.line = line
        root = SyntaxTreeNode(parser().parse(text))
        self._depth = 0
        return self.children(root)

    def block(self, text: str) -> str:
        """Render Markdown that stands inside a directive."""
        root = SyntaxTreeNode(parser().parse(text))
        depth, self._depth = self._depth, 1
        rendered = self.children(root)
        self._depth = depth
        return rendered

    def inline(self, text: str) -> str:
        """Render one line of Markdown without a paragraph."""
        root = SyntaxTreeNode(parser().parseInline(text))
        depth, self._depth = self._depth, 1
        rendered = self.children(root)
        self._depth = depth
        return rendered.strip()

    def children(self, node: SyntaxTreeNode) -> str:
        """Render what stands inside a node, in order."""
        out, nodes = [], list(node.children)
        while nodes:
            child = nodes.pop(0)
            out.append(self._marker(child))
            if child.type == "table":
                after = nodes[0] if nodes else None
                caption = after and table_caption(after)
                if caption:
                    nodes.pop(0)
                    self._depth += 1
                    out.append(table(self, child, *caption))
                    self._depth -= 1
                    continue
            out.append(self.node(child))
        return "".join(out)

    def node(self, node: SyntaxTreeNode) -> str:
        """Render one node.

        Raises:
            DataError: the chapters' Markdown has no such thing.
        """
        render = NODES.get(node.type)
        if render is None:
            raise self.fail(
                f"the book has no {node.type!r}; do without"
            )
        self._depth += 1
        rendered = render(self, node)
        self._depth -= 1
        return rendered

    def _marker(self, node: SyntaxTreeNode) -> str:
        """Note a block's line in the LaTeX, for the audit."""
        if self._depth or not node.map:
            return ""
        self.line = self._base + node.map[0]
        return f"%@ {self.chapter} {self.line}\n"

    def define(self, label: str) -> str:
        """Take a label into use.

        Raises:
            DataError: the chapter has that label already.
        """
        if label in self.labels:
            raise self.fail(f"the label {label!r} is given twice")
        self.labels.add(label)
        return label

    def prose(self, text: str) -> str:
        """Set text, ours or quoted.

        Raises:
            DataError: our own words use a character that the text face
                does not have.
        """
        out = []
        for part in re.split(f"([{OPEN_QUOTE}{CLOSE_QUOTE}])", text):
            if part in {OPEN_QUOTE, CLOSE_QUOTE}:
                self._quoting = part == OPEN_QUOTE
            elif self._quoting:
                safe = escape(part)
                out.append(self.glyphs.wrap(safe, self.glyphs.text))
            else:
                self._known(part)
                out.append(escape(part))
        return "".join(out)

    def _known(self, text: str) -> None:
        """Check that our text face has every character."""
        stray = STRAY.search(text)
        if stray:
            raise self.fail(
                f"the role {stray[0]} is not read as one; a role "
                "inside another needs two backticks round the outer one"
            )
        lost = self.glyphs.lacks(text)
        if lost:
            raise self.fail(
                f"the text face has no {lost[0]!r} "
                f"(U+{ord(lost[0]):04X}); write it as maths or code, "
                "or quote it with {quoted}"
            )


def table_caption(node: SyntaxTreeNode) -> tuple[str, str] | None:
    """Read ``: Caption {#tab:label}`` in the line below a table."""
    if node.type != "paragraph":
        return None
    text = node.children[0].content
    match = re.match(
        r": (.*?)\s*(?:\{#([\w:.-]+)\})?$", text, re.DOTALL
    )
    return (match[1], match[2] or "") if match else None


def table(
    r: Latex, node: SyntaxTreeNode, caption: str, label: str
) -> str:
    """Set a table with rules alone; an empty row is a thin one."""
    head, *body = [
        [r.children(cell) for cell in row.children]
        for group in node.children
        for row in group.children
    ]
    styles = [
        str(cell.attrs.get("style", ""))
        for cell in node.children[0].children[0].children
    ]

    # Choose the columns: long ones wrap once the table is wide
    widths = [
        max(_printed_width(row[i]) for row in [head, *body])
        for i in range(len(head))
    ]
    wide = sum(widths) + 3 * len(widths) > WIDE_COLUMNS
    columns = "".join(
        _column(style, wide and width > WIDE_COLUMNS // 3)
        for style, width in zip(styles, widths, strict=True)
    )
    wraps = "L" in columns
    name = "tabularx" if wraps else "tabular"
    measure = r"{\textwidth}" if wraps else ""

    # Write the rows between the three rules
    titles = [f"\\tablehead{{{cell}}}" for cell in head]
    lines = [f"\\begin{{{name}}}{measure}{{@{{}}{columns}@{{}}}}"]
    lines += [r"\toprule", " & ".join(titles) + r" \\", r"\midrule"]
    lines += [
        " & ".join(row) + r" \\" if any(row) else r"\midrule[.2pt]"
        for row in body
    ]
    text = "\n".join([*lines, r"\bottomrule", f"\\end{{{name}}}"])
    if not caption:
        return f"\\plaintable{{{text}}}\n"
    if not label:
        raise r.fail(
            "a table with a caption needs a label: {#tab:name}"
        )
    return macro("booktable", r.define(label), r.inline(caption), text)


def _printed_width(cell: str) -> int:
    """Estimate how many characters a set cell shows."""
    return len(re.sub(r"\\[a-zA-Z]+|[{}$\\]", "", cell))


def _column(style: str, wraps: bool) -> str:
    """Choose a column's letter by its alignment."""
    if style.endswith("right"):
        return "r"
    if style.endswith("center"):
        return "c"
    return "L" if wraps else "l"


def _environment(name: str) -> Callable[[Latex, SyntaxTreeNode], str]:
    """A node that becomes an environment round its children."""
    return lambda r, n: (
        f"\\begin{{{name}}}\n{r.children(n)}\\end{{{name}}}\n"
    )


def _wrapped(name: str) -> Callable[[Latex, SyntaxTreeNode], str]:
    """A node that becomes a macro round its children."""
    return lambda r, n: f"\\{name}{{{r.children(n)}}}"


def _paragraph(r: Latex, n: SyntaxTreeNode) -> str:
    return r.children(n) + "\n\n"


def _heading(r: Latex, n: SyntaxTreeNode) -> str:
    level = LEVELS.get(n.tag)
    if level is None:
        raise r.fail("headings go down to ### and no further")
    label, r.label = r.label, ""
    mark = f"\\label{{{r.define(label)}}}" if label else ""
    if level == "chapter" and label in r.unnumbered:
        level = "openingchapter"
    return f"\\{level}{{{r.children(n)}}}{mark}\n"


def _target(r: Latex, n: SyntaxTreeNode) -> str:
    r.label = n.content
    return ""


def _code_inline(r: Latex, n: SyntaxTreeNode) -> str:
    safe = escape(n.content).replace("'", r"\textquotesingle{}")
    safe = re.sub(r"(\\_|[./:,])(?=\w)", r"\1\\allowbreak{}", safe)
    return f"\\code{{{r.glyphs.wrap(safe, r.glyphs.mono)}}}"


def _equation(r: Latex, n: SyntaxTreeNode) -> str:
    label = r.define(n.info)
    return (
        f"\\begin{{equation}}\\label{{{label}}}\n"
        f"{n.content.strip()}\n\\end{{equation}}\n"
    )


def _link(r: Latex, n: SyntaxTreeNode) -> str:
    return f"\\href{{{url(str(n.attrs['href']))}}}{{{r.children(n)}}}"


def _fence(r: Latex, n: SyntaxTreeNode) -> str:
    match = re.match(r"\{([\w:-]+)\}\s*(.*)", n.info)
    if match is None:
        language = n.info.strip() or "text"
        return code.block(n.content, language, r.where, r.glyphs)
    directive = r.directives.get(match[1])
    if directive is None:
        known = ", ".join(sorted(r.directives))
        raise r.fail(
            f"there is no directive {match[1]!r}; known are {known}"
        )
    chosen, body = options(n.content)
    return directive(r, match[2].strip(), chosen, body)


def _role(r: Latex, n: SyntaxTreeNode) -> str:
    role = ROLES.get(n.meta["name"])
    if role is None:
        known = ", ".join(sorted(ROLES))
        raise r.fail(
            f"there is no role {n.meta['name']!r}; known are {known}"
        )
    return role(r, n.content)


def _reference(r: Latex, label: str) -> str:
    kind = label.split(":")[0]
    if kind == "eq":
        return f"\\eqref{{{label}}}"
    if kind == "sec" or label in r.unnumbered:
        page = f"page~\\pageref{{{label}}}"
        return f"\\emph{{\\nameref{{{label}}}}} ({page})"
    if kind not in KINDS:
        raise r.fail(
            f"the label {label!r} must begin with one of "
            f"{', '.join(KINDS)}, sec or eq, and a colon"
        )
    return f"\\hyperref[{label}]{{{KINDS[kind]}~\\ref*{{{label}}}}}"


def _citation(macro: str) -> Callable[[Latex, str], str]:
    def cite(r: Latex, keys: str) -> str:
        names = [key.strip() for key in keys.split(",")]
        r.cited.update(names)
        return f"\\{macro}{{{','.join(names)}}}"

    return cite


def _index(r: Latex, entry: str) -> str:
    shown = [r.inline(part) for part in entry.split("!")]
    return f"\\index{{{'!'.join(shown)}}}"


def _margin(r: Latex, text: str) -> str:
    return f"\\marginnote{{{r.inline(text)}}}"


NODES: dict[str, Callable[[Latex, SyntaxTreeNode], str]] = {
    "blockquote": _environment("quotation"),
    "bullet_list": _environment("itemize"),
    "code_block": lambda r, n: code.block(
        n.content, "text", r.where, r.glyphs
    ),
    "code_inline": _code_inline,
    "em": _wrapped("emph"),
    "fence": _fence,
    "hardbreak": lambda r, n: "\\\\\n",
    "heading": _heading,
    "hr": lambda r, n: "\\bookbreak\n",
    "inline": lambda r, n: r.children(n),
    "link": _link,
    "list_item": lambda r, n: "\\item " + r.children(n),
    "math_block": lambda r, n: f"\\[\n{n.content.strip()}\n\\]\n",
    "math_block_label": _equation,
    "math_inline": lambda r, n: f"${n.content}$",
    "math_inline_double": lambda r, n: f"\\[{n.content}\\]",
    "myst_block_break": lambda r, n: "",
    "myst_line_comment": lambda r, n: "",
    "myst_role": _role,
    "myst_target": _target,
    "ordered_list": _environment("enumerate"),
    "paragraph": _paragraph,
    "softbreak": lambda r, n: "\n",
    "strong": _wrapped("textbf"),
    "table": lambda r, n: table(r, n, "", ""),
    "text": lambda r, n: r.prose(n.content),
}

ROLES: dict[str, Callable[[Latex, str], str]] = {
    "cite": _citation("citep"),
    "cite:p": _citation("citep"),
    "cite:t": _citation("citet"),
    "eq": lambda r, label: f"\\eqref{{{label}}}",
    "idx": _index,
    "margin": _margin,
    "numref": _reference,
    "ref": _reference,
}
