"""The command that makes the corpus, and answers for it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hornbook.base.console import print_result
from hornbook.base.errors import HornbookError
from hornbook.cli.app import (
    Force,
    Json,
    Keep,
    Settings,
    Source,
    Strict,
    app,
    print_json,
)
from hornbook.cli.walk import make_stage

SEEDS = 3

Explain = Annotated[
    str,
    Parameter(
        name="--explain",
        help="Tell the fate of a document: its id, path, URL or "
        "title, or a part of it.",
    ),
]
Ablate = Annotated[
    bool,
    Parameter(
        negative="",
        help="Which steps help? Train on the text without any, with "
        "each alone, and with all.",
    ),
]
Minutes = Annotated[
    float | None,
    Parameter(
        help="With --ablate: minutes for all trainings together, "
        "instead of 200 steps each."
    ),
]
Seeds = Annotated[
    int | None,
    Parameter(
        help="With --ablate: trainings of each, by seed, instead of "
        f"{SEEDS}."
    ),
]
Cluster = Annotated[
    str,
    Parameter(
        help="Let a Ray cluster work: ray://HOST:PORT. Its machines "
        "see the same folders."
    ),
]


@app.command
def curate(
    recipe: Source,
    /,
    *,
    explain: Explain = "",
    ablate: Ablate = False,
    minutes: Minutes = None,
    seeds: Seeds = None,
    cluster: Cluster = "",
    settings: Settings = None,
    force: Force = False,
    keep: Keep = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Collect and clean the text; hold some of it out."""
    check_ablation(ablate, explain, minutes, seeds)
    if cluster:
        from hornbook.corpus.engine import connect

        connect(cluster)
    quiet = json and not explain and not ablate
    record = make_stage(
        "curate", recipe, settings, force, keep, strict, quiet
    )
    if explain:
        tell_fates(record.path, explain, json)
    if ablate:
        from hornbook.laboratory import ablate as try_out

        found = try_out(record.path, minutes or 0.0, seeds or SEEDS)
        if json:
            print_json(found)
            return
        print_result(str(found))


def check_ablation(
    ablate: bool, explain: str, minutes: float | None, seeds: int | None
) -> None:
    """Refuse options that would do nothing, and budgets of nothing.

    Raises:
        HornbookError: says which option, and why.
    """
    if ablate and explain:
        raise HornbookError(
            "--explain tells of one document, --ablate of all; give "
            "one of them"
        )
    for name, given in (("--minutes", minutes), ("--seeds", seeds)):
        if given is not None and not ablate:
            raise HornbookError(f"{name} needs --ablate")
        if given is not None and given <= 0:
            raise HornbookError(
                f"{name} is {given:g}; give more than 0"
            )


def tell_fates(run: Path, name: str, json: bool) -> None:
    """Print the fates of the documents that are called so."""
    from hornbook.corpus import explain as fate

    found = fate.find_fates(run, name)
    if json:
        print_json(found)
        return
    for place, each in enumerate(found):
        if place:
            print_result("")
        for title, told in fate.explain(each):
            print_result(f"{title:<10} {told}")
