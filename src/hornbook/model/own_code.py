"""The code of an attention of your own: found, digested, kept.

What it computes is part of what a model is, so the digest of its code
stands in the model's shape: in recipes, trials, checkpoints and saved
models. A file's code is kept as it was read, and goes with the model.

A saved model that brings code of its own is a program. Its file is
run only if a recipe, or a shape, named a file of just this content on
this machine before, or if the user allows it by its digest.
"""

import ast
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from hornbook.base.console import console
from hornbook.base.errors import (
    CorruptFileError,
    ModelError,
    RecipeError,
)
from hornbook.base.machine import cache_folder
from hornbook.base.store import digest_json, digest_text, write_text
from hornbook.model.config import STOCK, ModelConfig

Attend = Callable[..., Any]

TRUST = "HORNBOOK_TRUST"
PLAIN = (str, int, float, bool, type(None))


class Code(msgspec.Struct, frozen=True):
    """A file with an attention in it, as it was read and run."""

    file: str
    text: str
    module: ModuleType


CODES: dict[str, Code] = {}
"""The files that this process has run, by their digest."""


def settle(config: ModelConfig, *places: Path) -> ModelConfig:
    """Find an attention's code, and give the shape with its digest.

    ``PATH.py:NAME`` is looked for from the folders ``places``: by
    default the current one.

    Raises:
        RecipeError: there is none of that name, it cannot be called,
            or it cannot be digested.
    """
    if config.attention in STOCK:
        return config
    file, _, name = config.attention.rpartition(":")
    if file and config.code in CODES and not places:
        short = f"{Path(file).name}:{name}"
        return msgspec.structs.replace(config, attention=short)
    if file:
        path = find_file(file, places or (Path(),))
        code = run_file(path)
        allow(code)
    else:
        code = digest_entry(entry_of(config), name)
    settled = msgspec.structs.replace(config, code=code)
    check_call(settled)
    return settled


def reopen(config: ModelConfig, folder: Path) -> ModelConfig:
    """Find the code of a saved model or a run, beside it.

    Raises:
        CorruptFileError: the file is missing, or is another one.
        ModelError: the user has not allowed that it is run.
    """
    file = Path(config.attention.rpartition(":")[0]).name
    if not file or config.code in CODES:
        settled = settle(config)
        if config.code not in ("", settled.code):
            console.warn(
                f"{folder} was made with another attention "
                f"{config.attention!r} than this one"
            )
        return settled

    # The file must be the one that the model learnt with
    path = folder / file
    text = read(path) if path.is_file() else ""
    if digest_text(text) != config.code:
        raise CorruptFileError(
            f"{path} is not the attention that the model was made "
            "with; put that file back"
        )
    trusted = os.environ.get(TRUST, "")
    if not (noted(config.code).exists() or trusted == config.code[:16]):
        raise ModelError(
            f"the model brings a program of its own, {path}; read it, "
            f"and allow it with {TRUST}={config.code[:16]}"
        )
    run_file(path)
    return settle(config)


def find_file(file: str, places: tuple[Path, ...]) -> Path:
    """Find a recipe's file of code from one of several folders."""
    for place in places:
        if (place / file).is_file():
            return place / file
    raise RecipeError(
        f"model.attention names the file {file!r}, which is not there; "
        "give its path from the current folder or the recipe's"
    )


def read(path: Path) -> str:
    """Read a file of code.

    Raises:
        RecipeError: it is not text in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"{path} cannot be read as Python: {error}"
        ) from error


def run_file(path: Path) -> str:
    """Run a file of code, once in a process, and give its digest.

    Raises:
        RecipeError: it stops with an error.
    """
    text = read(path)
    code = digest_text(text)
    if code not in CODES:
        module = ModuleType(f"own_{path.stem}_{code[:8]}")
        module.__file__ = str(path.resolve())
        try:
            exec(compile(text, path, "exec"), vars(module))
        except Exception as error:
            raise RecipeError(
                f"{path} stops with {type(error).__name__}: {error}; "
                "correct it"
            ) from error
        # The compiler looks for functions by their module's name
        sys.modules[module.__name__] = module
        CODES[code] = Code(path.name, text, module)
    return code


def noted(code: str) -> Path:
    """Say where it is noted that the user named such a file."""
    return cache_folder() / "own" / code


def allow(code: str) -> None:
    """Note that the user has named a file of this digest."""
    if not noted(code).exists():
        write_text(noted(code), "")


def keep_code(code: str, folder: Path) -> None:
    """Copy an attention's file, if it has one, into a folder."""
    if code in CODES:
        write_text(folder / CODES[code].file, CODES[code].text)


def entry_of(config: ModelConfig) -> Attend:
    """Give what was registered, or stands in the file, by its name.

    Raises:
        RecipeError: there is no such function or class.
    """
    file, _, name = config.attention.rpartition(":")
    if file:
        found = vars(CODES[config.code].module).get(name)
        where = f"{file} has no function or class {name!r}"
    else:
        from hornbook.model.attention import ATTENTION

        found = ATTENTION.get(name)
        known = ", ".join(ATTENTION)
        where = f"there is no attention {name!r}; known are {known}"
    if not callable(found):
        raise RecipeError(
            f"{where}; model.attention names one in a file as "
            "PATH.py:NAME"
        )
    attend: Attend = found
    return attend


def source_of(config: ModelConfig) -> str:
    """Give the source of an attention of your own; "" for ours.

    Raises:
        RecipeError: there is no such function or class.
    """
    if config.attention in STOCK:
        return ""
    name, entry = config.attention.rpartition(":")[2], entry_of(config)
    if config.code not in CODES:
        return inspect.getsource(entry)
    text = CODES[config.code].text
    for node in ast.parse(text).body:
        if getattr(node, "name", "") == name:
            return ast.get_source_segment(text, node) or text
    return text


def digest_entry(entry: Any, name: str) -> str:
    """Digest what was registered; our own is part of our source.

    It is the whole file in which a function or class stands, and what
    the function closes over; other files that it uses are not seen.

    Raises:
        RecipeError: a part of it cannot be digested.
    """
    home = getattr(entry, "__module__", None) or ""
    ours = home.startswith("hornbook.")
    return "" if ours else digest_json(list(pieces(entry, name)))


def pieces(thing: Any, name: str) -> Iterator[object]:
    """Take a function apart, down to text and numbers."""
    if isinstance(thing, PLAIN):
        yield thing
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from pieces(each, name)
    elif isinstance(thing, dict):
        yield from pieces(list(thing.items()), name)
    elif isinstance(thing, partial):
        inside = [thing.func, thing.args, thing.keywords]
        yield from pieces(inside, name)
    elif inspect.isfunction(thing) or inspect.isclass(thing):
        try:
            lines, first = inspect.findsource(thing)
        except (OSError, TypeError) as error:
            raise RecipeError(
                f"the attention {name!r} has no source that could be "
                "digested; define it in a file"
            ) from error
        yield [lines, first, thing.__qualname__]
        cells = getattr(thing, "__closure__", None) or ()
        held = [cell.cell_contents for cell in cells]
        held.append(getattr(thing, "__defaults__", None))
        held.append(getattr(thing, "__kwdefaults__", None))
        yield from pieces(held, name)
    else:
        raise RecipeError(
            f"the attention {name!r} holds a {type(thing).__name__}, "
            "which cannot be digested; let it be a function or a class "
            "that gets numbers and text by model.options"
        )


def check_call(config: ModelConfig) -> None:
    """Refuse an attention that cannot be called with its options.

    Raises:
        RecipeError: names the argument that is missing or unknown.
    """
    entry, options = entry_of(config), config.options
    made = inspect.isclass(entry)
    first = "config layer" if made else "q k v visible"
    try:
        inspect.signature(entry).bind(*first.split(), **options)
    except TypeError as error:
        call = ", ".join([*first.split(), *options])
        raise RecipeError(
            f"the attention {config.attention!r} cannot be called with "
            f"({call}): {error}; model.options gives the keywords"
        ) from error
    except ValueError:
        return
