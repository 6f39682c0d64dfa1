"""Commands that use a finished model."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from hornbook.base.console import print_result
from hornbook.base.errors import RecipeError
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
        str,
        Parameter(name="PROMPT", help="What to go on with, quoted."),
    ] = "",
    /,
    *more: Annotated[str, Parameter(show=False)],
    max_tokens: MaxTokens = 100,
    temperature: Temperature = 0.8,
    top_p: TopP = 0.95,
    seed: Seed = None,
) -> None:
    """Continue a text with a model."""
    from hornbook.inference.generate import stream

    if more:
        whole = " ".join((prompt, *more))
        raise RecipeError(
            f"the prompt came in {1 + len(more)} pieces; put it in "
            f'quotes: hornbook generate {run} "{whole}"'
        )
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
    *,
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
def serve(
    run: Model,
    /,
    *,
    host: Annotated[
        str, Parameter(help="Where to listen; 0.0.0.0 is everywhere.")
    ] = "127.0.0.1",
    port: Annotated[
        int, Parameter(help="The port; 0 takes any that is free.")
    ] = 8000,
    key: Annotated[
        str,
        Parameter(
            env_var="HORNBOOK_KEY",
            help="A key that clients must send.",
            show_default=False,
        ),
    ] = "",
    batch: Annotated[
        int, Parameter(help="Answers that are written together.")
    ] = 32,
    queue: Annotated[
        int, Parameter(help="Requests that may wait; then 429.")
    ] = 256,
    seconds: Annotated[
        float, Parameter(help="How long a request may take.")
    ] = 120.0,
    body_bytes: Annotated[
        int, Parameter(help="The largest request, in bytes.")
    ] = 1_000_000,
) -> None:
    """Serve a model: OpenAI's protocol, and a page to talk on."""
    from hornbook.inference.server import listen
    from hornbook.inference.server import serve as open_shop
    from hornbook.inference.serving import Limits, check

    limits = check(Limits(batch, queue, seconds, body_bytes))
    with listen(host, port) as door:
        model, tok = open_model(run)
        open_shop(model, tok, Path(run).name, door, key, limits)


@app.command
def export(
    recipe: Source,
    /,
    *,
    to: Annotated[
        Path | None,
        Parameter(help="The folder to write, or a file *.gguf."),
    ] = None,
    format: Annotated[
        Literal["hf", "native", "gguf"] | None,
        Parameter(
            help="Hugging Face's layout (hf), ours, or llama.cpp's."
        ),
    ] = None,
) -> None:
    """Write a model, RUN or RUN:NAME, so that others can open it."""
    from hornbook.base.network import quiet_telemetry
    from hornbook.evaluation.card import model_card
    from hornbook.inference.export import export as write
    from hornbook.road import run as walk

    quiet_telemetry()
    if to is None:
        given = [f"export.format={format}"] if format else []
        walk(recipe, given, last="export")
        return
    source, file = named(recipe), to.suffix == ".gguf"
    chosen = format or ("gguf" if file else "hf")
    if file and chosen != "gguf":
        raise RecipeError(
            f"{to} is named as a GGUF file, and --format {chosen} "
            "writes a folder; change one of them"
        )
    write(source, to, chosen, model_card(source, chosen))
