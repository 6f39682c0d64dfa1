"""Commands that use a finished model."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from hornbook.base.console import print_result
from hornbook.cli.app import (
    MaxTokens,
    Model,
    Seed,
    Source,
    Temperature,
    TopP,
    app,
    named,
    open_model,
)


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
    temperature: Temperature = 0.6,
    top_p: TopP = 0.9,
    seed: Seed = None,
) -> None:
    """Talk to a model."""
    from hornbook.inference.generate import Sampling
    from hornbook.inference.terminal import converse

    model, tok = open_model(run)
    converse(model, tok, Sampling(max_tokens, temperature, top_p, seed))


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
    from hornbook.evaluation.card import model_card
    from hornbook.inference.export import export as write
    from hornbook.road import run as walk

    if to is None:
        walk(recipe, last="export")
    else:
        source = named(recipe)
        write(source, to, format, model_card(source, format))
