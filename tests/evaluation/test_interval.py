import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.evaluation.interval import (
    between,
    mean,
    median,
    paired,
    ratio,
    wilson,
)

VALUES = st.lists(st.floats(-100, 100), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_wilson_agrees_with_published_values(
    successes: int, n: int, low: float, high: float
) -> None:
    found = wilson(successes, n)
    assert found.value == successes / n
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


@given(st.integers(1, 500), st.data())
def test_wilson_holds_its_value_within_0_and_1(
    n: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, n))
    found = wilson(successes, n)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high > found.low
    mirrored = wilson(n - successes, n)
    assert mirrored.low == pytest.approx(1 - found.high)


def test_a_difference_agrees_with_the_published_values() -> None:
    found = between([56, 48], [70, 80])
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.0524, abs=1e-4)
    assert found.high == pytest.approx(0.3339, abs=1e-4)
    none = between([0, 0], [10, 10])
    assert none.low == pytest.approx(-0.2775, abs=1e-4)
    assert none.high == pytest.approx(0.2775, abs=1e-4)


def test_the_mean_agrees_with_the_normal_interval() -> None:
    data = np.random.default_rng(1).normal(5, 2, 2000)
    found = mean(data, seed=3)
    half = 1.96 * data.std() / math.sqrt(len(data))
    assert found.value == pytest.approx(data.mean())
    assert found.low == pytest.approx(data.mean() - half, abs=0.01)
    assert found.high == pytest.approx(data.mean() + half, abs=0.01)


def test_the_ratio_is_of_sums_and_not_of_parts() -> None:
    found = ratio([1.0, 100.0], [1.0, 50.0], seed=0)
    assert found.value == pytest.approx(101 / 51)
    assert (found.low, found.high) == pytest.approx((1.0, 2.0))


def test_a_constant_ratio_has_no_width() -> None:
    parts = [3.0, 5.0, 8.0, 1.0]
    found = ratio([2 * part for part in parts], parts, seed=0)
    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)


def test_pairing_cancels_what_is_common() -> None:
    hard = np.random.default_rng(1).normal(0, 10, 200)
    found = paired(hard + 1, hard, seed=0)
    assert found.low == pytest.approx(1)
    assert found.high == pytest.approx(1)


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        found = mean(random.exponential(1.0, 100), seed)
        held += found.low <= 1.0 <= found.high
    assert 180 <= held <= 198


@given(VALUES, st.integers(0, 3))
def test_intervals_hold_their_value_and_lie_within_the_data(
    values: list[float], seed: int
) -> None:
    for statistic in (mean, median):
        found = statistic(values, seed)
        assert found.low <= found.value <= found.high
        assert min(values) - 1e-9 <= found.low
        assert found.high <= max(values) + 1e-9
        assert found == statistic(values, seed)


@pytest.mark.parametrize(
    "call",
    [
        lambda: wilson(3, 2),
        lambda: wilson(0, 0),
        lambda: between([1, 2], [1, 1]),
        lambda: mean([], 0),
        lambda: mean([1.0, math.nan], 0),
        lambda: ratio([1.0], [0.0], 0),
        lambda: ratio([1.0], [1.0, 2.0], 0),
        lambda: paired([1.0], [1.0, 2.0], 0),
    ],
)
def test_what_has_no_interval_is_refused(
    call: Callable[[], object],
) -> None:
    with pytest.raises(DataError, match="; "):
        call()
