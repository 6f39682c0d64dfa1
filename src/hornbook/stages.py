"""What each stage does: a few lines that call one room."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomli_w

from hornbook.base.console import console
from hornbook.base.machine import cache_folder, describe
from hornbook.base.record import RunRecord
from hornbook.base.store import read_json, write_json
from hornbook.base.world import world
from hornbook.lineage import speed_digest
from hornbook.planning.budget import Budget
from hornbook.planning.measure import measure
from hornbook.planning.plan import (
    FILE as PLAN,
)
from hornbook.planning.plan import (
    PRETRAIN,
    Plan,
    cost,
    describe_plan,
    load_plan,
    make_plan,
    save_plan,
)
from hornbook.planning.probe import Probe
from hornbook.planning.use_case import survey
from hornbook.recipe import Recipe
from hornbook.training.config import TrainingConfig

HEAD = "# Every setting of this run, as it was resolved.\n\n"


Asked = TypeVar("Asked", bound=TrainingConfig)


class Context(msgspec.Struct, frozen=True):
    """What a stage is told."""

    recipe: Recipe
    folder: Path
    name: str
    record: RunRecord
    source: str
    """The digest of the source that does the work."""
    anew: bool
    """Whether checkpoints of an earlier attempt are thrown away."""
    strict: bool

    @property
    def plan(self) -> Plan:
        """The plan, with threads and steps resolved."""
        return load_plan(self.folder)

    def resolved(self, asked: Asked, name: str = PRETRAIN) -> Asked:
        """Give a training's settings the rows that the plan found."""
        rows = self.plan.trainings[name].rows
        return msgspec.structs.replace(asked, rows=rows)


def plan(context: Context) -> dict[str, Any]:
    """Measure this machine and resolve what the recipe leaves open."""
    from hornbook.model.count import describe as describe_model
    from hornbook.model.own_code import keep_code

    # Measure: matrix products, then steps of this very model
    recipe = context.recipe
    shape = recipe.shape
    asked = speed_digest(recipe)
    measured = earlier_probe(context, asked)
    if measured is None:
        console.say("  measuring this machine with a few steps")
        measured = measure(shape, recipe.pretrain, recipe.plan)

    # Resolve, show and keep
    tunings = {
        name: tuning
        for name, tuning in recipe.finetune.items()
        if not recipe.is_foreign(name)
    }
    made = make_plan(
        shape,
        {"pretrain": recipe.pretrain, **tunings},
        describe(),
        measured,
        recipe.plan,
        text_bytes(context),
    )
    made = with_own_forecast(made, context.folder)
    save_plan(made, context.folder)
    write_json(context.folder / "model.json", describe_model(shape))
    keep_code(shape.code, context.folder)
    console.table(("", ""), describe_plan(made))
    for warning in made.warnings:
        console.warn(warning)
    return {
        "tokens_per_second": measured.tokens_per_second,
        "measured_for": asked,
    }


def text_bytes(context: Context) -> int:
    """Count or estimate the training text; 0 where it is unknown."""
    card = context.folder / "corpus" / "card.json"
    if card.exists():
        return int(read_json(card)["bytes"]["train"])
    sources = context.recipe.corpus.source
    if any(source.kind != "folder" for source in sources):
        return 0
    return sum(survey(source.path).text_bytes for source in sources)


def with_own_forecast(made: Plan, folder: Path) -> Plan:
    """Put a run's own forecast, once it has one, before the prior."""
    from hornbook.scaling.forecast import last_entries

    own, _ = last_entries(folder)
    if own is None or own.tokens != made.pretrain.tokens:
        return made
    return msgspec.structs.replace(made, forecast=own)


def earlier_probe(context: Context, asked: str) -> Probe | None:
    """Find what an earlier plan measured for the same model.

    A new fine-tuning makes a new plan; measured anew, the minutes of
    the pretraining would give other steps, and it would be repeated.
    """
    done = context.record.stages.get("plan")
    if context.anew or done is None:
        return None
    same = done.result.get("measured_for") == asked
    if not same or not (context.folder / PLAN).exists():
        return None
    return load_plan(context.folder).probe


def curate(context: Context) -> dict[str, Any]:
    """Collect and clean the text, and hold some of it out."""
    from hornbook.corpus.pipeline import curate
    from hornbook.evaluation.items import searched_items

    recipe = context.recipe
    card = curate(
        recipe.corpus,
        context.folder,
        recipe.seed,
        cache_folder(),
        context.strict,
        context.source,
        searched_items(recipe.searched_tasks, cache_folder()),
    )
    counts = card["documents"]
    console.say(
        f"  {counts['in']:,} documents in, {counts['kept']:,} kept"
    )
    return {"documents": counts}


def tokenize(context: Context) -> dict[str, Any]:
    """Learn a vocabulary from the training text, and encode all."""
    from hornbook.corpus.pipeline import each_reading
    from hornbook.tokenizer.shards import write_shard
    from hornbook.tokenizer.tokenizer import Tokenizer
    from hornbook.tokenizer.train import train

    # Learn the vocabulary
    folder, config = context.folder, context.recipe.tokenizer
    texts = {
        part: [
            document.full_text
            for document in each_reading(
                folder / "corpus" / f"{part}.parquet"
            )
        ]
        for part in ("train", "heldout")
    }
    tok = Tokenizer(train(texts["train"], config))
    tok.save(folder / "tokenizer")

    # Encode both sides of the split
    result: dict[str, Any] = {"vocab_size": tok.vocab_size}
    for part, documents in texts.items():
        info = write_shard(
            folder / "tokens" / f"{part}.bin", documents, tok
        )
        result[f"{part}_tokens"] = info.tokens
        result[f"{part}_bytes"] = info.bytes
    each = result["train_bytes"] / result["train_tokens"]
    console.say(
        f"  {result['train_tokens']:,} tokens, {each:.2f} bytes each"
    )
    return result


def scale(context: Context) -> dict[str, Any]:
    """Foretell the pretraining from small trainings on its text."""
    from hornbook.scaling.forecast import describe_forecast
    from hornbook.scaling.sweep import Target, scale
    from hornbook.training.precision import use_threads

    recipe, made = context.recipe, context.plan
    use_threads(made.threads)
    forecast = scale(
        Target(
            shape=recipe.shape,
            training=context.resolved(context.recipe.pretrain),
            steps=made.pretrain.steps,
            seed=recipe.seed,
        ),
        recipe.scaling,
        context.folder,
        made.probe.tokens_per_second * made.flops_per_token,
        context.source,
    )
    console.table(("", ""), describe_forecast(forecast))
    return {"forecast": msgspec.to_builtins(forecast)}


def pretrain(context: Context) -> dict[str, Any]:
    """Train a new model on the tokens."""
    from hornbook.scaling.forecast import score, verdict
    from hornbook.training.precision import keep_limit, use_threads
    from hornbook.training.pretrain import pretrain

    made = context.plan
    use_threads(made.threads)
    keep_limit(made.probe.fp32_flops, made.probe.bf16_flops)
    result = pretrain(
        context.recipe.shape,
        context.resolved(context.recipe.pretrain),
        made.pretrain.steps,
        context.folder,
        context.recipe.seed,
        made.pretrain.seconds,
        context.source,
        context.anew,
    )
    if world().rank:
        return result
    console.say(
        f"  {result['heldout_bpb']:.3f} bits per byte on text that it "
        "has never seen"
    )
    scored = score(context.folder, result)
    if scored:
        console.say(f"  the forecast: {verdict(scored)}")
    return result


def finetune(context: Context) -> dict[str, Any]:
    """Teach the model classes or answers."""
    from hornbook.training.precision import use_threads
    from hornbook.tuning.lesson import Lesson
    from hornbook.tuning.tune import tune

    name, recipe = context.name.partition(".")[2], context.recipe
    foreign = recipe.is_foreign(name)
    planned = plan_foreign if foreign else plan_own
    threads, cost, speed = planned(context, name)
    use_threads(threads)
    config = recipe.finetune[name]
    return tune(
        Lesson(
            run=context.folder,
            name=name,
            config=msgspec.structs.replace(config, rows=cost.rows),
            steps=cost.steps,
            seed=recipe.seed,
            speed=speed,
            source=context.source,
            anew=context.anew,
            elsewhere=recipe.is_elsewhere(name),
        )
    )


def plan_own(context: Context, name: str) -> tuple[int, Budget, float]:
    """Find threads, cost and speed in the run's plan.

    A plan that is kept may be older than the fine-tuning, which then
    is planned by what was measured for it.
    """
    made, recipe = context.plan, context.recipe
    planned = made.trainings.get(name)
    if planned is None:
        planned = cost(
            name,
            recipe.shape,
            recipe.finetune[name],
            made.probe,
            0,
            recipe.plan.price_per_hour,
        )
    return made.threads, planned, made.probe.tokens_per_second


def plan_foreign(
    context: Context, name: str
) -> tuple[int, Budget, float]:
    """Plan the tuning of a model that was not made in this run."""
    from hornbook.planning.foreign import plan_tuning

    recipe, config = context.recipe, context.recipe.finetune[name]
    place = config.base
    if place in recipe.finetune:
        place = f"{context.folder}:{place}"
    plan = plan_tuning(
        context.folder / "finetune" / f"{name}.plan.json",
        name,
        place,
        config,
        recipe.plan,
        context.anew,
    )
    return plan.threads, plan.cost, plan.tokens_per_second


def evaluate(context: Context) -> dict[str, Any]:
    """Score the models on what was held out."""
    from hornbook.evaluation.report import evaluate
    from hornbook.training.precision import use_threads

    planned = context.recipe.pretrains
    use_threads((context if planned else context.recipe).plan.threads)
    report = evaluate(
        context.folder, context.recipe.evaluation, context.recipe.seed
    )
    earlier = context.record.stages.get("evaluate")
    before = earlier.result.get("tasks", {}) if earlier else {}
    gone = [name for name in before if name not in report["tasks"]]
    if gone:
        console.warn(
            f"the report no longer holds {', '.join(gone)}; name them "
            "in evaluation.tasks as well to have them again"
        )
    return {"tasks": report["tasks"]}


def export(context: Context) -> dict[str, Any]:
    """Write the model so that others can open it."""
    from hornbook.evaluation.card import model_card
    from hornbook.inference.export import export

    config = context.recipe.export
    source, model = str(context.folder), context.recipe.exported
    source = f"{source}:{model}" if model else source
    card = model_card(source, config.format)
    return dict(
        export(source, context.folder / "export", config.format, card)
    )


def book(context: Context) -> dict[str, Any]:
    """Typeset the book of this run."""
    from hornbook.press.weave import make_book

    path = make_book(context.folder, context.recipe.book)
    return {"file": path.name}


def recipe_toml(recipe: Recipe) -> str:
    """Write a recipe with every setting, as a run keeps it."""
    tables = said(msgspec.to_builtins(recipe))
    return HEAD + tomli_w.dumps(tables)


def said(table: Any) -> Any:
    """Leave out of a recipe's tables those that it does not have.

    >>> said({"language": {"keep": []}, "quality": None})
    {'language': {'keep': []}}
    """
    if not isinstance(table, dict):
        return table
    return {
        name: said(value)
        for name, value in table.items()
        if value is not None
    }


def planned_steps(folder: Path, stage: str) -> str:
    """Digest what the plan resolved for one training."""
    if not (folder / PLAN).exists():
        return ""
    name = stage.partition(".")[2] or PRETRAIN
    cost = load_plan(folder).trainings.get(name)
    if cost is None:
        return ""
    pieces = f" by {cost.rows}" if cost.rows < cost.batch else ""
    return f" {cost.steps} x {cost.batch}{pieces}"
