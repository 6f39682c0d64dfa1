"""Listings: pieces of the source that ran, found by name.

A listing names a symbol and, where it wants less, one of its steps:
``hornbook.model.attention:attend#Hide the future``. The source is read,
never imported, so that a book can show torch code without torch.
"""

import ast
import importlib.util
import io
import tokenize
from dataclasses import dataclass
from pathlib import Path

from hornbook.base.errors import DataError

LONGEST_LINES = 50
"""Lines of code that fit on a page beside their caption."""


@dataclass(frozen=True)
class Cut:
    """Lines of a source file, with the number of the first."""

    file: str
    """The file's path inside its package's folder."""
    first: int
    lines: tuple[str, ...]
    numbers: tuple[int, ...]
    """Each line's number in the file; a gap is a part left out."""


@dataclass(frozen=True)
class Note:
    """A remark on one line of a cut."""

    line: int
    """Index into the cut's lines."""
    text: str


def cut(target: str, docstring: bool = True) -> Cut:
    """Cut the lines of ``module[:Symbol[#Step]]`` out of their file.

    Raises:
        DataError: the module, symbol or step is gone, the step stands
            there twice, or the piece is longer than a page.
    """
    module, _, rest = target.partition(":")
    symbol, _, step = rest.partition("#")
    path = source_file(module)
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)

    # Find the symbol's span, then narrow it to the step
    first, last = 1, len(text.splitlines())
    node: ast.AST = tree
    if symbol:
        node, first, last = _symbol(tree, symbol, module)
    if step:
        first, last = _step(text, first, last, step.strip(), target)

    # Keep the lines, without the docstring where it is unwanted
    source = text.splitlines()
    hidden = set() if docstring else _docstring_lines(node, source)
    numbers = [n for n in range(first, last + 1) if n not in hidden]
    while numbers and not source[numbers[-1] - 1].strip():
        numbers.pop()
    if len(numbers) > LONGEST_LINES:
        raise DataError(
            f"the listing {target} has {len(numbers)} lines and a page "
            f"holds {LONGEST_LINES}; name one of its steps"
        )
    return Cut(
        file=_place(path, module),
        first=first,
        lines=tuple(source[n - 1] for n in numbers),
        numbers=tuple(numbers),
    )


def source_file(module: str) -> Path:
    """Find a module's file without running any of it.

    Raises:
        DataError: there is no such module, or it has no source.
    """
    head, *parts = module.split(".")
    try:
        spec = importlib.util.find_spec(head)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise DataError(f"there is no module {module!r} to cut from")
    if not parts:
        return Path(spec.origin)
    place = Path(spec.origin).parent.joinpath(*parts)
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.exists():
            return path
    raise DataError(
        f"there is no module {module!r} to cut a listing from; "
        "correct the name in the chapter"
    )


def match_notes(piece: Cut, body: str, target: str) -> tuple[Note, ...]:
    """Place ``pattern | note`` lines on the lines that they name.

    Raises:
        DataError: a pattern stands in no line, or in several.
    """
    notes = []
    for raw in body.splitlines():
        if not raw.strip():
            continue
        pattern, bar, text = raw.partition(" | ")
        if not bar or not text.strip():
            raise DataError(
                f"the listing {target}: the note {raw.strip()!r} is "
                "not of the form 'piece of the line | note'"
            )
        hits = [
            i for i, s in enumerate(piece.lines) if pattern.strip() in s
        ]
        if len(hits) != 1:
            raise DataError(
                f"the listing {target}: {pattern.strip()!r} stands in "
                f"{len(hits)} lines; a note must name exactly one"
            )
        notes.append(Note(hits[0], text.strip()))
    return tuple(sorted(notes, key=lambda note: note.line))


def _symbol(
    tree: ast.Module, symbol: str, module: str
) -> tuple[ast.AST, int, int]:
    """Find a symbol's node and its first and last line."""
    body: list[ast.stmt] = tree.body
    found: ast.stmt | None = None
    for part in symbol.split("."):
        found = next((n for n in body if part in _names(n)), None)
        if found is None:
            raise DataError(
                f"{module} has no {symbol!r} any more; correct the "
                "listing in the chapter"
            )
        body = getattr(found, "body", [])
    assert found is not None
    decorators = getattr(found, "decorator_list", [])
    first = min([found.lineno, *(d.lineno for d in decorators)])
    return found, first, found.end_lineno or found.lineno


def _names(node: ast.stmt) -> set[str]:
    """The names that a statement defines."""
    if isinstance(
        node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    ):
        return {node.name}
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        return set()
    return {t.id for t in targets if isinstance(t, ast.Name)}


def _step(
    text: str, first: int, last: int, step: str, target: str
) -> tuple[int, int]:
    """Narrow a span to the paragraph that a comment opens.

    It ends before the next comment of the same indentation that opens
    a paragraph, where the indentation falls, or with the symbol.
    """
    comments = {
        row: (column, comment)
        for row, column, comment in _step_comments(text)
        if first <= row <= last
    }
    starts = [r for r, (_, said) in comments.items() if said == step]
    if len(starts) != 1:
        raise DataError(
            f"the listing {target}: the step '# {step}' stands there "
            f"{len(starts)} times; it must stand there once"
        )
    start = starts[0]
    column = comments[start][0]
    lines = text.splitlines()
    for row in range(start + 1, last + 1):
        line = lines[row - 1]
        indent = len(line) - len(line.lstrip())
        opens = row in comments and comments[row][0] == column
        blank_before = not lines[row - 2].strip()
        if line.strip() and (indent < column or opens and blank_before):
            return start, row - 1
    return start, last


def _step_comments(text: str) -> list[tuple[int, int, str]]:
    """The row, column and words of comments that begin a line."""
    reader = io.StringIO(text).readline
    found = []
    for token in tokenize.generate_tokens(reader):
        before = token.line[: token.start[1]]
        if token.type == tokenize.COMMENT and not before.strip():
            words = token.string.lstrip("#").strip()
            found.append((token.start[0], token.start[1], words))
    return found


def _docstring_lines(node: ast.AST, source: list[str]) -> set[int]:
    """The lines of every docstring, each with the blank after it."""
    hidden: set[int] = set()
    for inner in ast.walk(node):
        body = getattr(inner, "body", None)
        if not isinstance(body, list) or len(body) < 2:
            continue
        head = body[0]
        if not isinstance(head, ast.Expr):
            continue
        value = head.value
        if isinstance(value, ast.Constant) and type(value.value) is str:
            last = head.end_lineno or head.lineno
            hidden |= set(range(head.lineno, last + 1))
            if not source[last].strip():
                hidden.add(last + 1)
    return hidden


def _place(path: Path, module: str) -> str:
    """Give a file's path from its package on, with forward slashes."""
    depth = len(module.split("."))
    depth += path.name == "__init__.py" and depth > 0
    return "/".join(path.parts[-depth:])
