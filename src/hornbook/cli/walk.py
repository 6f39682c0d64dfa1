"""Commands that walk the road: the whole of it, or up to a stage."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from hornbook.base.console import console, print_result
from hornbook.base.errors import DataError, HornbookError
from hornbook.cli.app import (
    AllowCode,
    Force,
    Json,
    Keep,
    Log,
    Model,
    Settings,
    Source,
    Strict,
    app,
    named,
    permit,
    print_json,
)

if TYPE_CHECKING:
    from hornbook.base.record import RunRecord

Rank = Annotated[
    int | None,
    Parameter(
        help="Learn a change of this rank; the base stays. Details: "
        "--set finetune.NAME.lora.alpha=32."
    ),
]


@app.command
def new(
    name: Annotated[
        str, Parameter(help="What to call it; NAME may be a path.")
    ],
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
    language: Annotated[
        str, Parameter(help="The text's language: en, de, ja ...")
    ] = "",
    yes: Annotated[
        bool,
        Parameter(negative="", help="Ask nothing; take the defaults."),
    ] = False,
) -> None:
    """Write NAME.toml, a recipe for your text and this machine."""
    from hornbook.planning.interview import interview

    interview(name, text, minutes, task, yes, language=language)


@app.command
def demo() -> None:
    """Make a pocket encyclopaedia: the whole road in minutes."""
    from hornbook.press.tex_setup import set_up_tex

    set_up_tex()
    run("demo")


@app.command
def run(
    recipe: Source,
    /,
    *,
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
    allow_code: AllowCode = False,
    log: Log = None,
    json: Json = False,
) -> None:
    """Walk the whole road of a recipe, or go on where it stopped."""
    permit(allow_code)
    from hornbook.road import run as walk

    record = walk(
        recipe,
        settings or (),
        first,
        last,
        force,
        keep,
        strict,
        log or "",
    )
    if json:
        print_json(record)
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
        *,
        settings: Settings = None,
        force: Force = False,
        keep: Keep = False,
        strict: Strict = False,
        json: Json = False,
    ) -> None:
        make_stage(name, recipe, settings, force, keep, strict, json)

    command.__doc__ = help
    app.command(command, name=name)


def training(name: str, help: str) -> None:
    """Add the command of a stage that trains, and can be watched."""

    def command(
        recipe: Source,
        /,
        *,
        settings: Settings = None,
        force: Force = False,
        keep: Keep = False,
        strict: Strict = False,
        log: Log = None,
        json: Json = False,
    ) -> None:
        make_stage(
            name, recipe, settings, force, keep, strict, json, log or ""
        )

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
    log: str = "",
    tunings: Sequence[str] = (),
) -> "RunRecord":
    """Make what is missing before a stage, then the stage."""
    from hornbook.road import run as walk

    record = walk(
        recipe,
        settings or (),
        "",
        name,
        force and name,
        keep,
        strict,
        log,
        tunings,
    )
    if json:
        results = {
            made: done.result
            for made, done in record.stages.items()
            if made.partition(".")[0] == name
        }
        print_json(results)
    return record


stage("plan", "Measure this machine and say what a run will take.")
training("scale", "Try small models; foretell what pretraining gives.")
training("pretrain", "Train a new model on the tokens.")
stage("evaluate", "Score the models on text they have never seen.")


@app.command
def tokenize(
    recipe: Source,
    /,
    *,
    report: Annotated[
        bool,
        Parameter(
            negative="", help="Say how well the vocabulary fits."
        ),
    ] = False,
    against: Annotated[
        list[Path] | None,
        Parameter(
            negative="", help="Other tokenizers, for the same report."
        ),
    ] = None,
    settings: Settings = None,
    force: Force = False,
    keep: Keep = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Learn a vocabulary, and turn the text into tokens."""
    from hornbook.cli.report import show_reports
    from hornbook.tokenizer.report import report_run
    from hornbook.tokenizer.tokenizer import Tokenizer

    others = {
        "/".join(path.parts[-2:]): Tokenizer.load(path)
        for path in against or ()
    }
    told = report or bool(others)
    record = make_stage(
        "tokenize",
        recipe,
        settings,
        force,
        keep,
        strict,
        json and not told,
    )
    if told:
        show_reports(report_run(record.path, others), json)


@app.command
def book(
    recipe: Source,
    /,
    *,
    no_samples: Annotated[
        bool,
        Parameter(
            negative="", help="Print no text of corpus or model."
        ),
    ] = False,
    settings: Settings = None,
    force: Force = False,
    keep: Keep = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Typeset the book of the run."""
    given = list(settings or ())
    if no_samples:
        given.append("book.samples=false")
    make_stage("book", recipe, given, force, keep, strict, json)


BASES = (
    "'base', 'best', another fine-tuning; or a model from elsewhere: a "
    "folder, a *.gguf, RUN, RUN:NAME."
)


@app.command
def finetune(
    recipe: Source,
    /,
    *,
    name: Annotated[
        str, Parameter(help="Name of a new fine-tuning of this run.")
    ] = "",
    method: Annotated[
        Literal["sft", "classify", "dpo", "grpo"],
        Parameter(help="What is taught, and how."),
    ] = "sft",
    data: Annotated[
        Path | None,
        Parameter(help="Examples or problems: .jsonl, .csv ..."),
    ] = None,
    base: Annotated[str, Parameter(help=BASES)] = "base",
    epochs: Annotated[
        float, Parameter(help="Passes over the examples.")
    ] = 3.0,
    allow_code: AllowCode = False,
    lora: Rank = None,
    settings: Settings = None,
    force: Force = False,
    keep: Keep = False,
    log: Log = None,
) -> None:
    """Make the recipe's fine-tunings, or, with --name, a new one.

    With a base from elsewhere nothing is pretrained, and the rates are
    gentle ones: AdamW's, 0.0001, or with --lora 0.001, unless --set
    says else.
    """
    permit(allow_code)
    need_name(name, data, lora)
    given, chosen = list(settings or ()), [name] if name else []
    if name:
        asked = {"method": method, "base": base, "epochs": epochs}
        asked |= {"data": data} if data is not None else {}
        given = new_tuning(name, asked, given, lora)
    done = (force, keep, False, False, log or "", chosen)
    make_stage("finetune", recipe, given, *done)


def need_name(name: str, data: Path | None, rank: int | None) -> None:
    """Refuse a file that is not there, and what has no name.

    Raises:
        DataError: there is no such file.
        HornbookError: the fine-tuning that is asked for needs a name.
    """
    if data is not None and not data.is_file():
        raise DataError(f"there is no file {data} to learn from")
    option = "--lora" if data is None else "--data"
    if (data is not None or rank is not None) and not name:
        raise HornbookError(
            f"{option} needs --name, the name of the new fine-tuning"
        )


def new_tuning(
    name: str,
    asked: dict[str, object],
    given: list[str],
    rank: int | None = None,
) -> list[str]:
    """Write a new fine-tuning as settings of the recipe."""
    from hornbook.recipe import is_elsewhere
    from hornbook.tuning.config import GENTLE, OWN, USUAL

    def written(table: Mapping[str, object]) -> list[str]:
        return [f"finetune.{name}.{k}={v}" for k, v in table.items()]

    base = str(asked["base"])
    wide = base not in OWN and is_elsewhere(base)
    rates = GENTLE if wide else USUAL[str(asked["method"])]
    if rank is not None:
        rates = {"lora.rank": rank}
    return [*written(rates), *given, *written(asked)]


@app.command
def forecast(run: Model, /, *, json: Json = False) -> None:
    """Print what was foretold for a run, and what came."""
    from hornbook.scaling.forecast import describe_forecast, entries

    foretold, scored = entries(Path(named(run)))
    if json:
        both = {"forecast": foretold, "score": scored}
        print_json(both)
        return
    for name, what in describe_forecast(foretold, scored):
        print_result(f"{name:<10} {what}")
