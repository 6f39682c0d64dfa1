"""What a stage depends on, as digests: so that none is made in vain."""

import ast
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.errors import CorruptFileError, RecipeError
from hornbook.base.record import FILE, StageRecord, load_record
from hornbook.base.store import (
    as_json,
    digest_file,
    digest_json,
    digest_text,
    read_json,
)
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.sources import text_states
from hornbook.training.config import HARMLESS

PARTS = {
    "recipe": "its section of the recipe changed",
    "source": "its source code changed",
    "text": "the text changed",
    "before": "what came before it changed",
}
"""How a changed part is told to the user."""

MEASURED = ("model", "tokenizer", "pretrain", "plan")
"""The sections that decide a machine's speed, and so the steps."""

DATA = {".bib", ".j2", ".json", ".md", ".sty", ".tex", ".toml"}
"""The files that are part of the program, beside Python."""


@cache
def module_file(module: str) -> Path | None:
    """Find a module's file without running it."""
    spec = find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


@cache
def imports(module: str) -> frozenset[str]:
    """List our modules that a module imports, anywhere in it."""
    file = module_file(module)
    if file is None:
        return frozenset()
    found = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            names = {f"{node.module}.{a.name}" for a in node.names}
            found |= {n for n in names if is_module(n)}
    return frozenset(n for n in found if n.startswith("hornbook."))


def is_module(name: str) -> bool:
    """Whether a dotted name of ours is a file, not a name in one."""
    if not name.startswith("hornbook."):
        return False
    parts = name.split(".")[1:]
    here = Path(__file__).parent.joinpath(*parts)
    return here.with_suffix(".py").exists()


def source_digest(modules: Iterable[str]) -> str:
    """Digest modules, all that they import, and their rooms' data.

    Chapters and templates belong to the program as its code does.
    """
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(imports(module))
    files = {
        module: file
        for module in seen
        if (file := module_file(module)) is not None
    }
    for room in {file.parent for file in files.values()}:
        files |= data_files(room)
    return digest_json({k: digest_file(f) for k, f in files.items()})


@cache
def data_files(room: Path) -> dict[str, Path]:
    """Find the chapters, templates and tables of a room."""
    return {
        f"{room.name}/{path.relative_to(room).as_posix()}": path
        for path in room.rglob("*")
        if path.suffix in DATA
    }


def text_digest(
    config: CorpusConfig, tasks: Iterable[str] = ()
) -> str:
    """Digest what curation reads, without reading all of it.

    A folder counts by what reading would see of it; data inside
    Hornbook by its content; a wheel by the digest in the recipe; a
    benchmark that is searched for by its name.
    """
    found = [*text_states(config), *tasks]
    for source in config.source:
        if source.kind == "package":
            shipped = Path(__file__).parent / source.member
            found.append(digest_file(shipped))
    return digest_json(found)


def data_digest(path: str) -> str:
    """Digest a file of examples; one that is missing is told later."""
    return digest_file(Path(path)) if Path(path).is_file() else ""


def files_digest(folder: Path, names: Iterable[str]) -> str:
    """Digest some files of a run; a missing one counts as such."""
    found = {
        name: digest_file(folder / name)
        if (folder / name).is_file()
        else ""
        for name in names
    }
    return digest_json(found)


def whole_digest(parts: dict[str, str]) -> str:
    """Digest all parts together."""
    return digest_text(
        "\n".join(f"{k}={parts[k]}" for k in sorted(parts))
    )


def why_stale(
    done: StageRecord | None,
    parts: dict[str, str],
    missing: Iterable[str],
) -> str:
    """Say why a stage has to be made, or nothing."""
    if done is None:
        return "not made yet"
    for name in missing:
        return f"{name} is missing"
    changed = [
        PARTS[part]
        for part in PARTS
        if done.parts.get(part) != parts.get(part)
    ]
    return " and ".join(changed)


def section_digest(recipe: object, names: Iterable[str]) -> str:
    """Digest some sections of a recipe: ``finetune.chat`` is one."""
    tables = msgspec.to_builtins(recipe)
    found = {}
    for name in names:
        section, _, table = name.partition(".")
        value = tables[section]
        found[name] = value[table] if table else value
    return digest_json(found)


def speed_digest(recipe: Any) -> str:
    """Digest what the speed and the steps of a run depend on."""
    tables = msgspec.to_builtins(recipe)
    return digest_json(settings(tables))


def settings(tables: dict[str, Any]) -> dict[str, Any]:
    """Name the settings that an unfinished pretraining rests on."""
    found = {"seed": tables.get("seed")}
    for section in MEASURED:
        for key, value in tables.get(section, {}).items():
            found[f"{section}.{key}"] = value
    for key in HARMLESS:
        found.pop(f"pretrain.{key}", None)
    return found


def refuse_changes(folder: Path, recipe: Any) -> None:
    """Refuse a recipe that changed under an unfinished pretraining.

    This comes before anything is made: a new plan could find other
    steps, and then the old recipe could not go on either.

    Raises:
        RecipeError: shows what was changed, and how to go on.
    """
    # Find the newest checkpoint; what is wrong with it is told later
    places = sorted((folder / "checkpoints").glob("step-*/state.json"))
    if not places or not (folder / FILE).exists():
        return
    try:
        state = read_json(places[-1])
        step, steps = state["progress"]["step"], state["asked"]["steps"]
        unfinished = int(step) < int(steps)
    except (CorruptFileError, LookupError, TypeError, ValueError):
        return

    # Compare what was asked for with what is
    before = settings(load_record(folder).recipe)
    now = settings(as_json(recipe))
    changed = [
        f"{key} was {before[key]!r} and is now {now[key]!r}"
        for key in now
        if key in before and before[key] != now[key]
    ]
    if unfinished and changed:
        raise RecipeError(
            f"{folder} holds a pretraining that stopped at step "
            f"{step:,} of {steps:,}, and the recipe has changed: "
            f"{'; '.join(changed)}; change it back to go on, begin "
            "anew with --force, or keep both with --set name=OTHER"
        )
