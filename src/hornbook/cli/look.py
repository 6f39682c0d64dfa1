"""Commands that look: into a model, at runs, at this machine."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter

from hornbook.base.console import (
    console,
    has_colour,
    make_table,
    print_result,
    results,
)
from hornbook.base.errors import DataError
from hornbook.base.record import named
from hornbook.base.store import size
from hornbook.cli.app import (
    Json,
    Model,
    Source,
    app,
    open_model,
    print_json,
)

if TYPE_CHECKING:
    from hornbook.evaluation.compare import Pair
    from hornbook.inference.look import Habit
    from hornbook.model.config import ModelConfig

show = cyclopts.App(
    name="show", help="Look inside: a model, its vectors, a mask."
)
app.command(show)

Run = Annotated[
    str, Parameter(name="RUN", help="A run's name or folder.")
]
Layer = Annotated[int, Parameter(help="A layer, counted from 1.")]
Head = Annotated[int, Parameter(help="A head, counted from 1.")]
Picture = Annotated[
    Path | None,
    Parameter(help="Draw it into a file: .svg, .png or .pdf."),
]


@show.command
def model(recipe: Source, /, json: Json = False) -> None:
    """List a model's tensors, what it costs, and how it is built."""
    from hornbook.model.count import cache_bytes, describe, parameters
    from hornbook.model.inventory import rows
    from hornbook.model.sketch import sketch

    # Find the shape, and tell programs all of it
    shape = shape_of(recipe)
    told = describe(shape)
    if json:
        print_json(told)
        return

    # Show every tensor, then the sums
    listed = [
        (
            row.name,
            " x ".join(f"{n:,}" for n in row.shape),
            f"x {row.copies}" if row.copies > 1 else "",
            f"{row.count:,}",
        )
        for row in rows(shape)
    ]
    columns = ("tensor", "shape", "", "numbers")
    results().print(make_table(columns, listed, right=(1, 2, 3)))
    each = cache_bytes(shape) // shape.context
    print_result(
        f"\n{parameters(shape)['total']:,} parameters; "
        f"{told['flops_per_token']:,.0f} FLOPs to learn from a token; "
        f"{each:,} bytes of cache per token\n\n{sketch(shape)}"
    )


def shape_of(source: str) -> "ModelConfig":
    """Find a model's shape: of a run, a model's folder, a recipe."""
    from hornbook.press.run_folder import read_model
    from hornbook.recipe import load_recipe

    folder = Path(named(source))
    if (folder / "model.json").is_file():
        return read_model(folder)
    if (folder / "config.json").is_file() or ":" in source:
        from hornbook.model.transformer import Transformer

        return Transformer.load(folder).config
    return load_recipe(source).shape


@show.command
def neighbours(
    run: Model,
    word: Annotated[str, Parameter(name="WORD")],
    /,
    count: Annotated[
        int, Parameter(help="How many neighbours to list.")
    ] = 10,
    json: Json = False,
) -> None:
    """List what stands near a word; do words of a topic huddle?"""
    from hornbook.evaluation.affinity import look_up

    found = look_up(named(run), word, count)
    if json:
        print_json(found)
        return

    # Show the tokens, then the words of topics
    spelled = " ".join(found.tokens)
    many = len(found.tokens) > 1
    note = f", the mean of {len(found.tokens)} tokens" if many else ""
    print_result(f"{word}: {spelled}{note}\n")
    near = [(f"{n.cosine:.2f}", n.name) for n in found.near]
    results().print(make_table(("cosine", "token"), near))
    words = [(f"{n.cosine:.2f}", n.name, n.topic) for n in found.words]
    if words:
        print_result("")
        columns = ("cosine", "word", "of the topic")
        results().print(make_table(columns, words))
    rate = found.affinity
    print_result(f"\n{rate.summary if rate else found.skipped}")


@show.command
def attention(
    run: Model,
    text: Annotated[str, Parameter(name="TEXT")],
    /,
    layer: Layer = 0,
    head: Head = 0,
    to: Picture = None,
    json: Json = False,
) -> None:
    """Show who looks at whom: all heads in short, or one as a map."""
    from hornbook.inference import shades
    from hornbook.inference.look import attention_maps, list_habits
    from hornbook.tokenizer.alphabet import visible

    # Let the model read, and keep the heads that were asked for
    net, tok = open_model(run)
    ids = tok.encode(text)
    marks = [visible(tok.token_bytes(id_)) for id_ in ids]
    maps = attention_maps(net, ids)
    heads = chosen_heads(list_habits(maps), layer, head)
    first, last = heads[0], heads[-1]
    chosen = maps[first.layer - 1 : last.layer]
    chosen = chosen[:, first.head - 1 : last.head]

    # Draw, tell or print
    if to is not None:
        from hornbook.press.figure import save_attention

        at = (first.layer, first.head)
        save_attention(to, chosen.numpy(), marks, at)
        console.say(f"drawn into {to}")
        return
    map_ = chosen[0, 0] if len(heads) == 1 else None
    if json:
        weights = None if map_ is None else map_.tolist()
        told = {"tokens": marks, "heads": heads, "weights": weights}
        print_json(told)
    elif map_ is not None:
        results().print(shades.head_map(map_, marks))
    else:
        results().print(shades.head_table(heads))


def chosen_heads(
    heads: "list[Habit]", layer: int, head: int
) -> "list[Habit]":
    """Keep one layer, one head or both; 0 keeps all.

    Raises:
        DataError: the model has none of that number.
    """
    kept = [
        each
        for each in heads
        if layer in (0, each.layer) and head in (0, each.head)
    ]
    if not kept:
        last = heads[-1]
        raise DataError(
            f"there is no layer {layer}, head {head}; the model has "
            f"{last.layer} layers of {last.head} heads"
        )
    return kept


@show.command
def mask(
    file: Annotated[Path, Parameter(name="FILE")],
    /,
    tokenizer: Annotated[
        str,
        Parameter(help="A run, or a tokenizer's file; else bytes."),
    ] = "",
    count: Annotated[
        int, Parameter(help="How many dialogues to show; 0: all.")
    ] = 5,
    json: Json = False,
) -> None:
    """Show which tokens of dialogues are learned, as finetune does."""
    from hornbook.tuning.data import read_dialogues
    from hornbook.tuning.mask import describe, open_tokenizer

    tok = open_tokenizer(named(tokenizer) if tokenizer else "")
    dialogues = read_dialogues(file)
    shown = dialogues[: count or None]
    described = [describe(tok, dialogue) for dialogue in shown]
    if json:
        print_json(described)
        return
    colour = has_colour()
    for number, each in enumerate(described, start=1):
        unit = "tokens" if tokenizer else "bytes and marks"
        print_result(
            f"{number}: {each.learned:,} of {each.tokens:,} {unit} are "
            "learned"
        )
        results().print(each.painted() if colour else each.bracketed)
    if len(shown) < len(dialogues):
        print_result(f"and {len(dialogues) - len(shown):,} more")


@app.command
def compare(first: Run, second: Run, /, json: Json = False) -> None:
    """Set two runs side by side: recipes, scores, times."""
    from hornbook.evaluation.compare import compare as set_beside

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
            pair.name.replace("_", " "),
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
    if score is None:
        return "-"
    value, low, high = (score[k] for k in ("value", "low", "high"))
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def verdict(pair: "Pair", runs: tuple[str, str]) -> str:
    """Say whether two scores differ beyond their intervals."""
    if pair.first is None or pair.second is None:
        return "in one alone"
    ahead = dict(zip(("first", "second"), runs, strict=True))
    if pair.differs:
        return f"{ahead[pair.better]} is better"
    return "not told apart"


@app.command
def diagnose(run: Run, /, json: Json = False) -> None:
    """Say what is wrong with a training, and what to do next."""
    from hornbook.training.diagnose import diagnose as examine

    found = examine(Path(named(run)))
    if json:
        print_json(found)
        return
    for each in found.findings:
        mark = "[bold red]yes[/]" if each.holds else "[dim]no[/] "
        results().print(f"{mark} [bold]{each.name}[/]: {each.evidence}")
        if each.holds:
            print_result(f"    {each.advice}:\n    {each.command}")
    if not found.wrong:
        print_result("nothing wrong was found")


@app.command
def doctor(json: Json = False) -> None:
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
