"""The learning rate: short trials on a grid, a curve through them."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hornbook.base.errors import ModelError
from hornbook.training.contest import (
    Contest,
    Estimate,
    bits_by_seed,
    judge,
    over_seeds,
)
from hornbook.training.trials import Result, Text, Trial, run_trials

RATES = ("lr", "lr_embedding", "lr_head")
"""The keys of a recipe that can be looked for."""
REACH = 2
"""Doublings, and halvings, that the grid begins with."""
MOST_RATES = 11
"""The grid grows until its best is inside, but not beyond that."""

Grid = dict[int, list[Result]]
"""The results of each rate, by its doublings from the recipe's."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The rate that was found, and all that speaks for it."""

    key: str
    before: float
    """The recipe's rate, from which the grid was laid."""
    rate: Estimate
    """Where the curves of the seeds are lowest."""
    points: tuple[tuple[float, int, float], ...]
    """Rate, seed and bits per byte of each trial that did not fail."""
    contest: Contest
    """Every rate beside the best of the grid."""
    inside: bool
    """Whether the best rate of the grid has others on both sides."""

    @property
    def line(self) -> str:
        """The line to put into the recipe's ``[pretrain]``."""
        return f"{self.key} = {short(self.rate.value)}"

    @property
    def summary(self) -> str:
        """Say in a sentence what was found, and how surely."""
        rate = self.rate
        sure = (
            f"{short(rate.low)} to {short(rate.high)}, 95% interval "
            f"over {rate.seeds} seeds"
            if rate.seeds > 1
            else "one seed: how sure that is, is not known"
        )
        edge = "" if self.inside else "; the best is at the grid's edge"
        return f"{self.line} ({sure}){edge}"


def find_rate(
    base: Trial,
    key: str,
    seeds: int,
    text: Text,
    log: Path,
    source: str = "",
) -> Found:
    """Try a rate at doublings and halvings; find the lowest place.

    Each seed gives a parabola through three points; the spread of the
    seeds is the interval. A training that is much longer than these
    trials wants a somewhat lower rate.

    Raises:
        ModelError: at no rate did all seeds finish.
    """
    # Try, and see which rate is best
    grid = explore(base, key, seeds, text, log, source)
    best = find_best(grid)
    results = [result for each in grid.values() for result in each]
    if mean_bits(grid[best]) == math.inf:
        raise ModelError(
            f"at no rate did all seeds finish: {results[0].problem}"
        )

    # Find each seed's own lowest place, and what they say together
    bits = {power: bits_by_seed(each) for power, each in grid.items()}
    before = float(getattr(base.training, key))
    places = [lowest(of_seed(bits, seed)) for seed in bits[best]]
    value, low, high = (before * 2**x for x in over_seeds(places))
    return Found(
        key=key,
        before=before,
        rate=Estimate(value, low, high, len(places)),
        points=tuple(
            (before * 2.0**power, seed, each)
            for power, cell in bits.items()
            for seed, each in cell.items()
        ),
        contest=judge(results, grid[best][0].name),
        inside=min(grid) < best < max(grid),
    )


def explore(
    base: Trial,
    key: str,
    seeds: int,
    text: Text,
    log: Path,
    source: str,
) -> Grid:
    """Try a grid, and let it grow until its best is inside."""
    low, high = -REACH, REACH
    while True:
        powers = range(low, high + 1)
        trials = list(lay(base, key, powers, seeds))
        results = run_trials(trials, text, log, source)
        grid = {
            power: results[place * seeds :][:seeds]
            for place, power in enumerate(powers)
        }
        best = find_best(grid)
        if low < best < high or len(grid) >= MOST_RATES:
            return grid
        low, high = low - (best == low), high + (best == high)


def lay(
    base: Trial, key: str, powers: Sequence[int], seeds: int
) -> Iterator[Trial]:
    """Give the trials of a grid, the lowest rate first."""
    for power in powers:
        rate = getattr(base.training, key) * 2.0**power
        training = msgspec.structs.replace(base.training, **{key: rate})
        for turn in range(seeds):
            yield msgspec.structs.replace(
                base,
                name=f"{key} = {short(rate)}",
                training=training,
                seed=base.seed + turn,
            )


def find_best(grid: Grid) -> int:
    """Give the doublings at which the fewest bits are needed."""
    return min(grid, key=lambda power: mean_bits(grid[power]))


def mean_bits(results: Sequence[Result]) -> float:
    """Give the mean over seeds; a rate at which one fails is none."""
    if any(result.problem for result in results):
        return math.inf
    return sum(r.bits_per_byte for r in results) / len(results)


def of_seed(
    bits: dict[int, dict[int, float]], seed: int
) -> dict[int, float]:
    """Give one seed's bits, where it finished."""
    return {p: each[seed] for p, each in bits.items() if seed in each}


def lowest(bits: dict[int, float]) -> float:
    """Find the lowest place of a seed's curve, in doublings.

    It is that of the parabola through its best rate and the two beside
    it; where one of those is missing, it is the best rate itself.

    >>> lowest({-1: 2.0, 0: 1.0, 1: 1.5})
    0.16666666666666666
    """
    best = min(bits, key=lambda power: bits[power])
    if best - 1 not in bits or best + 1 not in bits:
        return float(best)
    left, right = bits[best - 1], bits[best + 1]
    bend = left - 2 * bits[best] + right
    return best + (left - right) / (2 * bend) if bend else float(best)


def short(rate: float) -> str:
    """Write a rate with two digits, as a recipe would.

    >>> short(0.02), short(0.0123)
    ('0.02', '0.012')
    """
    return f"{rate:.2g}"
