import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.training.config import TrainingConfig
from hornbook.training.schedule import FALLS, rate

SHARES = st.floats(0, 1)


@given(
    steps=st.integers(1, 300),
    warmup=SHARES,
    decay=SHARES,
    final=SHARES,
    shape=st.sampled_from(sorted(FALLS)),
)
def test_the_rate_rises_stays_and_falls(
    steps: int, warmup: float, decay: float, final: float, shape: str
) -> None:
    config = TrainingConfig(
        warmup=warmup * (1 - decay),
        decay=decay,
        final=final,
        schedule=shape,
    )
    rates = [rate(config, step, steps) for step in range(steps)]
    assert all(0 <= share <= 1 for share in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[0] > 0


@pytest.mark.parametrize("shape", sorted(FALLS))
def test_the_plateau_is_as_long_as_asked(shape: str) -> None:
    config = TrainingConfig(warmup=0.1, decay=0.4, schedule=shape)
    rates = [rate(config, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([n / 10 for n in range(1, 11)])
    assert set(rates[9:61]) == {1.0}
    assert rates[61] < 1
    half = {"linear": 0.5, "cosine": 0.5, "sqrt": 1 - 0.5**0.5}
    assert rates[80] == pytest.approx(half[shape])


def test_the_fall_ends_where_asked() -> None:
    config = TrainingConfig(warmup=0, decay=1, final=0.25)
    assert rate(config, 0, 1000) == 1
    assert rate(config, 999, 1000) == pytest.approx(0.25, abs=1e-3)


@given(
    steps=st.integers(50, 300),
    warmup=SHARES,
    decay=SHARES,
    final=SHARES,
    shape=st.sampled_from(sorted(FALLS)),
)
def test_it_peaks_at_one_ends_at_final_and_never_jumps(
    steps: int, warmup: float, decay: float, final: float, shape: str
) -> None:
    warmup = warmup * (1 - decay)
    config = TrainingConfig(
        warmup=warmup, decay=decay, final=final, schedule=shape
    )
    rates = [rate(config, step, steps) for step in range(steps + 1)]
    rise, fall = warmup * steps, decay * steps
    assert max(rates) == 1 or rise + fall > steps - 1
    if fall >= 1:
        assert rates[steps] == pytest.approx(final)

    # In one step none moves further than its steepest place allows
    steepest = {
        "linear": 1 / max(fall, 1),
        "cosine": math.pi / 2 / max(fall, 1),
        "sqrt": 1 / max(fall, 1) ** 0.5,
    }
    down = steepest[shape] * (1 - final) + 1e-9
    up = 1 / max(rise, 1) + 1e-9
    for before, after in zip(rates, rates[1:], strict=False):
        assert -down <= after - before <= up


@pytest.mark.parametrize("shape", sorted(FALLS))
def test_without_a_plateau_it_is_the_plain_curve(shape: str) -> None:
    config = TrainingConfig(warmup=0.1, decay=0.9, schedule=shape)
    curve = {
        "linear": lambda t: 1 - t,
        "cosine": lambda t: (1 + math.cos(math.pi * t)) / 2,
        "sqrt": lambda t: 1 - math.sqrt(t),
    }[shape]
    for step in range(20, 201):
        expected = curve((step - 20) / 180)
        found = rate(config, step, 200)
        assert found == pytest.approx(expected, abs=1e-12)


def test_the_plateau_does_not_know_how_long_the_training_is() -> None:
    # A training that is prolonged goes on as if it had been long
    short = TrainingConfig(warmup=0.1, decay=0.5)
    long = TrainingConfig(warmup=0.05, decay=0.5)
    for step in range(50):
        assert rate(short, step, 100) == rate(long, step, 200)
