"""A recipe: one file that says all that a run is."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.config import convert, override, read_toml
from hornbook.base.errors import RecipeError
from hornbook.base.record import named
from hornbook.corpus.config import CorpusConfig
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.config import check as check_evaluation
from hornbook.inference.config import ExportConfig
from hornbook.model.config import ModelConfig, with_form
from hornbook.model.own_code import settle
from hornbook.model.wheel import is_wheel, parse
from hornbook.planning.plan import PlanConfig
from hornbook.press.config import PressConfig
from hornbook.scaling.config import ScalingConfig
from hornbook.scaling.config import check as check_scaling
from hornbook.tokenizer.config import TokenizerConfig
from hornbook.training.config import TrainingConfig
from hornbook.training.config import check as check_training
from hornbook.tuning.config import OWN, TuningConfig
from hornbook.tuning.config import check as check_tuning
from hornbook.tuning.lora_config import with_adapter

FILE = "recipe.toml"
NAME_CHARACTERS = "letters, digits, '-', '_' and '.'"
LONGEST_NAME = 80


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of a run; each room's section stands with it."""

    name: str
    """The run's folder in ``runs/``."""
    seed: int = 1
    """The seed of every draw that training makes."""
    corpus: CorpusConfig = CorpusConfig()
    plan: PlanConfig = PlanConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: ModelConfig = ModelConfig()
    scaling: ScalingConfig = ScalingConfig()
    pretrain: TrainingConfig = TrainingConfig()
    finetune: dict[str, TuningConfig] = {}
    evaluation: EvaluationConfig = EvaluationConfig()
    export: ExportConfig = ExportConfig()
    book: PressConfig = PressConfig()

    @property
    def shape(self) -> ModelConfig:
        """The model's full shape, with the tokenizer's vocabulary."""
        return self.model.resolved(self.tokenizer.vocab_size)

    def origin(self, name: str) -> str:
        """The model at the beginning of a fine-tuning's line."""
        bases = {n: tuning.base for n, tuning in self.finetune.items()}
        return first(name, bases)

    def is_elsewhere(self, name: str) -> bool:
        """Whether a fine-tuning begins with no model of this run."""
        return self.finetune[name].base not in (*OWN, *self.finetune)

    def is_foreign(self, name: str) -> bool:
        """Whether a fine-tuning goes back to a model from elsewhere."""
        return self.origin(name) not in OWN

    @property
    def exported(self) -> str:
        """The model that is exported; "" for the base."""
        if self.export.model or "chat" in self.finetune:
            return self.export.model or "chat"
        taught = [
            name
            for name, tuning in self.finetune.items()
            if tuning.method != "classify"
        ]
        return "" if self.pretrains else [*taught, ""][0]

    @property
    def pretrains(self) -> bool:
        """Whether it makes a model, or tunes those of others alone."""
        asked = self.pretrain.minutes or self.pretrain.steps
        foreign = self.finetune and all(
            map(self.is_foreign, self.finetune)
        )
        return bool(asked or not foreign)

    @property
    def searched_tasks(self) -> tuple[str, ...]:
        """The tasks whose items the text must not give away."""
        asked = self.corpus.decontaminate
        if asked is None:
            return ()
        return asked.tasks or self.evaluation.tasks


def load_recipe(
    source: str | Path, settings: Sequence[str] = ()
) -> Recipe:
    """Read a recipe: a file, a shipped name, or a run's folder.

    ``settings`` of the form ``a.b=value`` change single keys.

    Raises:
        RecipeError: says which key of which file is wrong, and why.
    """
    path = find_recipe(source)
    shipped = path in shipped_recipes().values()
    tables = read_toml(path)
    override(tables, settings)
    tables.setdefault("name", path.stem)
    where = f"the recipe {path.stem}" if shipped else path.name
    return with_code(build_recipe(tables, where), Path(), path.parent)


def with_code(recipe: Recipe, *places: Path) -> Recipe:
    """Find an attention of the user's own, and digest its code.

    Raises:
        RecipeError: there is none.
    """
    model = settle(recipe.model, *places)
    return msgspec.structs.replace(recipe, model=model)


def build_recipe(tables: dict[str, Any], where: str) -> Recipe:
    """Check a recipe's tables as a whole.

    Raises:
        RecipeError: says which key of which file is wrong, and why.
    """
    tables = with_adapters(tables)
    model = tables.get("model", {})
    if isinstance(model, dict):
        tables = {**tables, "model": with_form(model)}
    recipe = convert(tables, Recipe, where)
    check_name(recipe.name)
    recipe.tokenizer.check()
    shape = recipe.shape
    if shape.vocab_size != recipe.tokenizer.vocab_size:
        raise RecipeError(
            f"{where}: model.vocab_size ({shape.vocab_size}) is not "
            f"tokenizer.vocab_size ({recipe.tokenizer.vocab_size}); "
            "leave the first out"
        )
    check_training(recipe.pretrain, "pretrain")
    if recipe.pretrain.epochs:
        raise RecipeError(
            f"{where}: pretrain.epochs is for fine-tunings alone; give "
            "pretrain.minutes or pretrain.steps"
        )
    check_scaling(recipe.scaling)
    check_tunings(recipe, where)
    check_text(recipe, where)
    check_evaluation(recipe.evaluation)
    return recipe


def with_adapters(tables: dict[str, Any]) -> dict[str, Any]:
    """Lay the fine-tunings that have an adapter over what suits it."""
    tunings = tables.get("finetune")
    if not isinstance(tunings, dict):
        return tables
    bases = {
        name: str(table.get("base", "base"))
        for name, table in tunings.items()
        if isinstance(table, dict)
    }
    laid = {
        name: with_adapter(table, first(name, bases) in OWN)
        for name, table in tunings.items()
    }
    return {**tables, "finetune": laid}


def first(name: str, bases: Mapping[str, str]) -> str:
    """Follow a fine-tuning back to the model that its line begins with.

    >>> first("b", {"a": "model.gguf", "b": "a"})
    'model.gguf'
    """
    for _ in bases:
        name = bases.get(name, name)
    return name


def check_tunings(recipe: Recipe, where: str) -> None:
    """Refuse fine-tunings without a place or a beginning.

    Raises:
        RecipeError: names the table and what it can be.
    """
    best = ["best"] if recipe.pretrain.keep_best else []
    known = ["base", *best, *recipe.finetune]
    for name, tuning in recipe.finetune.items():
        check_name(name)
        check_tuning(tuning, f"finetune.{name}")
        if name in ["base", *best]:
            raise RecipeError(
                f"{where}: finetune.{name} cannot be; {name!r} is a "
                "pretrained model, so choose another name"
            )
        if tuning.keep_best:
            raise RecipeError(
                f"{where}: finetune.{name}.keep_best cannot be; "
                "held-out text is measured in pretraining alone"
            )
        if tuning.packing != "stream":
            raise RecipeError(
                f"{where}: finetune.{name}.packing cannot be; examples "
                "never see each other, so leave it out"
            )
        own = (*OWN, *recipe.finetune)
        if tuning.base == name or (
            tuning.base not in known
            and (tuning.base in own or not is_elsewhere(tuning.base))
        ):
            raise RecipeError(
                f"{where}: finetune.{name}.base is {tuning.base!r}; it "
                "can be 'base', another fine-tuning of the recipe, "
                "'best' with pretrain.keep_best, or a model from "
                "elsewhere: a folder, a .gguf file, RUN or RUN:NAME"
            )
        if tuning.z_loss and tuning.method == "classify":
            raise RecipeError(
                f"{where}: finetune.{name}.z_loss is for the logits of "
                "a vocabulary, and a classifier has none; leave it out"
            )


def is_elsewhere(base: str) -> bool:
    """Whether a name is that of a model which is not of this run.

    Raises:
        RecipeError: it is a wheel, and does not say which one.
    """
    if is_wheel(base):
        return bool(parse(base))
    spelled = any(mark in base for mark in ("/", "\\", ":", ".gguf"))
    return spelled or bool(base) and Path(named(base)).exists()


def check_text(recipe: Recipe, where: str) -> None:
    """Refuse a recipe that needs text and names none.

    Raises:
        RecipeError: says what to add.
    """
    made = [
        f"finetune.{name}"
        for name, tuning in recipe.finetune.items()
        if not tuning.data
    ]
    needing = ["the pretraining"] * recipe.pretrains + made
    if needing and not recipe.corpus.source:
        raise RecipeError(
            f"{where}: a corpus needs a [[corpus.source]], from which "
            f"{needing[0]} learns; only fine-tunings with data of "
            "their own and a base from elsewhere do without"
        )


def check_name(name: str) -> None:
    """Refuse names that would not be one plain folder.

    Raises:
        RecipeError: says which characters a name may have.
    """
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    fits = plain.isalnum() and len(name) <= LONGEST_NAME
    if not fits or name.startswith("."):
        raise RecipeError(
            f"{name!r} cannot name a folder; use {NAME_CHARACTERS}, "
            f"at most {LONGEST_NAME} of them"
        )


def find_recipe(source: str | Path) -> Path:
    """Find a recipe's file.

    Raises:
        RecipeError: lists the recipes that ship with Hornbook.
    """
    path = Path(source)
    if path.is_dir():
        path = path / FILE
    if path.is_file():
        return path
    shipped = shipped_recipes()
    if str(source) in shipped:
        return shipped[str(source)]
    if (path := Path(named(source)) / FILE).is_file():
        return path
    raise RecipeError(
        f"there is no recipe {str(source)!r}; give the path of a .toml "
        "file, the folder of a run, or one of " + ", ".join(shipped)
    )


def shipped_recipes() -> dict[str, Path]:
    """The recipes inside the package, by name."""
    folder = Path(str(resources.files("hornbook") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
