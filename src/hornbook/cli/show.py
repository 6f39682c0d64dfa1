"""Commands that look into a model: its shape, vectors, heads, mask."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from hornbook.cli.app import (
    Json,
    Model,
    Source,
    app,
    find,
    missing,
    named,
    open_model,
    print_json,
)

if TYPE_CHECKING:
    from hornbook.base.dialogue import Dialogue
    from hornbook.inference.look import Habit
    from hornbook.model.config import ModelConfig

show = cyclopts.App(
    name="show",
    help="Look inside: a model, its vectors, a mask.",
    group_commands="Commands",
)
app.command(show)

Layer = Annotated[
    int,
    Parameter(
        help="One layer, counted from 1; else all.", show_default=False
    ),
]
Head = Annotated[
    int,
    Parameter(
        help="One head, counted from 1; else all.", show_default=False
    ),
]
Cutter = Annotated[
    str,
    Parameter(
        help="A run, or a tokenizer's file; else the run's, or bytes."
    ),
]
Picture = Annotated[
    Path | None,
    Parameter(help="Draw it into a file: .svg, .png or .pdf."),
]


@show.command
def model(recipe: Source, /, *, json: Json = False) -> None:
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
    from hornbook.recipe import load_recipe, shipped_recipes

    place = find(source)
    if place is None and source not in shipped_recipes():
        raise missing(source, "run, model or recipe")
    folder = Path(place or source)
    if (folder / "model.json").is_file():
        return read_model(folder)
    known = (folder / "config.json").is_file()
    if known or ":" in source or folder.suffix == ".gguf":
        from hornbook.model.exchange import load_shape

        return load_shape(place or source)
    return load_recipe(source).shape


@show.command
def neighbours(
    run: Model,
    word: Annotated[
        str, Parameter(name="WORD", help="The word to look around.")
    ],
    /,
    *,
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
    text: Annotated[
        str, Parameter(name="TEXT", help="What it reads, quoted.")
    ],
    /,
    *,
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
        print_result(shades.LEGEND)


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
def confusion(
    run: Model,
    /,
    *,
    to: Picture = None,
    json: Json = False,
) -> None:
    """Show what a run's classifier takes for what; RUN:NAME is one."""
    from hornbook.base.record import load_record

    # Find what it was measured on when it had learnt
    folder, _, name = named(run).partition(":")
    stages = load_record(folder).stages
    tables = {
        key.partition(".")[2]: stage.result
        for key, stage in stages.items()
        if "confusion" in stage.result.get("heldout", {})
    }
    name = name or next(iter(tables), "")
    if name not in tables:
        raise DataError(
            f"{run} has no classifier {name or 'yet'} that was "
            "measured on held-out texts; it has: "
            + (", ".join(tables) or "none")
        )
    names = tables[name]["classes"]
    counts = tables[name]["heldout"]["confusion"]

    # Draw, tell or print
    if to is not None:
        from hornbook.press.figure import save_confusion

        save_confusion(to, counts, names)
        console.say(f"drawn into {to}")
    elif json:
        print_json({"classes": names, "confusion": counts})
    else:
        rows = [
            (each, *map(str, row))
            for each, row in zip(names, counts, strict=True)
        ]
        print_result("rows: the true class; columns: what was named")
        heads, right = ("", *names), range(1, len(names) + 1)
        results().print(make_table(heads, rows, tuple(right)))


@show.command
def mask(
    source: Annotated[
        str,
        Parameter(
            name="FILE",
            help="Dialogues, .jsonl or .json; or a run, for its own.",
        ),
    ],
    /,
    *,
    tokenizer: Cutter = "",
    count: Annotated[
        int, Parameter(help="How many dialogues to show; 0: all.")
    ] = 5,
    json: Json = False,
) -> None:
    """Show which tokens of dialogues are learned, as finetune does."""
    from hornbook.tuning.mask import describe, open_tokenizer

    # Find the dialogues, and what cuts them into tokens
    place = find(source)
    if place is None:
        raise missing(source, "file or run")
    folder, dialogues = find_dialogues(place)
    cutter = named(tokenizer) if tokenizer else folder
    tok = open_tokenizer(cutter)
    shown = dialogues[: count or None]
    described = [describe(tok, dialogue) for dialogue in shown]
    if json:
        print_json(described)
        return

    # Show them
    colour = has_colour()
    for number, each in enumerate(described, start=1):
        unit = "tokens" if cutter else "bytes and marks"
        print_result(
            f"{number}: {each.learned:,} of {each.tokens:,} {unit} are "
            "learned"
        )
        results().print(each.painted() if colour else each.bracketed)
    if len(shown) < len(dialogues):
        print_result(f"and {len(dialogues) - len(shown):,} more")


def find_dialogues(place: str) -> "tuple[str, list[Dialogue]]":
    """Read a file's dialogues, or those of a run and its folder.

    Raises:
        DataError: the run learns from no dialogues.
    """
    from hornbook.recipe import load_recipe
    from hornbook.tuning.data import read_dialogues
    from hornbook.tuning.material import dialogues_of

    # Read a file as it is
    if Path(place).is_file():
        return "", read_dialogues(Path(place))

    # Or find the fine-tuning of RUN or RUN:NAME
    folder, name = place, ""
    if not Path(place).exists():
        folder, _, name = place.rpartition(":")
    recipe = load_recipe(folder)
    taught = [
        key
        for key, tuning in recipe.finetune.items()
        if tuning.method == "sft" and name in ("", key)
    ]
    if not taught:
        raise DataError(
            f"{place} learns from no dialogues; its fine-tunings are "
            + (", ".join(recipe.finetune) or "none")
        )
    name = taught[0]
    return folder, dialogues_of(
        Path(folder), recipe.finetune[name], recipe.seed, name
    )
