"""The program, and the words that its commands share."""

from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
import msgspec
from cyclopts import Parameter

from hornbook import __version__
from hornbook.base.console import print_result

if TYPE_CHECKING:
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

app = cyclopts.App(
    name="hornbook",
    version=__version__,
    help="Raw text to a language model, and the book of that run.",
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
Strict = Annotated[
    bool,
    Parameter(
        negative="", help="Stop at the first file that cannot be read."
    ),
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
        help="A run, RUN:NAME, or the folder of a model.",
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


def print_json(value: Any) -> None:
    """Print a result for programs."""
    print_result(msgspec.json.encode(value).decode("utf-8"))


def open_model(run: str) -> "tuple[Transformer, Tokenizer]":
    """Open a model and its tokenizer."""
    from hornbook.model.exchange import find_model
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

    folder = find_model(run)
    return Transformer.load(folder), Tokenizer.load(folder)
