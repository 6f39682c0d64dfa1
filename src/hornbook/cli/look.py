"""Commands that look: at runs, at this machine."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hornbook.base.console import (
    console,
    make_table,
    print_result,
    results,
)
from hornbook.base.store import size
from hornbook.cli.app import Json, app, named, print_json

if TYPE_CHECKING:
    from hornbook.evaluation.compare import Pair

Run = Annotated[
    str, Parameter(name="RUN", help="A run's name or folder.")
]
Other = Annotated[
    str, Parameter(name="OTHER", help="The run to set beside it.")
]


@app.command
def compare(
    first: Run, second: Other, /, *, json: Json = False
) -> None:
    """Set two runs side by side: recipes, scores, times."""
    from hornbook.evaluation.compare import compare as set_beside
    from hornbook.evaluation.score import title_of

    # Compare, and tell programs all of it
    both = set_beside(Path(named(first)), Path(named(second)))
    if json:
        print_json(both)
        return

    # Print what was changed, what came of it, and how long it took
    one, two = both.runs
    changed = both.settings
    settings = [(s.key, str(s.first), str(s.second)) for s in changed]
    scores = [
        (
            title_of(pair.name, pair.first or pair.second or {}),
            interval(pair.first),
            interval(pair.second),
            verdict(pair, both.runs),
        )
        for pair in both.scores
    ]
    times = [
        (stage, *("-" if s is None else f"{s:,.0f} s" for s in spent))
        for stage, spent in both.seconds.items()
    ]
    for columns, listed in (
        (("recipe", one, two), settings or [("no difference", "", "")]),
        (("score", one, two, ""), scores),
        (("stage", one, two), times),
    ):
        results().print(make_table(columns, listed))
        print_result("")
    if both.scores and not both.same_heldout:
        console.warn(
            "the runs were scored on different held-out text, so that "
            "their scores say less about their models"
        )


def interval(score: dict[str, Any] | None) -> str:
    """Write a score with the ends of its interval."""
    from hornbook.evaluation.score import span, with_unit

    if score is None:
        return "-"
    unit = score["unit"]
    ends = span(score["low"], score["high"], unit)
    return f"{with_unit(score['value'], unit)} ({ends})"


def verdict(pair: "Pair", runs: tuple[str, str]) -> str:
    """Say whether two scores differ beyond their intervals."""
    if pair.first is None or pair.second is None:
        return "in one alone"
    ahead = dict(zip(("first", "second"), runs, strict=True))
    if pair.differs:
        return f"{ahead[pair.better]} is better"
    return "not told apart"


@app.command
def diagnose(run: Run, /, *, json: Json = False) -> None:
    """Say what is wrong with trainings, and what to do next."""
    from hornbook.evaluation.yardstick import yardstick
    from hornbook.training.diagnose import diagnose as examine

    # Look at every training, and at what any text costs
    folder = Path(named(run))
    found, normal = examine(folder), yardstick(folder)
    if json:
        told = {"findings": found.findings, "expected": found.expected}
        print_json({**told, "yardstick": normal})
        return

    # Print check after check
    training = ""
    for each in found.findings:
        if each.training != training:
            training = each.training
            print_result(training)
        mark = "[bold red]yes[/]" if each.holds else "[dim]no[/] "
        results().print(f"{mark} [bold]{each.name}[/]: {each.evidence}")
        if each.holds:
            print_result(f"    {each.advice}:\n    {each.command}")
    if not found.wrong:
        print_result("nothing wrong was found")

    # Say what would be normal
    for place in found.expected:
        print_result(place.sentence)
    if normal:
        print_result(normal.sentence)


@app.command
def doctor(*, json: Json = False) -> None:
    """Look at this machine: what is here, what is missing."""
    from hornbook.doctor import examine

    signs = examine()
    if json:
        print_json(signs)
        return
    rows = [
        (s.name, s.found, "" if s.healthy else f"-> {s.advice}")
        for s in signs
    ]
    results().print(make_table(("", "", ""), rows))


@app.command
def clean(
    run: Annotated[
        str, Parameter(name="RUN", help="One run; else all here.")
    ] = "",
    /,
    *,
    cache: Annotated[
        bool, Parameter(negative="", help="The cache folder as well.")
    ] = False,
    all: Annotated[
        bool,
        Parameter(negative="", help="Whole runs, models and all."),
    ] = False,
    yes: Annotated[
        bool, Parameter(negative="", help="Delete without asking.")
    ] = False,
    json: Json = False,
) -> None:
    """Delete what is no longer needed; never a model or a report."""
    from hornbook.clean import all_runs, delete, find_waste

    # List it
    runs = [Path(named(run))] if run else all_runs()
    waste = find_waste(runs, cache, all)
    total = sum(each.bytes for each in waste)
    if json:
        freed = delete(waste, runs) if yes else 0
        print_json({"waste": waste, "bytes": total, "freed": freed})
        return
    rows = [(size(each.bytes), each.path, each.why) for each in waste]
    results().print(make_table(("size", "folder", "why"), rows))

    # Ask, unless the answer is known
    if not waste:
        print_result("there is nothing to delete")
    elif yes or agreed(f"delete all {size(total)}? [y/N] "):
        print_result(f"{size(delete(waste, runs))} freed")
    else:
        print_result("nothing was deleted; --yes deletes it")


def agreed(question: str) -> bool:
    """Ask a person; where there is none, the answer is no."""
    if not sys.stdin.isatty():
        return False
    return input(question).strip().lower() in ("y", "yes")
