"""Commands of the laboratory: what is better, and which rate."""

from itertools import product
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from hornbook.base.config import read_value
from hornbook.base.console import print_result
from hornbook.base.errors import RecipeError
from hornbook.cli.app import (
    Json,
    Settings,
    Source,
    app,
    print_json,
)

Seeds = Annotated[int, Parameter(help="Trainings of each, by seed.")]
Steps = Annotated[
    int, Parameter(help="The budget of a trial, in updates.")
]
Seconds = Annotated[
    float, Parameter(help="Or in seconds inside the updates.")
]


@app.command
def trials(
    recipe: Source,
    /,
    *,
    vary: Annotated[
        list[str],
        Parameter(
            negative="",
            help="Values of a key: model.attention=sdpa,explicit.",
        ),
    ],
    seeds: Seeds = 3,
    steps: Steps = 0,
    seconds: Seconds = 0.0,
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Try variants of a recipe at equal budget; which is better?"""
    from hornbook.laboratory import trials as try_out
    from hornbook.laboratory import try_tokenizers

    varied, given = variants(vary), settings or ()
    found: Any
    if all(each.strip().startswith("tokenizer.") for each in vary):
        if seconds:
            raise RecipeError(
                "tokenizers are tried at equal FLOPs; give --steps"
            )
        found = try_tokenizers(recipe, varied, seeds, steps, given)
    else:
        found = try_out(recipe, varied, seeds, steps, seconds, given)
    if json:
        print_json(found)
        return
    print_result(str(found))


def variants(vary: list[str]) -> dict[str, dict[str, Any]]:
    """Name the variants: every value of a key with those of others.

    >>> variants(["model.layers=2,4"])
    {'layers=2': {'model.layers': 2}, 'layers=4': {'model.layers': 4}}

    Raises:
        RecipeError: one is not of the form KEY=VALUE,VALUE.
    """
    axes = []
    for each in vary:
        key, equals, values = each.partition("=")
        if not key.strip() or not equals or not values:
            raise RecipeError(
                f"--vary {each!r} is not of the form KEY=VALUE,VALUE"
            )
        axes.append([(key.strip(), v) for v in values.split(",")])
    return {
        " ".join(f"{k.rpartition('.')[2]}={v}" for k, v in cell): {
            k: read_value(v) for k, v in cell
        }
        for cell in product(*axes)
    }


@app.command
def find_rate(
    recipe: Source,
    /,
    *,
    rate: Annotated[
        Literal["lr", "lr_embedding", "lr_head"],
        Parameter(help="Which of the recipe's rates."),
    ] = "lr",
    seeds: Seeds = 3,
    steps: Steps = 0,
    seconds: Seconds = 0.0,
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Find the learning rate by short trials on a recipe's text."""
    from hornbook.laboratory import find_rate as look_for

    found = look_for(
        recipe, rate, seeds, steps, seconds, settings or ()
    )
    if json:
        print_json(found)
        return
    print_result(f"{found.contest}\n\n{found.summary}")
    print_result(f"put it below [pretrain]:\n\n    {found.line}")
