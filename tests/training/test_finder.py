import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import ModelError
from hornbook.model.config import make_config
from hornbook.training import finder
from hornbook.training.config import TrainingConfig
from hornbook.training.finder import (
    MOST_RATES,
    Found,
    find_rate,
    lowest,
)
from hornbook.training.trials import Result, Text, Trial

Curve = Callable[[float, int], float]
BASE = Trial(
    name="base",
    shape=make_config(vocab_size=9, width=16, layers=1, context=8),
    training=TrainingConfig(steps=2, lr=0.02, lr_head=0.004),
    seed=5,
)


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Found]:
    """Look for a rate where a curve is what trials would give."""

    def run(curve: Curve, key: str = "lr", seeds: int = 3) -> Found:
        def made(trials: list[Trial], *_: object) -> list[Result]:
            return [give(curve, key, trial) for trial in trials]

        monkeypatch.setattr(finder, "run_trials", made)
        unread: Any = None
        text = Text(unread, unread)
        return find_rate(BASE, key, seeds, text, Path("log"))

    return run


def give(curve: Curve, key: str, trial: Trial) -> Result:
    """Give a trial's result from a curve; infinity has diverged."""
    bits = curve(getattr(trial.training, key), trial.seed)
    problem = "diverged: so it did" if math.isinf(bits) else ""
    return Result(
        key="", name=trial.name, seed=trial.seed, parameters=1,
        tokens=1, steps=1, flops=1.0, bits_per_byte=bits,
        problem=problem,
    )


@given(low=st.floats(-9, 9), bend=st.floats(0.1, 9))
def test_the_lowest_place_of_a_parabola_is_found(
    low: float, bend: float
) -> None:
    bits = {p: bend * (p - low) ** 2 for p in range(-10, 11)}
    assert lowest(bits) == pytest.approx(low, abs=1e-6)


@pytest.mark.parametrize("best", [0.02, 0.013, 0.2, 0.0008])
def test_the_grid_grows_until_the_best_is_inside(
    look: Callable[..., Found], best: float
) -> None:
    found = look(lambda rate, seed: 1 + math.log2(rate / best) ** 2)
    assert found.inside
    assert found.rate.value == pytest.approx(best, rel=1e-6)
    assert found.line == f"lr = {best:.2g}"
    tried = {rate for rate, _, _ in found.points}
    assert min(tried) < best < max(tried) and len(tried) <= MOST_RATES


def test_a_best_without_end_is_told_as_such(
    look: Callable[..., Found]
) -> None:
    found = look(lambda rate, seed: 1 / rate)
    assert len({rate for rate, _, _ in found.points}) == MOST_RATES
    assert not found.inside and "edge" in found.summary


def test_the_interval_is_that_of_the_seeds(
    look: Callable[..., Found]
) -> None:
    # The seeds 5, 6 and 7 are lowest at -0.5, 0 and 0.5 doublings
    def curve(rate: float, seed: int) -> float:
        return (math.log2(rate / 0.02) - (seed - 6) / 2) ** 2

    found = look(curve)
    half = 4.303 * 0.5 / 3**0.5
    assert found.rate.value == pytest.approx(0.02)
    assert found.rate.high == pytest.approx(0.02 * 2**half, rel=1e-3)
    assert found.rate.low == pytest.approx(0.02 / 2**half, rel=1e-3)
    assert "95% interval over 3 seeds" in found.summary
    assert found.contest.reference == "lr = 0.02"
    alone = look(curve, seeds=1)
    assert "not known" in alone.summary


def test_a_rate_that_diverges_is_a_wall(
    look: Callable[..., Found]
) -> None:
    # Better the higher, up to where it breaks
    found = look(
        lambda rate, seed: math.inf if rate > 0.05 else 1 / rate
    )
    assert found.rate.value == pytest.approx(0.04)
    assert found.inside
    assert "diverged" in str(found.contest)


def test_only_the_rate_that_is_looked_for_moves(
    look: Callable[..., Found]
) -> None:
    found = look(
        lambda rate, seed: math.log2(rate / 0.008) ** 2, "lr_head"
    )
    assert found.line == "lr_head = 0.008" and found.before == 0.004


def test_where_all_fails_there_is_no_rate(
    look: Callable[..., Found]
) -> None:
    with pytest.raises(ModelError, match="diverged: so it did"):
        look(lambda rate, seed: math.inf)
