"""Minutes become steps, and steps have a price, by known formulas."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.model.config import make_config
from hornbook.model.count import flops_per_token, parameters
from hornbook.planning.budget import OVERHEAD, budget, bytes_per_token
from hornbook.training.config import TrainingConfig

MODEL = make_config(form="nanochat", vocab_size=4096)
STEP = 16 * 256


def test_minutes_become_whole_steps_within_them() -> None:
    cost = budget(MODEL, TrainingConfig(minutes=10), 8000)
    share = 1 - OVERHEAD
    assert cost.steps == math.floor(600 * 8000 * share / STEP)
    assert cost.tokens == cost.steps * STEP
    assert 595 < cost.seconds <= 600
    assert cost.flops == cost.tokens * flops_per_token(MODEL)


def test_steps_go_before_minutes_and_cost_time() -> None:
    config = TrainingConfig(minutes=10, steps=100)
    cost = budget(MODEL, config, 10000)
    assert cost.steps == 100
    useful = 10000 * (1 - OVERHEAD)
    assert cost.seconds == pytest.approx(100 * STEP / useful)


def test_epochs_go_before_minutes_and_read_all_of_the_text() -> None:
    config = TrainingConfig(minutes=1, epochs=2)
    cost = budget(MODEL, config, 10000, text_tokens=10 * STEP + 1)
    assert cost.steps == 21
    assert cost.epochs >= 2


def test_unknown_speed_leaves_steps_open() -> None:
    cost = budget(MODEL, TrainingConfig(minutes=10))
    assert (cost.steps, cost.tokens, cost.seconds) == (0, 0, 600)
    assert cost.memory_bytes > 0 and cost.disk_bytes > 0


def test_a_moment_still_makes_one_step() -> None:
    assert budget(MODEL, TrainingConfig(minutes=1e-6), 9).steps == 1


def test_the_price_is_for_hours() -> None:
    config = TrainingConfig(minutes=30)
    cost = budget(MODEL, config, 8000, price_per_hour=4.0)
    assert cost.price == pytest.approx(2.0, rel=0.01)


def test_disk_holds_the_kept_checkpoints_and_one_more() -> None:
    weights = 4 * parameters(MODEL)["total"]
    config = TrainingConfig(minutes=1, keep=2)
    assert budget(MODEL, config).disk_bytes == weights * (1 + 3 * 3)


@given(
    st.floats(0.1, 1e4), st.floats(1, 1e7), st.integers(1, 512)
)
def test_more_time_never_means_fewer_steps(
    minutes: float, speed: float, batch: int
) -> None:
    short = TrainingConfig(minutes=minutes, batch=batch)
    long = TrainingConfig(minutes=2 * minutes, batch=batch)
    less, more = budget(MODEL, short, speed), budget(MODEL, long, speed)
    assert 1 <= less.steps <= more.steps
    assert more.flops == pytest.approx(
        more.tokens * flops_per_token(MODEL)
    )


@given(st.integers(1, 200_000))
def test_larger_vocabularies_hold_more_text_a_token(size: int) -> None:
    assert 1 <= bytes_per_token(size) <= bytes_per_token(size + 1) <= 5
