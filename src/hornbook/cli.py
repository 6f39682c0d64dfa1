"""The command line: each command is a few lines that call one room."""

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts
import msgspec
from cyclopts import Parameter
from rich.markup import escape

from hornbook import __version__
from hornbook.base.console import console, print_result
from hornbook.base.errors import DataError, HornbookError

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


@app.command
def run(
    recipe: Source,
    /,
    settings: Settings = None,
    first: Annotated[
        str,
        Parameter(name="--from", help="The first stage to look at."),
    ] = "",
    last: Annotated[
        str, Parameter(name="--until", help="The last stage to make.")
    ] = "",
    force: Force = False,
    keep: Keep = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Walk the whole road of a recipe, or go on where it stopped."""
    from hornbook.road import run as walk

    record = walk(
        recipe, settings or (), first, last, force, keep, strict
    )
    if json:
        print_result(msgspec.json.encode(record).decode("utf-8"))
        return
    where = record.path
    for name, what in RESULTS.items():
        if (where / name).exists():
            console.say(f"{what:<10} {where / name}")
    if (where / "finetune" / "chat").exists():
        console.say(f"talk to it: hornbook chat {where}")


RESULTS = {
    "evaluation/report.html": "report",
    "export": "model",
    "book/book.pdf": "book",
}


def stage(name: str, help: str) -> None:
    """Add the command of one stage: what is before it, then itself."""

    def command(
        recipe: Source,
        /,
        settings: Settings = None,
        force: Force = False,
        keep: Keep = False,
        strict: Strict = False,
        json: Json = False,
    ) -> None:
        make_stage(name, recipe, settings, force, keep, strict, json)

    command.__doc__ = help
    app.command(command, name=name)


def make_stage(
    name: str,
    recipe: str,
    settings: list[str] | None,
    force: bool,
    keep: bool,
    strict: bool,
    json: bool,
) -> None:
    """Make what is missing before a stage, then the stage."""
    from hornbook.road import run as walk

    record = walk(
        recipe, settings or (), "", name, force and name, keep, strict
    )
    if json:
        results = {
            made: done.result
            for made, done in record.stages.items()
            if made.partition(".")[0] == name
        }
        print_result(msgspec.json.encode(results).decode("utf-8"))


stage("plan", "Measure this machine and say what a run will take.")
stage("curate", "Collect and clean the text; hold some of it out.")
stage("tokenize", "Learn a vocabulary, and turn the text into tokens.")
stage("pretrain", "Train a new model on the tokens.")
stage("evaluate", "Score the models on text they have never seen.")
stage("book", "Typeset the book of the run.")


@app.command
def finetune(
    recipe: Source,
    /,
    name: Annotated[
        str, Parameter(help="Name of a new fine-tuning of this run.")
    ] = "",
    method: Annotated[
        Literal["sft", "classify"], Parameter(help="What it learns.")
    ] = "sft",
    data: Annotated[
        Path | None,
        Parameter(help="Examples: .jsonl, .json, .csv or .tsv."),
    ] = None,
    base: Annotated[
        str, Parameter(help="'base', or another fine-tuning.")
    ] = "base",
    epochs: Annotated[
        float, Parameter(help="Passes over the examples.")
    ] = 3.0,
    settings: Settings = None,
    force: Force = False,
    keep: Keep = False,
) -> None:
    """Make the recipe's fine-tunings, or, with --name, a new one."""
    given = list(settings or ())
    if data is not None and not data.is_file():
        raise DataError(f"there is no file {data} to learn from")
    if name:
        table = f"finetune.{name}"
        given += [f"{table}.method={method}", f"{table}.base={base}"]
        given += [f"{table}.epochs={epochs}"]
        if data is not None:
            given += [f"{table}.data={data}"]
    elif data is not None:
        raise HornbookError(
            "--data needs --name, the name of the new fine-tuning"
        )
    make_stage("finetune", recipe, given, force, keep, False, False)


@app.command
def export(
    recipe: Source,
    /,
    to: Annotated[
        Path | None, Parameter(help="The folder to write.")
    ] = None,
    format: Annotated[
        Literal["hf", "native"], Parameter(help="Whose layout.")
    ] = "hf",
) -> None:
    """Write a model, RUN or RUN:NAME, so that others can open it."""
    from hornbook.inference.export import export as write
    from hornbook.road import run as walk

    if to is None:
        walk(recipe, last="export")
    else:
        write(named(recipe), to, format)


@app.command
def new(
    name: str,
    /,
    *,
    text: Annotated[
        str, Parameter(help="The folder of your text.")
    ] = "",
    minutes: Annotated[
        float | None, Parameter(help="Minutes for all training.")
    ] = None,
    task: Annotated[
        Literal["chat", "classify", "complete"] | None,
        Parameter(help="What the model is for."),
    ] = None,
    yes: Annotated[
        bool,
        Parameter(negative="", help="Ask nothing; take the defaults."),
    ] = False,
) -> None:
    """Write NAME.toml, a recipe for your text and this machine."""
    from hornbook.planning.interview import interview

    interview(name, text, minutes, task, yes)


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


def named(run: str) -> str:
    """Look for ``NAME`` and ``NAME:PART`` in ``runs`` as well."""
    from hornbook.road import RUNS

    inside = RUNS / run.partition(":")[0]
    elsewhere = not Path(run).exists() and inside.is_dir()
    return str(RUNS / run) if elsewhere else run


def open_model(run: str) -> "tuple[Transformer, Tokenizer]":
    """Open a model and its tokenizer."""
    from hornbook.model.exchange import find_model
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

    folder = find_model(named(run))
    return Transformer.load(folder), Tokenizer.load(folder)


@app.command
def generate(
    run: Model,
    prompt: Annotated[
        str, Parameter(name="PROMPT", help="The text to go on with.")
    ] = "",
    /,
    max_tokens: MaxTokens = 100,
    temperature: Temperature = 0.8,
    top_p: TopP = 0.95,
    seed: Seed = None,
) -> None:
    """Continue a text with a model."""
    from hornbook.inference.generate import stream

    model, tok = open_model(run)
    for piece in stream(
        model, tok, prompt, max_tokens, temperature, top_p, seed
    ):
        sys.stdout.write(piece)
        sys.stdout.flush()
    print_result("")


@app.command
def chat(
    run: Model,
    /,
    max_tokens: MaxTokens = 100,
    temperature: Temperature = 0.4,
    top_p: TopP = 0.9,
    seed: Seed = None,
) -> None:
    """Talk to a model."""
    from hornbook.inference.generate import Sampling
    from hornbook.inference.terminal import converse

    model, tok = open_model(run)
    converse(model, tok, Sampling(max_tokens, temperature, top_p, seed))


@app.command
def demo() -> None:
    """Make a pocket encyclopaedia: the whole road in minutes."""
    from hornbook.press.tex_setup import set_up_tex

    set_up_tex()
    run("demo")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; give its exit status."""
    try:
        app(arguments, result_action="return_value")
    except HornbookError as error:
        return fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return fail("stopped; the same command goes on from there", 130)
    except BrokenPipeError:
        return 141
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return fail(
            "the disk is full; free some space and run again", 1
        )
    return 0


def fail(message: str, status: int) -> int:
    """Print one sentence, and give the exit status."""
    console.rich.print(f"[bold red]hornbook:[/] {escape(message)}")
    return status


def start() -> Any:
    """Begin the program, as the installed command does."""
    sys.exit(main())
