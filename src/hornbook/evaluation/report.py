"""The report: every score of a run, written for programs and people."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.console import console
from hornbook.base.errors import DataError, NetworkError
from hornbook.base.machine import cache_folder
from hornbook.base.store import (
    append_jsonl,
    atomic_folder,
    write_json,
    write_text,
)
from hornbook.evaluation.answers import Answer, answers, details
from hornbook.evaluation.card import model_card
from hornbook.evaluation.choice import choice_score
from hornbook.evaluation.config import EvaluationConfig, check
from hornbook.evaluation.domain import (
    bits_per_byte,
    description_choice,
    topic_accuracy,
)
from hornbook.evaluation.facts import CAUTION
from hornbook.evaluation.items import Item, task_items
from hornbook.evaluation.material import Absent, Material
from hornbook.evaluation.page import render_markdown, render_page
from hornbook.evaluation.score import Score, number, span
from hornbook.evaluation.seen import refusals
from hornbook.evaluation.task import Task, load_tasks
from hornbook.evaluation.verbatim import verbatim

Own = Callable[[Material, EvaluationConfig, int], dict[str, Score]]


def evaluate(
    folder: Path,
    config: EvaluationConfig | None = None,
    seed: int = 1,
    tasks: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Measure a run's models and write its folder ``evaluation/``.

    What the run has not got is not measured, and the report says so.
    The same run, config and seed give the same report. ``tasks``
    takes the place of the config's: shipped names, or TOML files.

    Raises:
        RecipeError: a task or a number of the config makes no sense.
        DataError: none of the tasks can be measured.
        CorruptFileError: a file of the run is damaged.
    """
    config = config or EvaluationConfig()
    material, report, judged = measure(folder, config, seed, tasks)
    tell(report)
    with atomic_folder(folder / "evaluation") as fresh:
        write_json(fresh / "report.json", report)
        write_text(fresh / "report.md", render_markdown(report))
        write_text(
            fresh / "report.html", render_page(report, material)
        )
        write_text(
            fresh / "model_card.md", model_card(folder, report=report)
        )
        for answer in judged:
            append_jsonl(
                fresh / "answers.jsonl", msgspec.to_builtins(answer)
            )
    return report


def tell(report: dict[str, Any]) -> None:
    """Print the scores, and warn of what is left out."""
    scores = msgspec.convert(report["tasks"], dict[str, Score])
    rows = [
        (
            each.title,
            number(each.value, each.unit),
            span(each.low, each.high, each.unit),
            number(each.baseline, each.unit),
        )
        for each in scores.values()
    ]
    console.table(("score", "", "95% interval", "baseline"), rows)
    for name, reason in report["skipped"].items():
        console.warn(f"{name} is left out: {reason}")


def measure(
    folder: Path,
    config: EvaluationConfig,
    seed: int,
    tasks: Sequence[str] | None = None,
) -> tuple[Material, dict[str, Any], list[Answer]]:
    """Run the tasks, one after the other; leave out what is absent.

    Raises:
        DataError: not one of the tasks can be measured.
    """
    # Refuse what cannot be meant
    check(config)
    wanted = load_tasks(config.tasks if tasks is None else list(tasks))
    if not (folder / "corpus").is_dir():
        raise DataError(
            f"{folder} is not the folder of a run: it holds no corpus; "
            "give a folder that `hornbook run` has written"
        )

    # Look for the items in the training text, then measure
    material = Material(folder, config)
    items, skipped = collect(wanted, material)
    scores: dict[str, Score] = {}
    judged: list[Answer] = []
    for task in wanted:
        if task.name in skipped:
            continue
        console.say(f"  measuring {task.name.replace('_', ' ')}")
        try:
            found, given = run_task(task, items, material, seed)
        except Absent as absent:
            skipped[task.name] = str(absent)
        else:
            judged += given
            scores.update(named(found, task, config))
    if not scores:
        raise DataError(f"nothing can be measured ({grouped(skipped)})")
    report = assemble(material, seed, wanted, scores, skipped, judged)
    return material, report, judged


def run_task(
    task: Task,
    items: dict[str, list[Item]],
    material: Material,
    seed: int,
) -> tuple[dict[str, Score], list[Answer]]:
    """Measure one task; give its scores, and answers if it has some."""
    if task.name in items:
        return choice_score(task, items[task.name], material), []
    if task.kind == ANSWERS:
        return answers(material, material.config, seed)
    return KINDS[task.kind](material, material.config, seed), []


def grouped(skipped: dict[str, str]) -> str:
    """Tell each reason once, with the tasks that it is about."""
    names: dict[str, list[str]] = {}
    for name, reason in skipped.items():
        names.setdefault(reason, []).append(name)
    return "; ".join(
        f"{', '.join(tasks)}: {reason}"
        for reason, tasks in names.items()
    )


def collect(
    wanted: Sequence[Task], material: Material
) -> tuple[dict[str, list[Item]], dict[str, str]]:
    """Get the items of the tasks that have some, or say why not."""
    items: dict[str, list[Item]] = {}
    skipped: dict[str, str] = {}
    for task in wanted:
        if task.data or task.template:
            try:
                items[task.name] = task_items(task, cache_folder())
            except NetworkError as error:
                skipped[task.name] = str(error)
    if items:
        console.say("  looking for the tasks in the training text")
        skipped |= refusals(items, material)
    return items, skipped


def named(
    found: dict[str, Score], task: Task, config: EvaluationConfig
) -> dict[str, Score]:
    """Say of each score how it is called, and what was measured."""
    model = {
        ANSWERS: config.chat,
        "topic_accuracy": config.classifier,
    }.get(task.kind, "base")
    return {
        name: msgspec.structs.replace(
            score, title=score.title or task.title, model=model
        )
        for name, score in found.items()
    }


def assemble(
    material: Material,
    seed: int,
    wanted: Sequence[Task],
    scores: dict[str, Score],
    skipped: dict[str, str],
    judged: list[Answer],
) -> dict[str, Any]:
    """Put all that a reader may ask into one table."""
    config = msgspec.to_builtins(material.config)
    return {
        "run": material.folder.resolve().name,
        "seed": seed,
        "config": {**config, "tasks": [task.name for task in wanted]},
        "caution": CAUTION,
        "tasks": msgspec.to_builtins(scores),
        "titles": {task.name: task.title for task in wanted},
        "skipped": skipped,
        "credits": {
            task.name: {"licence": task.licence, "credit": task.credit}
            for task in wanted
            if task.licence and task.name in scores
        },
        "answers": details(judged, material.config) if judged else None,
    }


ANSWERS = "answers"

KINDS: dict[str, Own] = {
    "bits_per_byte": bits_per_byte,
    "topic_accuracy": topic_accuracy,
    "description_choice": description_choice,
    "memorisation": verbatim,
}
"""The kinds of tasks that a run's own text sets."""
