"""The sweep: small models that read a little, before the large one."""

import math
from pathlib import Path

import msgspec

from hornbook.base.console import console
from hornbook.base.store import write_json
from hornbook.model.config import ModelConfig
from hornbook.model.count import flops_per_token, parameters
from hornbook.scaling.config import ScalingConfig
from hornbook.scaling.forecast import (
    Forecast,
    choose_law,
    enter,
    foretell,
    foretell_by_prior,
)
from hornbook.scaling.law import ScalingLaw
from hornbook.scaling.prior import load_prior
from hornbook.tokenizer.shards import TokenShard
from hornbook.training.config import TrainingConfig
from hornbook.training.contest import over_seeds
from hornbook.training.trials import (
    Result,
    Trial,
    open_text,
    run_trials,
)

LOG = "scaling/trials.jsonl"
FIT = "scaling/fit.json"
COUNTED = "all parameters, embeddings included"
LOGIT_FLOPS = 2000.0
"""What each entry of the vocabulary adds to the cost of a token where
nothing is compiled, in operations that would take as long."""
FORWARD = 1 / 3
"""The share of a training step's cost that measuring takes."""
LEAST_STEPS = 30
"""Fewer steps than that are hardly more than warm-up."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The training that is to be foretold."""

    shape: ModelConfig
    training: TrainingConfig
    steps: int
    seed: int = 1

    @property
    def tokens(self) -> int:
        """Tokens that it will learn from, repeats included."""
        return self.steps * self.training.batch * self.shape.context


def plan_sweep(
    target: Target,
    config: ScalingConfig,
    flops_per_second: float = 0.0,
    heldout_tokens: int = 0,
) -> list[Trial]:
    """List the trials that fit into the minutes, the smallest first.

    Every size reads the same amounts of text, and none more than the
    training to come. A batch grows as the square root of the text:
    with the batch of a long training, a short one would have too few
    steps to learn anything. What ``steps`` fixes does not depend on
    the machine.

    Source: mccandlish2018, section 2, for the batch.
    """
    # Find how much each size can read in the time that there is
    shapes = [shrink(target.shape, s) for s in sorted(config.sizes)]
    shapes = [s for i, s in enumerate(shapes) if s not in shapes[:i]]
    cost = sum(map(cost_per_token, shapes)) * config.seeds
    there = config.minutes * 60 * flops_per_second / cost
    looking = len(config.budgets) * heldout_tokens * FORWARD
    most = (there - looking) / sum(config.budgets)
    if config.steps:
        most = target.tokens * (config.steps / target.steps) ** 2
    most = min(most, target.tokens)

    # Build a trial for each size, budget and seed
    return [
        Trial(
            name=f"{shape.layers} x {shape.width}, {steps} steps",
            shape=shape,
            training=msgspec.structs.replace(
                target.training,
                steps=steps,
                batch=rows,
                minutes=0.0,
                compile="off",
            ),
            seed=target.seed + turn,
        )
        for shape in shapes
        for rows, steps in budgets(target, config, most)
        for turn in range(config.seeds)
    ]


def budgets(
    target: Target, config: ScalingConfig, most: float
) -> list[tuple[int, int]]:
    """Give each budget's rows in a batch and steps, if it has enough.

    ``most`` is the largest budget, in tokens.
    """
    found = []
    for share in sorted(config.budgets):
        tokens = max(share * most, 0.0)
        grown = math.sqrt(tokens / target.tokens)
        rows = max(1, round(target.training.batch * grown))
        steps = math.floor(tokens / (rows * target.shape.context))
        if steps >= LEAST_STEPS:
            found.append((rows, steps))
    return found


def cost_per_token(shape: ModelConfig) -> float:
    """Estimate what a token costs in a training of a few seconds."""
    return flops_per_token(shape) + LOGIT_FLOPS * shape.vocab_size


def shrink(shape: ModelConfig, share: float) -> ModelConfig:
    """Make a shape smaller in width and depth alike.

    The heads stay and become narrower, so that every form of
    attention keeps its proportions.
    """
    head_dim = max(2, 2 * round(shape.head_dim * share / 2))
    ratio = head_dim / shape.head_dim
    return msgspec.structs.replace(
        shape,
        layers=max(1, round(shape.layers * share)),
        width=max(1, round(shape.width * ratio)),
        head_dim=head_dim,
        hidden=max(1, round(shape.hidden * ratio)),
    ).resolved()


def scale(
    target: Target,
    config: ScalingConfig,
    folder: Path,
    flops_per_second: float = 0.0,
    source: str = "",
) -> Forecast:
    """Try small models on a run's tokens, and foretell the large one.

    The forecast enters the ledger; points and law are kept in
    ``scaling/fit.json``. A stopped sweep goes on where it stopped.
    """
    # Try what fits into the minutes
    text = open_text(folder, config.heldout_bytes)
    heldout = text.heldout
    share = min(1.0, config.heldout_bytes / heldout.info.bytes)
    looked_at = round(share * heldout.info.tokens)
    trials = plan_sweep(target, config, flops_per_second, looked_at)
    warn_of_none(trials)
    results = run_trials(trials, text, folder / LOG, source)

    # Foretell, and write it down before pretraining begins
    points = mean_over_seeds(results)
    each_bytes = bytes_per_token(heldout)
    kind, law, free = choose_law(
        points, target.tokens, each_bytes / load_prior().bytes_per_token
    )
    forecast = foretell_run(target, kind, law, each_bytes, folder)
    kept = {
        "counted": COUNTED,
        "kind": kind,
        "law": law,
        "free": free,
        "points": points,
        "failed": [r.name for r in results if r.problem],
        "forecast": forecast,
    }
    write_json(folder / FIT, msgspec.to_builtins(kept))
    enter(folder, forecast)
    return forecast


def warn_of_none(trials: list[Trial]) -> None:
    """Say why nothing is tried, where nothing is."""
    if not trials:
        console.warn(
            f"too few steps for trials (fewer than {LEAST_STEPS} "
            "each): a law of other runs foretells this one; more "
            "pretraining, or more scaling.minutes, allow trials"
        )


def foretell_run(
    target: Target,
    kind: str,
    law: ScalingLaw,
    each_bytes: float,
    folder: Path,
) -> Forecast:
    """Foretell a run's pretraining by the law that was chosen."""
    count = parameters(target.shape)["total"]
    begun = any((folder / "checkpoints").glob("*"))
    if kind == "prior":
        ratio = each_bytes / load_prior().bytes_per_token
        return foretell_by_prior(count, target.tokens, ratio, begun)
    bits_per_nat = 1 / (each_bytes * math.log(2))
    return foretell(
        kind, law, count, target.tokens, bits_per_nat, begun
    )


def bytes_per_token(shard: TokenShard) -> float:
    """Give the text that a token stands for; end marks hold none."""
    info = shard.info
    return info.bytes / (info.tokens - info.documents)


def mean_over_seeds(results: list[Result]) -> list[dict[str, float]]:
    """Give the points of the fit: the trials that did not fail.

    Seeds of one cell are one point; they are no further evidence on
    how loss depends on size.
    """
    cells: dict[str, list[Result]] = {}
    for result in results:
        if not result.problem:
            cells.setdefault(result.name, []).append(result)
    points = []
    for seeds in cells.values():
        mean, low, high = over_seeds(each.loss for each in seeds)
        bits, _, _ = over_seeds(e.bits_per_byte for e in seeds)
        points.append(
            {
                "parameters": seeds[0].parameters,
                "tokens": seeds[0].tokens,
                "loss": mean,
                "low": low,
                "high": high,
                "bits_per_byte": bits,
                "seeds": len(seeds),
            }
        )
    return points
