"""Computed numbers and conditions in prose.

The expressions of the roles ``value`` and ``quoted`` are evaluated in
the chapter's kernel, after the cells above them; a ``{when}`` block is
kept if its expression is true. No number is typed by hand.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hornbook.base.errors import DataError

MIME = "application/vnd.hornbook.values+json"
ROLE = re.compile(r"\{(value|quoted)\}`([^`]+)`")
FENCE = re.compile(r"(`{3,}|:{3,})\{when\}\s*(.+?)\s*$")


@dataclass(frozen=True)
class Value:
    """An expression whose value stands in the text."""

    kind: str
    expression: str


@dataclass(frozen=True)
class When:
    """A block that stands in the text on a condition."""

    expression: str
    inside: tuple["Part", ...]
    lines: int
    """How many lines the block takes in the chapter."""


Part = str | Value | When


def parse(text: str, where: str) -> tuple[Part, ...]:
    """Cut text into plain pieces, values and conditional blocks.

    Raises:
        DataError: a ``{when}`` block is never closed.
    """
    parts: list[Part] = []
    lines = text.split("\n")
    plain: list[str] = []
    row = 0
    while row < len(lines):
        match = FENCE.match(lines[row])
        if match is None:
            plain.append(lines[row])
            row += 1
            continue
        end = _closing(lines, row, match[1])
        if end is None:
            raise DataError(
                f"{where}: the block {{when}} {match[2]} is never "
                f"closed; end it with {match[1]}"
            )
        parts += _roles("\n".join([*plain, ""]))
        body = "\n".join(lines[row + 1 : end])
        inside = parse(body, where)
        parts.append(When(match[2], inside, end - row + 1))
        plain, row = [""], end + 1
    return tuple([*parts, *_roles("\n".join(plain))])


def _closing(lines: list[str], row: int, fence: str) -> int | None:
    """Find the line that closes a fence."""
    for number in range(row + 1, len(lines)):
        if lines[number].rstrip() == fence:
            return number
    return None


def _roles(text: str) -> Iterator[Part]:
    """Cut plain lines at their values."""
    last = 0
    for match in ROLE.finditer(text):
        yield text[last : match.start()]
        yield Value(match[1], match[2].replace("\n", " "))
        last = match.end()
    yield text[last:]


def questions(parts: Sequence[Part]) -> list[tuple[str, str, int]]:
    """List what must be evaluated: kind, expression, its condition.

    The condition is the index of the block that it stands in, or -1.
    """
    found: list[tuple[str, str, int]] = []

    def walk(inside: Sequence[Part], parent: int) -> None:
        for part in inside:
            if isinstance(part, Value):
                found.append((part.kind, part.expression, parent))
            elif isinstance(part, When):
                found.append(("when", part.expression, parent))
                walk(part.inside, len(found) - 1)

    walk(parts, -1)
    return found


def program(asked: Sequence[tuple[str, str, int]]) -> str:
    """Write the hidden cell that answers the questions."""
    rows = [
        f"    ({kind!r}, lambda: ({expression}), {parent}),"
        for kind, expression, parent in asked
    ]
    return "\n".join(["figure.answer([", *rows, "])"])


def fill(parts: Sequence[Part], answers: Mapping[str, Any]) -> str:
    """Write the text with the answers in it, line for line."""
    count = 0

    def walk(inside: Sequence[Part]) -> str:
        nonlocal count
        out = []
        for part in inside:
            if isinstance(part, str):
                out.append(part)
                continue
            answer = answers.get(str(count))
            count += 1
            if isinstance(part, Value):
                out.append(str(answer))
                continue
            body = walk(part.inside)
            if answer:
                out.append(f"\n{body}\n")
            else:
                out.append("\n" * (part.lines - 1))
        return "".join(out)

    return walk(parts)
