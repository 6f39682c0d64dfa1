"""TOML into frozen structs, with errors that name the key."""

import difflib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from hornbook.base.errors import RecipeError

T = TypeVar("T")

BARE_POINT = re.compile(r"[+-]?(\.\d+|\d+\.)([eE][+-]?\d+)?")
"""Numbers that TOML does not know: ``.03`` and ``3.``."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file as plain tables.

    Raises:
        RecipeError: the file is missing, not UTF-8, or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(
            f"there is no recipe at {path}; give the path of a .toml "
            "file or the name of a recipe that ships with Hornbook"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"{path} is not valid TOML: {error}; correct that line"
        ) from error
    except OSError as error:
        raise RecipeError(
            f"{path} cannot be read: {error.strerror}"
        ) from error


def override(tables: dict[str, Any], settings: Sequence[str]) -> None:
    """Apply ``a.b=value`` settings to nested tables, in place.

    A value is read as TOML where it is TOML, else as plain text, so
    that ``pretrain.steps=100`` is a number and ``name=mine`` a string.
    Numbers may lack a digit beside their point, as ``.03`` does.

    Raises:
        RecipeError: a setting has no ``=`` or walks through a value.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise RecipeError(
                f"--set {setting!r} is not of the form key.path=value"
            )
        *parents, last = key.strip().split(".")
        table: Any = tables
        for part in parents:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise RecipeError(
                    f"--set {key}: {part!r} is a value, not a table"
                )
        table[last] = read_value(text.strip())


def read_value(text: str) -> Any:
    """Read one TOML value, or take the text as it stands."""
    if BARE_POINT.fullmatch(text):
        return float(text)
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def convert(tables: dict[str, Any], kind: type[T], where: str) -> T:
    """Build a struct from tables; unknown keys and types are refused.

    Raises:
        RecipeError: names the key's full path, what stands there, and
            the nearest key that exists.
    """
    _refuse_unknown(tables, kind, where, "")
    return _convert(tables, kind, where, "")


def _convert(value: Any, kind: type[T], where: str, path: str) -> T:
    """Build what stands at ``path``; an error names its key."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        fault, _, inner = str(error).partition(" - at `$")
        key = f"{path}{inner.rstrip('`')}".lstrip(".")
        place = f" at `{key}`" if key else ""
        known = _choices(kind, inner.rstrip("`"))
        place += f", which can be {known}" if known else ""
        raise RecipeError(
            f"{where}: {fault[:1].lower()}{fault[1:]}{place}; correct "
            "that value"
        ) from error


def _choices(kind: Any, path: str) -> str:
    """List what the key at ``path`` of a struct can be, if it says."""
    for name in re.findall(r"\.(\w+)", path):
        struct = _struct_of(kind)
        fields = msgspec.structs.fields(struct) if struct else ()
        found = [f.type for f in fields if f.encode_name == name]
        kind = found[0] if found else None
    literal = get_origin(kind) is Literal
    return ", ".join(map(repr, get_args(kind))) if literal else ""


def _refuse_unknown(
    value: Any, kind: Any, where: str, path: str
) -> None:
    """Walk tables beside their struct and stop at a strange key."""
    if getattr(kind, "__origin__", None) is dict:
        for key, item in value.items() if _is_table(value) else ():
            inner = f"{path}.{key}" if path else str(key)
            _refuse_unknown(item, kind.__args__[1], where, inner)
            _convert(item, kind.__args__[1], where, inner)
        return
    kind = _struct_of(kind)
    if isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unknown(item, kind, where, f"{path}[{index}]")
    if not isinstance(value, dict) or kind is None:
        return
    fields = {f.encode_name: f for f in msgspec.structs.fields(kind)}
    for key, item in value.items():
        full = f"{path}.{key}" if path else key
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = (
                f"did you mean {near[0]!r}?"
                if near
                else ("known here: " + ", ".join(sorted(fields)))
            )
            raise RecipeError(
                f"{where}: there is no key {full!r}; {hint}"
            )
        _refuse_unknown(item, fields[key].type, where, full)


def _is_table(value: Any) -> bool:
    """Whether a TOML value is a table."""
    return isinstance(value, dict)


def _struct_of(kind: Any) -> Any:
    """Find the struct inside ``X``, ``X | None``, ``tuple[X, ...]``."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    for inner in getattr(kind, "__args__", ()):
        found = _struct_of(inner)
        if found is not None:
            return found
    return None
