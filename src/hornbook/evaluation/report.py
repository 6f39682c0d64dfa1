"""The report: every score of a run, written for programs and people."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.console import console
from hornbook.base.errors import DataError
from hornbook.base.store import (
    append_jsonl,
    atomic_folder,
    write_json,
    write_text,
)
from hornbook.evaluation.answers import Answer, answers, details
from hornbook.evaluation.config import EvaluationConfig, check
from hornbook.evaluation.domain import (
    bits_per_byte,
    description_choice,
    topic_accuracy,
)
from hornbook.evaluation.material import Absent, Material
from hornbook.evaluation.page import (
    CAUTION,
    render_markdown,
    render_page,
)
from hornbook.evaluation.score import Score

Task = Callable[[Material, EvaluationConfig, int], dict[str, Score]]


def evaluate(
    folder: Path,
    config: EvaluationConfig | None = None,
    seed: int = 1,
    tasks: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Measure a run's models and write its folder ``evaluation/``.

    What the run has not got is not measured, and the report says so.
    The same run, config and seed give the same report. ``tasks``
    names some of ``TASKS`` or ``answers``; None takes all.

    Raises:
        RecipeError: a number of the config makes no sense.
        DataError: a task is not known, or none can be measured.
        CorruptFileError: a file of the run is damaged.
    """
    # Refuse what cannot be meant
    config = config or EvaluationConfig()
    check(config)
    wanted = find_tasks(tasks)
    if not (folder / "corpus").is_dir():
        raise DataError(
            f"{folder} is not the folder of a run: it holds no corpus; "
            "give a folder that `hornbook run` has written"
        )

    # Measure, then write all files at once
    material = Material(folder, config)
    report, judged = measure(material, wanted, config, seed)
    with atomic_folder(folder / "evaluation") as fresh:
        write_json(fresh / "report.json", report)
        write_text(fresh / "report.md", render_markdown(report))
        write_text(
            fresh / "report.html", render_page(report, material)
        )
        for answer in judged:
            append_jsonl(
                fresh / "answers.jsonl", msgspec.to_builtins(answer)
            )
    return report


def find_tasks(tasks: Sequence[str] | None) -> list[str]:
    """List the tasks that are asked for; None asks for all.

    Raises:
        DataError: one of them is not known.
    """
    known = [*TASKS, ANSWERS]
    wanted = known if tasks is None else list(tasks)
    for name in wanted:
        if name not in known:
            raise DataError(
                f"there is no task {name!r}; known are "
                f"{', '.join(known)}"
            )
    return wanted


def measure(
    material: Material,
    wanted: Sequence[str],
    config: EvaluationConfig,
    seed: int,
) -> tuple[dict[str, Any], list[Answer]]:
    """Run the tasks, one after the other; leave out what is absent.

    Raises:
        DataError: not one of the tasks can be measured.
    """
    scores: dict[str, Score] = {}
    skipped: dict[str, str] = {}
    judged: list[Answer] = []
    for name in wanted:
        console.say(f"  measuring {name.replace('_', ' ')}")
        try:
            if name == ANSWERS:
                found, judged = answers(material, config, seed)
                scores.update(found)
            else:
                scores.update(TASKS[name](material, config, seed))
        except Absent as absent:
            skipped[name] = str(absent)
    if not scores:
        reasons = "; ".join(f"{k}: {v}" for k, v in skipped.items())
        raise DataError(f"nothing can be measured ({reasons})")

    # Put all that a reader may ask into one table
    report = {
        "run": material.folder.resolve().name,
        "seed": seed,
        "config": msgspec.to_builtins(config),
        "caution": CAUTION,
        "tasks": msgspec.to_builtins(scores),
        "skipped": skipped,
        "answers": details(judged, config) if judged else None,
    }
    return report, judged


ANSWERS = "answers"

TASKS: dict[str, Task] = {
    "bits_per_byte": bits_per_byte,
    "topic_accuracy": topic_accuracy,
    "description_choice": description_choice,
}
