"""The head of a GGUF model: named values, then where tensors lie.

Every value has the number of its type. The numbers of the tensors come
after the head, and are not read here.
"""

import struct
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.base.tape import Tape

HEAD_BYTES = 1 << 27
"""No model has a longer head."""
MOST_AXES = 4
ALIGNMENT = 32
"""Tensors begin at multiples of so many bytes, unless it says else."""
MOST_ALIGNMENT = 1 << 20


class Stored(msgspec.Struct, frozen=True):
    """Where a tensor's numbers lie, and how they are written."""

    shape: tuple[int, ...]
    """Rows first; the file has it the other way round."""
    kind: int
    """The number of the way in which they are written."""
    start: int
    """Its first byte in the file."""


class Head(msgspec.Struct, frozen=True):
    """What a model's file says before its numbers."""

    values: dict[str, Any]
    tensors: dict[str, Stored]


def read_head(file: Path) -> Head:
    """Read what a GGUF model says about itself.

    Raises:
        CorruptFileError: it is no such file, damaged or cut short.
    """
    try:
        with file.open("rb") as whole:
            tape = Tape(whole.read(HEAD_BYTES))
        values, count = read_values(tape)
        tensors = read_tensors(tape, count)
        grid = values.get("general.alignment", ALIGNMENT)
        if not isinstance(grid, int) or not 0 < grid <= MOST_ALIGNMENT:
            raise DataError(f"it has the alignment {grid!r}")
    except OSError as error:
        raise CorruptFileError(
            f"{file} cannot be read: {error.strerror}"
        ) from error
    except (DataError, UnicodeError) as error:
        raise CorruptFileError(
            f"{file} is no GGUF model, or damaged: {error}; get it anew"
        ) from error

    # Count from the file's beginning, not from the head's end
    begin = -(-tape.at // grid) * grid
    placed = {
        name: Stored(each.shape, each.kind, begin + each.start)
        for name, each in tensors.items()
    }
    return Head(values, placed)


def read_tensors(tape: Tape, count: int) -> dict[str, Stored]:
    """Read the names, shapes and places of so many tensors.

    Raises:
        DataError: two have one name, or one has too many axes.
    """
    tensors: dict[str, Stored] = {}
    for _ in range(count):
        name, axes = text(tape), number(tape, "I")
        if name in tensors or axes > MOST_AXES:
            raise DataError(
                f"its tensor {name!r} stands twice, or has {axes} axes"
            )
        shape = tuple(number(tape, "Q") for _ in range(axes))[::-1]
        kind, start = number(tape, "I"), number(tape, "Q")
        tensors[name] = Stored(shape, kind, start)
    return tensors


def read_values(tape: Tape) -> tuple[dict[str, Any], int]:
    """Read the named values of a file, and its number of tensors.

    Raises:
        DataError: it is no GGUF file, or cut short.
    """
    magic, version = tape.take(4), number(tape, "I")
    if magic != b"GGUF" or version not in (2, 3):
        raise DataError("it is no GGUF file of version 2 or 3")
    tensors = number(tape, "Q")
    values: dict[str, Any] = {}
    for _ in range(number(tape, "Q")):
        name = text(tape)
        values[name] = read_value(tape, number(tape, "I"))
    return values, tensors


def read_value(tape: Tape, kind: int) -> Any:
    """Read one value: a number, a text, or a list of either.

    Raises:
        DataError: there is no such type.
    """
    if kind in NUMBERS:
        return number(tape, NUMBERS[kind])
    if kind == TEXT:
        return text(tape)
    if kind != LIST:
        raise DataError(f"a value has the unknown type {kind}")
    inner, count = number(tape, "I"), number(tape, "Q")
    if inner in NUMBERS:
        form = NUMBERS[inner]
        data = tape.take(count * struct.calcsize(f"<{form}"))
        return list(struct.unpack(f"<{count}{form}", data))
    if inner != TEXT:
        raise DataError(f"a list holds the unknown type {inner}")
    return [text(tape) for _ in range(count)]


def number(tape: Tape, form: str) -> Any:
    """Read one number."""
    data = tape.take(struct.calcsize(f"<{form}"))
    return struct.unpack(f"<{form}", data)[0]


def text(tape: Tape) -> str:
    """Read one text."""
    return tape.take(number(tape, "Q")).decode()


TEXT, LIST = 8, 9
NUMBERS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
"""How each type of number is written, by its number."""
