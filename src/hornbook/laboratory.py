"""The laboratory: recipes tried against each other, at equal budget."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from hornbook.base.console import console
from hornbook.base.errors import RecipeError
from hornbook.base.machine import cache_folder
from hornbook.base.record import load_record
from hornbook.base.store import write_json
from hornbook.lineage import source_digest
from hornbook.planning.plan import load_plan
from hornbook.recipe import Recipe, load_recipe
from hornbook.road import lock, run

if TYPE_CHECKING:
    from hornbook.training.ablation import Ablation, Shared
    from hornbook.training.contest import Contest
    from hornbook.training.cuts import Cuts
    from hornbook.training.finder import Found
    from hornbook.training.trials import Text, Trial

LOG = "trials/trials.jsonl"
"""Every trial of a run, whoever asked for it: none is made twice."""
CUTS = "trials/tokenizers.json"
"""What was last found out about ways to cut a run's text."""
SECTIONS = ("model", "pretrain")
"""What a variant may change: all of them learn from one text."""
BUDGET = ("pretrain.steps", "pretrain.minutes")
"""What no variant may change: all of them have one budget."""
ABLATION, FOUND, PICTURE = "ablation", "ablation.json", "ablation.svg"
STEPS = 200
SECONDS = 10.0

Changes = Mapping[str, Any]


def trials(
    source: str | Path,
    variants: Mapping[str, Changes],
    seeds: int = 3,
    steps: int = 0,
    seconds: float = 0.0,
    settings: Sequence[str] = (),
) -> "Contest":
    """Train variants of a recipe at equal budget, and compare them.

    ``variants`` names them and gives the keys that each changes; the
    first is what the others are held to. All have the same seeds, and
    a budget of ``steps`` (200 if nothing is said) or of ``seconds``
    inside the updates. What was tried is kept in the run's folder,
    and not tried again. ``print`` shows the result as a table.

    Units: bits per byte of the first held-out text.

    Raises:
        RecipeError: a variant changes what all must share.
    """
    from hornbook.training.contest import judge
    from hornbook.training.trials import run_trials

    # Make a trial of every variant, and check them all first
    check_count("variants", len(variants))
    check_count("seeds", seeds)
    steps = STEPS if not steps and not seconds else steps
    cells = [
        make_trial(source, name, changes, settings, steps, seconds)
        for name, changes in variants.items()
    ]

    # Try all of them with one seed, then with the next
    with bench(source) as (folder, text):
        listed = [
            replace(cell, seed=cell.seed + turn)
            for turn in range(seeds)
            for cell in cells
        ]
        results = run_trials(listed, text, folder / LOG, digest())
    return judge(results)


def try_tokenizers(
    source: str | Path,
    variants: Mapping[str, Changes],
    seeds: int = 3,
    steps: int = 0,
    settings: Sequence[str] = (),
) -> "Cuts":
    """Cut a recipe's text in several ways, and train on each.

    ``variants`` changes keys of ``tokenizer``. The first has ``steps``
    (200 if nothing is said); the others have as many FLOPs. What was
    found is kept in the run's ``trials/tokenizers.json``.

    Units: bits per byte of the first held-out text, with 8 bits for
    each byte of what a vocabulary does not know.

    Raises:
        RecipeError: a variant changes more than the tokenizer.
    """
    from hornbook.training.cuts import cut_texts, try_cuts

    # See what each variant asks for
    check_count("variants", len(variants))
    check_count("seeds", seeds)
    steps = steps or STEPS
    configs = {
        name: cutting(source, name, changes, settings).tokenizer
        for name, changes in variants.items()
    }
    cells = [
        make_trial(source, name, {}, settings, steps, 0.0)
        for name in variants
    ]

    # Cut the text in each way, and train
    with bench(source) as (folder, _):
        texts, log = whole_texts(folder, source), folder / LOG
        with cut_texts(configs, texts, folder) as cuts:
            found = try_cuts(cells, cuts, seeds, log, digest())
        write_json(folder / CUTS, msgspec.to_builtins(found))
    return found


def cutting(
    source: str | Path,
    name: str,
    changes: Changes,
    settings: Sequence[str],
) -> Recipe:
    """Read a recipe with another tokenizer.

    Raises:
        RecipeError: something else is changed too.
    """
    for key in changes:
        if key.partition(".")[0] != "tokenizer":
            raise RecipeError(
                f"the variant {name!r} changes {key}; where text is "
                "cut in several ways, all models are alike"
            )
    given = [f"{k}={toml(value)}" for k, value in changes.items()]
    own = "model.vocab_size=0"
    return load_recipe(source, (*settings, own, *given))


def whole_texts(
    folder: Path, source: str | Path
) -> dict[str, list[str]]:
    """Give a run's training text, and the first of what is held out."""
    from hornbook.corpus.pipeline import each_reading

    limit = load_recipe(source).scaling.heldout_bytes
    train, heldout = (
        [d.full_text for d in each_reading(folder / "corpus" / name)]
        for name in ("train.parquet", "heldout.parquet")
    )
    sizes = accumulate(len(text.encode()) for text in heldout)
    fits = sum(size <= limit for size in sizes)
    count = max(1, fits) if limit else len(heldout)
    return {"train": train, "heldout": heldout[:count]}


def ablate(
    source: str | Path,
    minutes: float = 0.0,
    seeds: int = 3,
    settings: Sequence[str] = (),
) -> "Ablation":
    """Curate a recipe's text without steps, with each alone, with all.

    A model learns from each for equally many tokens: as many as all
    trainings together read in ``minutes``, or 200 steps each if nothing
    is said. All are measured on what the recipe's own text holds out,
    which no variant has seen. The run's ``ablation/`` keeps it all.

    Units: bits per byte of the first held-out text.

    Raises:
        RecipeError: there is no step to leave out, or too little time.
    """
    from hornbook.corpus.ablation import ALL, ablations
    from hornbook.press.worth import save_worth
    from hornbook.training import ablation

    # See what there is to compare
    check_count("seeds", seeds)
    configs = ablations(load_recipe(source, settings).corpus)

    # Curate in each way, and train
    with bench(source, settings) as (folder, text):
        cell = afford(folder, minutes, len(configs), seeds)
        shared, place = share(folder), folder / ABLATION
        shards = {
            name: ablation.make_variant(config, place / name, shared)
            for name, config in configs.items()
            if name != ALL
        }
        shards[ALL] = text.train
        found = ablation.try_variants(
            cell, shards, text, seeds, folder / LOG, digest()
        )
        write_json(place / FOUND, msgspec.to_builtins(found))
        save_worth(place / PICTURE, found)
    return found


def afford(
    folder: Path, minutes: float, variants: int, seeds: int
) -> "Trial":
    """Make the trial that all variants share, and say the cost of all.

    Raises:
        RecipeError: so few minutes tell nothing.
    """
    from hornbook.training.ablation import cost, with_steps

    speed = load_plan(folder).probe.tokens_per_second
    cell = make_trial(folder, "", {}, (), STEPS, 0.0)
    if minutes:
        cell = with_steps(cell, minutes, variants * seeds, speed)
    again = load_record(folder).stages["curate"].seconds
    console.say(cost(cell, variants, seeds, speed, again))
    return cell


def share(folder: Path) -> "Shared":
    """Gather what all variants of a run's text have in common."""
    from hornbook.corpus.pipeline import read_documents
    from hornbook.evaluation.items import searched_items
    from hornbook.tokenizer.tokenizer import Tokenizer
    from hornbook.training.ablation import Shared

    recipe, cache = load_recipe(folder), cache_folder()
    made = load_record(folder).stages["curate"]
    held = read_documents(folder / "corpus/heldout.parquet")
    return Shared(
        recipe.seed,
        cache,
        tuple(searched_items(recipe.searched_tasks, cache)),
        tuple(held),
        Tokenizer.load(folder / "tokenizer"),
        made.parts["source"],
        made.digest,
    )


def find_rate(
    source: str | Path,
    key: str = "lr",
    seeds: int = 3,
    steps: int = 0,
    seconds: float = 0.0,
    settings: Sequence[str] = (),
) -> "Found":
    """Find a recipe's learning rate by short trials on its own text.

    ``key`` is ``lr``, ``lr_embedding`` or ``lr_head``. The budget of a
    trial is ``seconds`` inside the updates (10 if nothing is said), or
    ``steps``. Table and picture are kept in the run's ``rates/``.

    Raises:
        RecipeError: there is no such rate.
        ModelError: every rate failed.
    """
    from hornbook.press.rates import save_rates
    from hornbook.training import finder

    # Check what was asked for
    if key not in finder.RATES:
        raise RecipeError(
            f"there is no rate {key!r}; the rates are "
            + ", ".join(finder.RATES)
        )
    seconds = SECONDS if not steps and not seconds else seconds
    base = make_trial(source, key, {}, settings, steps, seconds)
    if key != "lr" and base.training.optimizer == "adamw":
        raise RecipeError(
            f"{key} is a rate beside Muon; AdamW has one rate, lr"
        )
    check_count("seeds", seeds)

    # Try, and keep what was found
    with bench(source) as (folder, text):
        log = folder / LOG
        found = finder.find_rate(base, key, seeds, text, log, digest())
        kept = msgspec.to_builtins(found)
        write_json(folder / "rates" / f"{key}.json", kept)
        save_rates(folder / "rates" / f"{key}.svg", found)
    return found


def make_trial(
    source: str | Path,
    name: str,
    changes: Changes,
    settings: Sequence[str],
    steps: int,
    seconds: float,
) -> "Trial":
    """Turn a variant of a recipe into a trial.

    Raises:
        RecipeError: it changes what all variants share, or its budget
            is none.
    """
    from hornbook.training.trials import Trial

    # Refuse what would not be the same text and budget
    given = [f"{k}={toml(value)}" for k, value in changes.items()]
    for setting in (*settings, *given):
        check_key(setting.partition("=")[0].strip(), name, source)
    if bool(steps) == bool(seconds) or steps < 0 or seconds < 0:
        raise RecipeError(
            "a trial needs a budget: steps or seconds, above 0, and "
            "not both"
        )

    # Take the recipe with these changes
    recipe = load_recipe(source, (*settings, *given))
    on = recipe.pretrain.compile == "on"
    training = replace(
        recipe.pretrain,
        steps=steps,
        minutes=0.0,
        compile="on" if on else "off",
    )
    return Trial(
        name=name,
        shape=recipe.shape,
        training=training,
        seed=recipe.seed,
        seconds=seconds,
    )


def check_key(key: str, name: str, source: str | Path) -> None:
    """Refuse a key that would change more than the model's learning.

    Raises:
        RecipeError: says why the key cannot be changed here.
    """
    if key.partition(".")[0] not in SECTIONS:
        raise RecipeError(
            f"the variant {name!r} changes {key}; trials share one "
            "text, and differ in model and pretrain alone"
        )
    if key in BUDGET:
        raise RecipeError(
            f"the variant {name!r} changes {key}; trials have one "
            "budget: give it as steps or seconds"
        )
    if key == "model.form" and Path(source).is_dir():
        raise RecipeError(
            "a run's own recipe names every choice of its form, so "
            "that another form would change nothing but its name; "
            "give the recipe's file instead of the run's folder"
        )


def check_count(what: str, count: int) -> None:
    """Refuse trials of nothing.

    Raises:
        RecipeError: there is no variant, or no seed.
    """
    if count < 1:
        raise RecipeError(f"there are {count} {what}; name 1 or more")


@contextmanager
def bench(
    source: str | Path, settings: Sequence[str] = ()
) -> "Iterator[tuple[Path, Text]]":
    """Give a run's folder and its text, with no one else at work."""
    from hornbook.training.precision import use_threads
    from hornbook.training.trials import open_text

    run(source, settings, last="plan")
    record = run(source, settings, last="tokenize")
    limit = load_recipe(source, settings).scaling.heldout_bytes
    with lock(record.path):
        use_threads(load_plan(record.path).threads)
        yield record.path, open_text(record.path, limit)


def digest() -> str:
    """Digest the code that trains, as stages do."""
    return source_digest(("hornbook.training.trials",))


def toml(value: Any) -> str:
    """Write a value as a recipe would."""
    return msgspec.json.encode(value).decode("utf-8")
