"""The route: which stages a recipe has, and what each depends on."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hornbook import stages
from hornbook.base.errors import RecipeError
from hornbook.evaluation.task import own_files
from hornbook.lineage import data_digest, text_digest
from hornbook.model.find import CONFIG, find_model, model_digest
from hornbook.model.wheel import is_wheel
from hornbook.recipe import Recipe
from hornbook.stages import Context, planned_steps
from hornbook.tuning.config import OWN

TOLD = (
    "plan.json",
    "corpus/card.json",
    "ablation/ablation.json",
    "scaling/fit.json",
    "scaling/ledger.jsonl",
    "evaluation/report.json",
)
"""What the book tells of, beside the models."""

UNPLANNED = ("curate", "tokenize")
"""What is the same on any machine: nothing is measured before it."""

CLASSES = "classify"
"""The method whose models speak no language, and are not exported."""

EXPORTED = {"hf": CONFIG, "native": CONFIG, "gguf": "model.gguf"}
"""What an export leaves, by its format."""


def nothing(recipe: Recipe, folder: Path) -> str:
    """Depend on nothing else."""
    return ""


class Stage(msgspec.Struct, frozen=True):
    """One part of the road: what it needs, does and leaves."""

    name: str
    sections: tuple[str, ...]
    """The recipe's sections that it reads."""
    before: tuple[str, ...]
    """The run's files that it reads."""
    leaves: tuple[str, ...]
    """The run's files without which it is not done."""
    source: tuple[str, ...]
    """Our modules that do its work."""
    work: Callable[[Context], dict[str, Any]]
    also: Callable[[Recipe, Path], str] = nothing
    """Digests what else it depends on, of a recipe and a run."""
    also_is: str = "before"
    """What a user calls that: a key of ``lineage.PARTS``."""

    @property
    def command(self) -> str:
        """The command that makes it: ``finetune`` for every tuning."""
        return self.name.split(".")[0]


def road(recipe: Recipe) -> list[Stage]:
    """List the stages of a recipe in their order.

    One that pretrains nothing has no plan, no vocabulary and no book
    of its own: its models are those of others, tuned.
    """
    tunings = order_tunings(recipe)
    if not recipe.pretrains:
        return foreign_road(recipe, tunings)
    return [
        *first_stages(),
        *([scale_stage()] if recipe.scaling.on else []),
        pretrain_stage(),
        *(tuning_stage(recipe, name) for name in tunings),
        *last_stages(recipe, tunings),
    ]


def foreign_road(recipe: Recipe, tunings: Sequence[str]) -> list[Stage]:
    """List the stages of a recipe that tunes models of others alone."""
    text = bool(recipe.corpus.source)
    methods = {recipe.finetune[name].method for name in tunings}
    wanted = {
        "curate": text,
        "evaluate": text,
        "export": bool(methods - {CLASSES}),
    }
    whole = [
        *first_stages(),
        *(tuning_stage(recipe, name) for name in tunings),
        *last_stages(recipe, tunings),
    ]
    return [
        stage
        for stage in whole
        if wanted.get(stage.name, stage.command == "finetune")
    ]


def resting(
    recipe: Recipe,
    chosen: list[str],
    first: str,
    last: str,
    tunings: Sequence[str],
) -> list[str]:
    """Leave out the stages on which the last one does not rest.

    That is the plan, where nothing is measured, and what fine-tunings
    with a base or data of their own do without.
    """
    found = {*chosen}
    if last in UNPLANNED and not first:
        found -= {"plan"}
    if last == "finetune":
        found = needed(recipe, tunings or recipe.finetune)
    return [name for name in chosen if name in found]


def needed(recipe: Recipe, tunings: Iterable[str]) -> set[str]:
    """Name the stages that fine-tunings rest on, and their own."""
    names = set()
    for name in tunings:
        asked = recipe.finetune[name]
        names |= {f"finetune.{name}"}
        if not asked.data:
            names.add("curate")
        if asked.base in recipe.finetune:
            names |= needed(recipe, [asked.base])
        elif asked.base in OWN:
            names |= {stage.name for stage in first_stages()}
            names |= {scale_stage().name, pretrain_stage().name}
    return names


def first_stages() -> list[Stage]:
    """List what leads from raw text to tokens."""
    return [
        Stage(
            "plan",
            ("model", "tokenizer", "pretrain", "finetune", "plan"),
            (),
            ("plan.json", "model.json"),
            ("hornbook.planning.budget",),
            stages.plan,
        ),
        Stage(
            "curate",
            ("corpus",),
            (),
            ("corpus/train.parquet", "corpus/card.json"),
            ("hornbook.corpus.pipeline",),
            stages.curate,
            lambda recipe, _: text_digest(
                recipe.corpus, recipe.searched_tasks
            ),
            "text",
        ),
        Stage(
            "tokenize",
            ("tokenizer",),
            ("corpus/train.parquet", "corpus/heldout.parquet"),
            ("tokenizer/tokenizer.json", "tokens/train.json"),
            ("hornbook.tokenizer.shards",),
            stages.tokenize,
        ),
    ]


def scale_stage() -> Stage:
    """Build the stage that foretells what pretraining will give."""
    return Stage(
        "scale",
        ("seed", "model", "pretrain", "scaling"),
        ("tokens/train.json", "tokens/heldout.json"),
        ("scaling/fit.json", "scaling/ledger.jsonl"),
        ("hornbook.scaling.sweep", "hornbook.scaling.forecast"),
        stages.scale,
        lambda _, folder: planned_steps(folder, "scale"),
    )


def pretrain_stage() -> Stage:
    """Build the stage that trains the base model."""
    return Stage(
        "pretrain",
        ("seed", "model", "pretrain"),
        ("tokens/train.json", "tokens/heldout.json"),
        ("checkpoints/base/config.json",),
        ("hornbook.training.pretrain",),
        stages.pretrain,
        lambda _, folder: planned_steps(folder, "pretrain"),
    )


def last_stages(recipe: Recipe, tunings: Sequence[str]) -> list[Stage]:
    """List what follows when every model is trained."""
    models = [f"finetune/{name}/config.json" for name in tunings]
    weights = [
        f"finetune/{name}/{recipe.finetune[name].leaves}"
        for name in tunings
    ]
    base = "checkpoints/base/model.safetensors"
    return [
        Stage(
            "evaluate",
            ("seed", "evaluation"),
            (base, *weights, "corpus/heldout.parquet"),
            ("evaluation/report.json",),
            ("hornbook.evaluation.report",),
            stages.evaluate,
            own_tasks,
        ),
        Stage(
            "export",
            ("export",),
            (base, *weights, "evaluation/report.json"),
            (f"export/{EXPORTED[recipe.export.format]}",),
            ("hornbook.inference.export", "hornbook.evaluation.card"),
            stages.export,
        ),
        Stage(
            "book",
            ("book",),
            (base, *models, *TOLD),
            ("book/book.log",),
            (
                "hornbook.press.weave",
                "hornbook.press.chapters.drawings",
                "hornbook.press.laws",
            ),
            stages.book,
        ),
    ]


def tuning_stage(recipe: Recipe, name: str) -> Stage:
    """Build the stage of one fine-tuning."""
    # Find the files that it reads
    asked, text = recipe.finetune[name], "corpus/train.parquet"
    weights = f"checkpoints/{asked.base}/model.safetensors"
    if asked.base in recipe.finetune:
        leaves = recipe.finetune[asked.base].leaves
        weights = f"finetune/{asked.base}/{leaves}"
    before: tuple[str, ...] = (weights, text)
    outside = recipe.is_elsewhere(name)
    if outside:
        before = () if asked.data else (text,)

    # Digest what lies outside of the run
    def also(recipe: Recipe, folder: Path) -> str:
        steps = planned_steps(folder, f"finetune.{name}")
        files = (asked.data, asked.classes.test)
        found = "".join(map(data_digest, files))
        models = [asked.base] if outside else []
        models += [asked.teacher.model] if asked.teacher else []
        return steps + found + "".join(map(model_digest, models))

    return Stage(
        f"finetune.{name}",
        ("seed", f"finetune.{name}"),
        before,
        (f"finetune/{name}/config.json",),
        ("hornbook.tuning.tune", "hornbook.tuning.synthesize"),
        stages.finetune,
        also,
    )


def own_tasks(recipe: Recipe, folder: Path) -> str:
    """Digest the files of tasks that are the user's own."""
    files = own_files(recipe.evaluation.tasks)
    return "".join(map(data_digest, files))


def find_bases(recipe: Recipe, stages: Iterable[str]) -> None:
    """Look for the models from elsewhere that stages begin with.

    A wheel is looked for when it is needed: it may still be to fetch.

    Raises:
        ModelError: one is not there.
    """
    for name, tuning in recipe.finetune.items():
        made = f"finetune.{name}" in stages
        outside = recipe.is_elsewhere(name)
        if made and outside and not is_wheel(tuning.base):
            find_model(tuning.base)


def order_tunings(recipe: Recipe) -> list[str]:
    """Order the fine-tunings so that each finds its base.

    Raises:
        RecipeError: two of them begin with each other.
    """
    ordered: list[str] = []
    waiting = dict(recipe.finetune)
    while waiting:
        ready = [
            n
            for n, t in waiting.items()
            if t.base in ordered or t.base not in recipe.finetune
        ]
        if not ready:
            raise RecipeError(
                "the fine-tunings " + ", ".join(waiting) + " begin "
                "with each other; let one begin with 'base'"
            )
        ordered += ready
        for name in ready:
            del waiting[name]
    return ordered
