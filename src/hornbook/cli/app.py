"""The program, and the words that its commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts
import msgspec
from cyclopts import Parameter

from hornbook import __version__
from hornbook.base import record
from hornbook.base.console import print_result
from hornbook.base.errors import DataError

if TYPE_CHECKING:
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

app = cyclopts.App(
    name="hornbook",
    version=__version__,
    help="Raw text to a language model, and the book of that run.\n\n"
    "Start here: hornbook demo",
    group_commands=cyclopts.Group("Other", sort_key=99),
    suppress_keyboard_interrupt=False,
)

Source = Annotated[
    str,
    Parameter(
        name="RECIPE",
        help="A recipe's path or shipped name, or a run's folder.",
    ),
]
Settings = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        negative="",
        help="Change a key of the recipe: pretrain.minutes=5.",
    ),
]
Force = Annotated[
    bool,
    Parameter(negative="", help="Make it anew, even if unchanged."),
]
Keep = Annotated[
    bool, Parameter(negative="", help="Accept stages that are stale.")
]
AllowCode = Annotated[
    bool,
    Parameter(
        negative="",
        help="Let code that the model writes run, shut away.",
    ),
]
Strict = Annotated[
    bool,
    Parameter(
        negative="", help="Stop at the first file that cannot be read."
    ),
]
Log = Annotated[
    Literal["tensorboard", "wandb", "trackio"] | None,
    Parameter(help="Draw the trainings there too, while they run."),
]
Json = Annotated[
    bool,
    Parameter(
        name="--json", negative="", help="Print the result as JSON."
    ),
]
Model = Annotated[
    str,
    Parameter(
        name="RUN",
        help="A run, RUN:NAME, the folder of a model, or a *.gguf.",
    ),
]
MaxTokens = Annotated[
    int, Parameter(help="The longest answer, in tokens.")
]
Temperature = Annotated[
    float, Parameter(help="0 is the likeliest; 1 draws freely.")
]
TopP = Annotated[
    float,
    Parameter(help="Draw from the likeliest that hold this share."),
]
Seed = Annotated[int | None, Parameter(help="The seed of the draw.")]


@app.command(name="help")
def tell(*command: str) -> None:
    """Say what a command does: hornbook help chat."""
    app([*command, "--help"], result_action="return_value")


def print_json(value: Any) -> None:
    """Print a result for programs."""
    print_result(msgspec.json.encode(value).decode("utf-8"))


def named(run: str) -> str:
    """Look for ``NAME`` and ``NAME:PART`` in ``runs`` as well.

    Raises:
        DataError: says where it looked, and which runs are there.
    """
    place = find(run)
    if place is None:
        raise missing(run)
    return place


def find(run: str) -> str | None:
    """Find a run or a model here, in ``runs``, or in a wheel."""
    from hornbook.model.wheel import is_wheel

    if is_wheel(run):
        return run
    place = record.named(run)
    whole = place.rpartition(":")[0]
    there = Path(place).exists() or whole and Path(whole).exists()
    return place if there else None


def missing(run: str, kinds: str = "run or model") -> DataError:
    """Say where a run was looked for, and which runs are there."""
    from hornbook.clean import all_runs

    name = run.rpartition(":")[0] or run
    there = ", ".join(path.name for path in all_runs())
    return DataError(
        f"there is no {kinds} {run!r}, neither at {Path(name)} nor at "
        f"{(record.RUNS / name).absolute()}; "
        + (f"the runs are {there}" if there else "there is no run here")
    )


def open_model(run: str) -> "tuple[Transformer, Tokenizer]":
    """Open a model and its tokenizer."""
    from hornbook.model.adapter import find_tokenizer
    from hornbook.model.find import find_model
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

    folder = find_model(named(run))
    model = Transformer.load(folder)
    return model, Tokenizer.load(find_tokenizer(folder))


def permit(code: bool) -> None:
    """Let code that a model wrote run, if the user says so."""
    from hornbook.tuning.sandbox import allow_code

    if code:
        allow_code()
