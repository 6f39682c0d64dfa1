import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hornbook as hb
from hornbook.base.errors import DataError
from hornbook.scaling.fit import (
    DELTA,
    Points,
    fit_scaling_law,
    objective,
    take,
)
from hornbook.scaling.law import ScalingLaw

SIZES = np.repeat([1e6, 4e6, 1.6e7, 6.4e7], 5)
BUDGETS = np.tile([1e7, 4e7, 2e8, 1e9, 5e9], 4)


def near(found: ScalingLaw, rel: float, **numbers: float) -> None:
    """Hold some of a law's numbers to what they should be."""
    for name, value in numbers.items():
        assert getattr(found, name) == pytest.approx(value, rel=rel)


def losses(
    e: float = 1.8, a: float = 400.0, b: float = 900.0,
    alpha: float = 0.35, beta: float = 0.37,
) -> np.ndarray:
    """Give the losses of a known law at the points above."""
    return np.asarray(e + a / SIZES**alpha + b / BUDGETS**beta)


@settings(max_examples=12)
@given(
    st.floats(0.5, 3.0),
    st.floats(0.2, 0.7),
    st.floats(0.2, 0.7),
    st.floats(0.2, 3.0),
    st.floats(0.2, 3.0),
)
def test_a_law_is_recovered_from_its_points(
    e: float, alpha: float, beta: float, size: float, data: float
) -> None:
    a, b = size * 1e7**alpha, data * 2e8**beta
    found = fit_scaling_law(
        SIZES, BUDGETS, losses(e, a, b, alpha, beta), resamples=2
    )
    near(found, 1e-2, E=e, alpha=alpha, beta=beta)
    near(found, 0.1, A=a, B=b)
    assert found.spread < 1e-4


@settings(max_examples=8)
@given(
    st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.floats(0.1, 10.0)
)
def test_units_do_not_matter(n: float, d: float, unit: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.003, len(SIZES))
    points = SIZES, BUDGETS, losses() * np.exp(noise)
    plain = fit_scaling_law(*points, resamples=2)
    scaled = fit_scaling_law(
        points[0] * n, points[1] * d, points[2] * unit, resamples=2
    )
    near(scaled, 1e-3, E=plain.E * unit)
    near(scaled, 1e-3, alpha=plain.alpha, beta=plain.beta)
    there = scaled.predict(1e8 * n, 1e10 * d)
    assert there == pytest.approx(
        plain.predict(1e8, 1e10) * unit, rel=1e-4
    )


def test_the_slope_is_the_derivative() -> None:
    random = np.random.default_rng(2)
    points = take(SIZES, BUDGETS, losses())
    counts = random.integers(0, 3, len(SIZES)).astype(float)
    theta = np.array([-1.2, -1.0, -0.4, 0.3, 0.45])
    _, slope = objective(theta, points, counts)
    for place in range(5):
        ends = [theta.copy(), theta.copy()]
        ends[0][place] -= 1e-7
        ends[1][place] += 1e-7
        low, high = (objective(end, points, counts)[0] for end in ends)
        assert slope[place] == pytest.approx(
            (high - low) / 2e-7, rel=1e-4
        )


def test_a_large_miss_pulls_no_harder_than_a_small_one() -> None:
    level = np.zeros(1)
    points = Points(level, level, level, (0.0, 0.0, 0.0))
    once = np.ones(1)
    e = [-30.0, -30.0, 0.0, 0.3, 0.3]
    pulls = []
    for miss in (DELTA / 2, DELTA, 0.1, 1.0):
        e[2] = miss
        pulls.append(objective(np.array(e), points, once)[1][2])
    assert pulls[0] == pytest.approx(pulls[1] / 2)
    assert pulls[1] == pytest.approx(pulls[2]) == pulls[3]


def test_one_broken_training_does_not_turn_the_law() -> None:
    broken = losses()
    broken[7] *= 1.5
    found = fit_scaling_law(SIZES, BUDGETS, broken, resamples=2)
    assert found.alpha == pytest.approx(0.35, abs=0.01)
    assert found.beta == pytest.approx(0.37, abs=0.01)


def test_intervals_hold_the_truth_and_the_law_is_identified() -> None:
    noise = np.random.default_rng(1).normal(0, 0.002, len(SIZES))
    found = fit_scaling_law(SIZES, BUDGETS, losses() * np.exp(noise))
    assert found.identified and not found.reason
    truth = {"E": 1.8, "A": 400.0, "B": 900.0, "alpha": 0.35,
             "beta": 0.37}
    for name, value in truth.items():
        low, high = found.interval[name]
        assert low <= value <= high, name
    again = fit_scaling_law(SIZES, BUDGETS, losses() * np.exp(noise))
    assert again == found


@pytest.mark.parametrize(
    ("keep", "reason"),
    [
        (np.arange(9), "9 points are too few"),
        (SIZES < 5e6, "only 2 sizes"),
        (BUDGETS < 5e7, "8 points are too few"),
    ],
)
def test_few_points_do_not_identify_a_law(
    keep: Any, reason: str
) -> None:
    found = fit_scaling_law(
        SIZES[keep], BUDGETS[keep], losses()[keep], resamples=5
    )
    assert not found.identified
    assert reason in found.reason


def test_noise_does_not_identify_a_law() -> None:
    noise = np.random.default_rng(3).normal(0, 0.2, len(SIZES))
    found = fit_scaling_law(
        SIZES, BUDGETS, losses() * np.exp(noise), resamples=60
    )
    assert not found.identified
    assert "may lie anywhere" in found.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": [1.0, 2.0]}, "unequal length"),
        ({"loss": [2, float("nan"), 2, 2, 2, 2]}, r"loss\[1\] is nan"),
        ({"tokens": [1, 2, 3, 4, 0, 6]}, r"tokens\[4\] is 0"),
        ({"params": [1, -2, 3, 4, 5, 6]}, r"params\[1\] is -2"),
        ({"tokens": [1, 2, 3, 4, 5, float("inf")]}, r"tokens\[5\]"),
        ({"params": ["many"] * 6}, "no number"),
        ({"params": [[1, 2, 3, 4, 5, 6]]}, "2 axes"),
        ({"params": 3.0}, "0 axes"),
    ],
)
def test_what_is_no_point_is_named(
    change: dict[str, Any], words: str
) -> None:
    rows: dict[str, Any] = {
        "params": [1, 2, 3, 4, 5, 6],
        "tokens": [10, 20, 30, 40, 50, 60],
        "loss": [6, 5, 4, 3.5, 3.2, 3],
    }
    with pytest.raises(DataError, match=words):
        hb.fit_scaling_law(**{**rows, **change})


def test_too_few_points_are_refused() -> None:
    for count in range(5):
        row = list(range(1, count + 1))
        with pytest.raises(DataError, match=f"{count} points"):
            hb.fit_scaling_law(row, row, row)


@pytest.fixture
def epoch_points(shared_data: Path) -> list[np.ndarray]:
    """Epoch AI's points without the five of the highest loss."""
    found = sorted(shared_data.glob("scaling/*/*.csv"))
    if not found:
        pytest.skip("the example data hold no points of Chinchilla")
    with found[0].open(encoding="utf-8", newline="") as file:
        rows = sorted(
            csv.DictReader(file), key=lambda row: float(row["loss"])
        )
    kept = rows[:-5]
    n, flops, loss = (
        np.array([float(row[name]) for row in kept])
        for name in ("Model Size", "Training FLOP", "loss")
    )
    return [n, flops / (6 * n), loss]


@pytest.mark.parity
def test_the_published_fit_of_chinchillas_points_is_found(
    epoch_points: list[np.ndarray],
) -> None:
    """The figures are those of besiroglu2024, table 1."""
    assert len(epoch_points[0]) == 240
    found = hb.fit_scaling_law(*epoch_points)
    near(found, 0.01 / 1.817, E=1.817)
    assert found.alpha == pytest.approx(0.3478, abs=0.003)
    assert found.beta == pytest.approx(0.3658, abs=0.004)
    assert found.identified
    for name, value in (("alpha", 0.3478), ("beta", 0.3658)):
        low, high = found.interval[name]
        assert low < value < high and high - low < 0.12
