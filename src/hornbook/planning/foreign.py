"""The plan of a fine-tuning whose model comes from elsewhere.

The run's own plan knows the run's own model. A model from elsewhere
has another size and speed, so its fine-tuning is planned when it
begins, and the plan kept for when it goes on after a stop.
"""

from pathlib import Path

import msgspec

from hornbook.base.console import console
from hornbook.base.errors import RecipeError
from hornbook.base.machine import cores
from hornbook.base.store import digest_json, write_bytes
from hornbook.model.config import ModelConfig
from hornbook.model.find import model_digest
from hornbook.planning.budget import Budget, budget
from hornbook.planning.measure import free_bytes
from hornbook.planning.memory import fit_rows
from hornbook.planning.plan import (
    PlanConfig,
    check_length,
    describe_cost,
)
from hornbook.planning.probe import probe
from hornbook.training.config import HARMLESS
from hornbook.tuning.config import TuningConfig, row_tokens

RISKY = 0.005
"""Muon's rate from which on a finished model may forget."""


class TuningPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one fine-tuning will do and cost."""

    asked: str
    """The digest of what it was planned for."""
    threads: int
    cost: Budget
    tokens_per_second: float = 0.0
    """What was measured; 0 where steps or epochs need no clock."""


def plan_tuning(
    file: Path,
    name: str,
    base: str,
    config: TuningConfig,
    asked: PlanConfig,
    anew: bool = False,
) -> TuningPlan:
    """Resolve what a fine-tuning leaves to the machine; keep it.

    ``base`` is where its model lies. A plan in ``file`` that was made
    for the same is taken as it is, unless it is to be ``anew``.

    Raises:
        RecipeError: it has no length, or no room in memory.
        ModelError: there is no such model.
    """
    from hornbook.model.exchange import load_shape

    # Look at what it begins with, and warn of rates for new models
    check_length(f"finetune.{name}", config)
    shape = load_shape(base)
    if config.optimizer == "muon" and config.lr >= RISKY:
        console.warn(
            f"finetune.{name}.lr is {config.lr:g}, a rate for new and "
            "small models, which can undo what a finished one knows; "
            'optimizer = "adamw" and lr = 0.0001 are gentle'
        )

    # Take the plan that was made before, or make one
    table = msgspec.to_builtins(config)
    settings = {k: v for k, v in table.items() if k not in HARMLESS}
    others = [msgspec.to_builtins(asked), model_digest(base)]
    wanted = digest_json([settings, *others])
    plan = None if anew else kept(file)
    if plan is None or plan.asked != wanted:
        plan = make(name, shape, config, asked, wanted)
        write_bytes(file, msgspec.json.encode(plan))
    told = describe_cost(plan.cost)
    console.say(f"  beginning with {config.base}: {told}")
    return plan


def make(
    name: str,
    shape: ModelConfig,
    config: TuningConfig,
    asked: PlanConfig,
    digest: str,
) -> TuningPlan:
    """See how many rows fit, and how fast they are if that matters.

    Minutes need a probe of that very model: a few steps of one row.

    Raises:
        RecipeError: not even one row fits.
    """
    shape = msgspec.structs.replace(
        shape, context=row_length(config, shape)
    )
    try:
        rows = fit_rows(shape, config, free_bytes())
    except RecipeError as error:
        raise RecipeError(
            f"finetune.{name}: {error}; of a model from elsewhere only "
            "the rows can be made shorter, by context or length"
        ) from error
    speed, threads = 0.0, asked.threads or cores()
    if config.minutes and not (config.steps or config.epochs):
        console.say("  measuring this model with a few steps")
        speed = measured(shape, config, threads, asked.probe_seconds)
    price = asked.price_per_hour
    return TuningPlan(
        asked=digest,
        threads=threads,
        cost=budget(shape, config, speed, 0, price, rows),
        tokens_per_second=speed,
    )


def row_length(config: TuningConfig, shape: ModelConfig) -> int:
    """Count the tokens of a row that is learned from."""
    if config.method == "classify":
        return min(config.length, shape.context)
    return row_tokens(config, shape.context)


def measured(
    shape: ModelConfig,
    config: TuningConfig,
    threads: int,
    seconds: float,
) -> float:
    """Measure a few steps of one row; give tokens per second."""
    from hornbook.training.trials import training_step

    one = msgspec.structs.replace(config, batch=1, rows=1)
    step = training_step(shape, one, threads)
    return probe(step, threads, seconds).tokens_per_second


def kept(file: Path) -> TuningPlan | None:
    """Read the plan that was made before, if it can be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=TuningPlan)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
