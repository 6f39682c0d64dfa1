"""The road: every stage in order, made when it is needed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil
from rich.markup import escape

from hornbook import stages
from hornbook.base.boards import drawn_on
from hornbook.base.console import clock, console
from hornbook.base.errors import DataError, Interrupted, RecipeError
from hornbook.base.machine import MemoryWatch
from hornbook.base.network import quiet_telemetry
from hornbook.base.record import (
    FILE,
    RUNS,
    RunRecord,
    StageRecord,
    load_record,
    new_record,
)
from hornbook.base.store import size, write_text
from hornbook.base.world import world
from hornbook.corpus.sources import check_folders
from hornbook.lineage import (
    files_digest,
    refuse_changes,
    section_digest,
    source_digest,
    whole_digest,
    why_stale,
)
from hornbook.model.config import cannot_hold
from hornbook.planning.plan import Plan, load_plan
from hornbook.recipe import FILE as RECIPE
from hornbook.recipe import Recipe, find_recipe, load_recipe
from hornbook.route import Stage, find_bases, resting, road
from hornbook.stages import Context

LOCK = ".running"
SHARED = "pretrain"
"""The stage that several processes make together."""


def run(
    source: str | Path,
    settings: Sequence[str] = (),
    first: str = "",
    last: str = "",
    force: bool | str = False,
    keep: bool = False,
    strict: bool = False,
    log: str = "",
    tunings: Sequence[str] = (),
) -> RunRecord:
    """Walk the road of a recipe, or go on where a run stopped.

    Output goes to ``runs/NAME`` of the current folder. A stage is made
    when it was never made, or when its section of the recipe, its
    source, or what came before it changed. ``first`` and ``last`` name
    the stages to begin and end with; ``force`` makes them anew, or
    one that it names, and ``keep`` accepts what is stale. ``log``
    draws the trainings on ``tensorboard``, ``wandb`` or ``trackio``.
    ``tunings`` keep of the last stage, ``finetune``, these alone.

    Raises:
        HornbookError: says what is wrong, where, and what to do.
    """
    quiet_telemetry()
    recipe = load_recipe(source, settings)
    folder = run_folder(source, recipe)
    route = road(recipe)
    chosen = choose(route, first, last)
    chosen = resting(recipe, chosen, first, last, tunings)
    check_processes(recipe, folder, chosen)
    if world().rank:
        return follow(route, recipe, folder, force, keep, strict)
    refuse_early(recipe, chosen, keep)
    with drawn_on(log, folder), lock(folder), undone(folder):
        if force not in (True, "plan", "pretrain"):
            refuse_changes(folder, recipe)
        record = open_record(recipe, folder)
        for stage in (s for s in route if s.name in chosen):
            anew = force is True or force == stage.command
            with together(stage, recipe):
                record = visit(
                    stage, recipe, record, anew, keep, strict
                )
    return record


def refuse_early(
    recipe: Recipe, chosen: list[str], keep: bool
) -> None:
    """Refuse before the first stage what a later one would refuse.

    Raises:
        DataError: a folder of text is not there.
        RecipeError: no published family can hold the model.
        ModelError: the base of a fine-tuning is not there.
    """
    if "curate" in chosen and not keep:
        check_folders(recipe.corpus)
    format = recipe.export.format
    exported = "export" in chosen and not recipe.is_foreign(
        recipe.exported or "base"
    )
    if exported and (why := cannot_hold(recipe.shape, format)):
        raise RecipeError(f"{why}; set export.format = 'native'")
    if not keep:
        find_bases(recipe, chosen)


@contextmanager
def undone(folder: Path) -> Iterator[None]:
    """Leave a run as it was when a new recipe for it is refused.

    Once a stage was made by the new recipe, that recipe stays.
    """
    if not (folder / FILE).exists():
        yield
        return
    made = load_record(folder).stages
    files = [folder / RECIPE, folder / FILE]
    before = {f: f.read_text("utf-8") for f in files if f.exists()}
    try:
        yield
    except RecipeError:
        if load_record(folder).stages == made:
            for file, text in before.items():
                write_text(file, text)
        raise


def follow(
    route: list[Stage],
    recipe: Recipe,
    folder: Path,
    force: bool | str,
    keep: bool,
    strict: bool,
) -> RunRecord:
    """Wait for the first process at the stage that is shared.

    All else is the first one's work, and this one has then done its.
    """
    console.quiet = True
    (stage,) = (stage for stage in route if stage.name == SHARED)
    anew = force is True or force == stage.command
    with together(stage, recipe):
        record = load_record(folder)
        return visit(stage, recipe, record, anew, keep, strict)


@contextmanager
def together(stage: Stage, recipe: Recipe) -> Iterator[None]:
    """Meet the other processes, where a stage is made with them."""
    if stage.name != SHARED or recipe.pretrain.parallel == "none":
        yield
    elif world().launched:
        from hornbook.training.parallel import joined

        with joined():
            yield
    else:
        yield


def check_processes(
    recipe: Recipe, folder: Path, chosen: list[str]
) -> None:
    """Refuse processes without work, and work without processes.

    Raises:
        RecipeError: says what to type.
    """
    here, shares = world(), recipe.pretrain.parallel != "none"
    if here.size == 1 and not shares:
        return
    if here.size > 1 and SHARED not in chosen:
        raise RecipeError(
            "several processes share the pretraining alone; make the "
            "other stages without torchrun"
        )
    finished = (folder / FILE).exists() and (
        SHARED in load_record(folder).stages
    )
    if here.launched or not finished and SHARED in chosen:
        from hornbook.training.parallel import check

        check(recipe.pretrain)


def run_folder(source: str | Path, recipe: Recipe) -> Path:
    """Find where a run lies: a run's own folder, or ``runs/NAME``."""
    folder = find_recipe(source).parent
    return folder if (folder / FILE).is_file() else RUNS / recipe.name


def choose(all_: list[Stage], first: str, last: str) -> list[str]:
    """Name the stages from ``first`` to ``last``, both included.

    Raises:
        RecipeError: there is no such stage.
    """
    commands = [stage.command for stage in all_]
    for name in (first, last):
        if name and name not in commands:
            known = ", ".join(dict.fromkeys(commands))
            raise RecipeError(
                f"there is no stage {name!r}; the stages are {known}"
            )
    start = commands.index(first) if first else 0
    stop = len(commands)
    if last:
        stop -= commands[::-1].index(last)
    if start >= stop:
        raise RecipeError(
            f"the stage {first!r} comes after {last!r}; the stages are "
            + ", ".join(dict.fromkeys(commands))
        )
    return [stage.name for stage in all_[start:stop]]


def open_record(recipe: Recipe, folder: Path) -> RunRecord:
    """Load a run's record, or begin one; keep the recipe beside it."""
    tables = msgspec.to_builtins(recipe)
    record = new_record(recipe.name, folder, recipe.seed, tables)
    if not (folder / FILE).exists():
        place = escape(str(folder.absolute()))
        console.say(f"starting a new run in {place}")
    else:
        before = load_record(folder)
        record = msgspec.structs.replace(record, stages=before.stages)
    write_text(folder / RECIPE, stages.recipe_toml(recipe))
    record.save()
    return record


def visit(
    stage: Stage,
    recipe: Recipe,
    record: RunRecord,
    force: bool,
    keep: bool,
    strict: bool,
) -> RunRecord:
    """Make a stage if it has to be made; give the record after it."""
    folder = record.path
    parts = depends_on(stage, recipe, folder)
    missing = [n for n in stage.leaves if not (folder / n).exists()]
    done = record.stages.get(stage.name)
    why = why_stale(done, parts, missing)
    if done and not missing and not force and (keep or not why):
        note = f", although {why}" if why else ""
        console.say(
            f"[dim]{stage.name:<14} kept{note}, "
            f"made in {clock(done.seconds)}[/]"
        )
        return record

    # Make it, and write down what it took
    reason = f" ({why})" if done and why else ""
    console.heading(f"{stage.name}{reason}")
    context = Context(
        recipe=recipe,
        folder=folder,
        name=stage.name,
        record=record,
        source=parts["source"],
        anew=force,
        strict=strict,
    )
    record = record.with_stage(stage.name, make(stage, context, parts))
    if not world().rank:
        record.save()
    return record


def make(
    stage: Stage, context: Context, parts: dict[str, str]
) -> StageRecord:
    """Make a stage, with an eye on the clock and on memory."""
    started = time.monotonic()
    with MemoryWatch() as watch:
        result = stage.work(context)
    made = StageRecord(
        digest=whole_digest(parts),
        parts=parts,
        seconds=round(time.monotonic() - started, 2),
        peak_memory_bytes=watch.peak_bytes,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        result=result,
    )
    console.say(
        f"[dim]{stage.name} took {clock(made.seconds)}, "
        f"at most {size(made.peak_memory_bytes)} of memory[/]"
    )
    return made


def depends_on(
    stage: Stage, recipe: Recipe, folder: Path
) -> dict[str, str]:
    """Digest what a stage depends on, part by part."""
    before = files_digest(folder, stage.before)
    parts = {
        "recipe": section_digest(recipe, stage.sections),
        "source": source_digest(stage.source),
        "before": before,
    }
    also = stage.also(recipe, folder)
    parts[stage.also_is] = parts.get(stage.also_is, "") + also
    return parts


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep two commands from working in one run's folder at once.

    Raises:
        DataError: another process is at work there.
    """
    path = folder / LOCK
    if path.exists():
        text = path.read_text(encoding="utf-8").strip()
        if text.isdigit() and psutil.pid_exists(int(text)):
            raise DataError(
                f"another command (process {text}) is at work in "
                f"{folder}; wait for it, or delete {path} if it is not"
            )
    write_text(path, str(psutil.Process().pid))
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            "stopped; the same command goes on from there"
        ) from error
    finally:
        path.unlink(missing_ok=True)


def plan(source: str | Path, settings: Sequence[str] = ()) -> Plan:
    """Plan a recipe's run on this machine, and give the plan.

    Raises:
        RecipeError: the recipe asks for what cannot be.
    """
    record = run(source, settings, last="plan")
    return load_plan(record.path)


def evaluate(
    source: RunRecord | str | Path, tasks: Sequence[str] = ()
) -> dict[str, Any]:
    """Score a finished run; give its report, all tasks or some.

    ``tasks`` are scores of the run's report, shipped tasks, or TOML
    files of yours. What the report has not got is measured now; the
    report in the run's folder stays as it is.

    Raises:
        RecipeError: a task is not known, or its file is wrong.
        DataError: a task cannot be measured on this run.
    """
    from hornbook.base.store import read_json
    from hornbook.evaluation.report import measure

    folder = (
        source.path if isinstance(source, RunRecord) else Path(source)
    )
    record = run(folder, last="evaluate")
    report: dict[str, Any] = read_json(
        record.path / "evaluation" / "report.json"
    )
    if not tasks:
        return report

    # Take what is there, and measure the rest
    known = {n: s for n, s in report["tasks"].items() if n in tasks}
    more = [name for name in tasks if name not in known]
    if more:
        config = load_recipe(record.path).evaluation
        _, report, _ = measure(record.path, config, record.seed, more)
        known |= report["tasks"]
    return {**report, "tasks": known}
