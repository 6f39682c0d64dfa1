from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.model.config import make_config
from hornbook.model.count import parameters
from hornbook.model.transformer import Transformer
from hornbook.scaling.config import ScalingConfig
from hornbook.scaling.sweep import (
    LEAST_STEPS,
    Target,
    cost_per_token,
    mean_over_seeds,
    plan_sweep,
    shrink,
    warn_of_none,
)
from hornbook.training.config import TrainingConfig
from hornbook.training.trials import Result

DEMO = make_config(
    form="nanochat", vocab_size=4096, layers=4, width=192, heads=4
)
TARGET = Target(
    shape=DEMO,
    training=TrainingConfig(minutes=5, batch=16),
    steps=849,
)
SPEED = 1.8e11


def cost(trials: list[Any]) -> float:
    """Add up what trials cost."""
    return float(
        sum(t.tokens * cost_per_token(t.shape) for t in trials)
    )


def test_the_sweep_fits_into_its_minutes() -> None:
    for minutes in (1.5, 6.0):
        config = ScalingConfig(minutes=minutes)
        trials = plan_sweep(TARGET, config, SPEED)
        there = minutes * 60 * SPEED
        assert 0.9 * there < cost(trials) <= there
        assert len(trials) == 9
        assert len({t.shape.width for t in trials}) == 3


def test_measuring_and_seeds_are_paid_from_the_same_minutes() -> None:
    config = ScalingConfig()
    plain = cost(plan_sweep(TARGET, config, SPEED))
    measured = plan_sweep(TARGET, config, SPEED, heldout_tokens=57_000)
    assert cost(measured) < plain
    three = msgspec.structs.replace(config, seeds=3, minutes=4.5)
    trials = plan_sweep(TARGET, three, SPEED)
    assert len(trials) == 27
    assert {t.seed for t in trials} == {1, 2, 3}
    assert cost(trials) == pytest.approx(3 * plain, rel=0.02)


def test_no_trial_reads_more_than_the_model_to_come() -> None:
    trials = plan_sweep(TARGET, ScalingConfig(minutes=600), SPEED)
    assert max(t.tokens for t in trials) == TARGET.tokens
    assert max(t.training.batch for t in trials) == 16


def test_what_would_be_all_warm_up_is_left_out() -> None:
    assert plan_sweep(TARGET, ScalingConfig(minutes=0.01), SPEED) == []
    trials = plan_sweep(TARGET, ScalingConfig(minutes=0.5), SPEED)
    assert trials
    assert min(t.training.steps for t in trials) >= LEAST_STEPS


def test_a_sweep_without_trials_says_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warn_of_none(plan_sweep(TARGET, ScalingConfig(minutes=5), SPEED))
    assert capsys.readouterr().err == ""
    warn_of_none(plan_sweep(TARGET, ScalingConfig(minutes=0.01), SPEED))
    assert f"fewer than {LEAST_STEPS}" in capsys.readouterr().err


def test_a_batch_grows_as_the_root_of_the_text() -> None:
    config = ScalingConfig(minutes=60, budgets=(0.25, 1.0))
    short, long = plan_sweep(TARGET, config, SPEED)[:2]
    assert (short.training.batch, long.training.batch) == (8, 16)
    assert short.training.steps == pytest.approx(
        long.training.steps / 2, abs=1
    )


@given(st.floats(1e8, 1e13))
def test_fixed_steps_do_not_depend_on_the_machine(
    speed: float,
) -> None:
    config = ScalingConfig(steps=120)
    trials = plan_sweep(TARGET, config, speed, 57_000)
    assert trials == plan_sweep(TARGET, config)
    steps = max(t.training.steps for t in trials)
    assert steps == pytest.approx(120, rel=0.15)


def test_a_trial_keeps_all_but_size_and_length() -> None:
    for trial in plan_sweep(TARGET, ScalingConfig(), SPEED):
        same = msgspec.structs.replace(
            trial.training,
            steps=0, minutes=5.0, compile="auto", batch=16,
        )
        assert same == TARGET.training


@given(
    share=st.floats(0.05, 1.0),
    form=st.sampled_from(["gpt2", "llama", "qwen3", "nanochat"]),
    heads=st.sampled_from([1, 2, 6]),
    tied=st.booleans(),
)
def test_a_smaller_shape_is_one_that_can_be(
    share: float, form: str, heads: int, tied: bool
) -> None:
    whole = make_config(
        form=form, vocab_size=64, layers=3, width=24, heads=heads,
        kv_heads=1, context=8, tied=tied,
    )
    small = shrink(whole, share)
    count = parameters(small)["total"]
    assert count <= parameters(whole)["total"]
    model = Transformer(small)
    assert sum(w.numel() for w in model.parameters()) == count
    assert shrink(whole, 1.0) == whole


def test_seeds_of_a_cell_are_one_point_and_failures_none() -> None:
    def result(name: str, seed: int, loss: float, **more: Any) -> Any:
        return Result(
            key=f"{name}{seed}", name=name, seed=seed, parameters=10,
            tokens=100, steps=1, flops=1.0, loss=loss,
            bits_per_byte=loss / 2, **more,
        )

    points = mean_over_seeds([
        result("a", 1, 3.0), result("a", 2, 5.0),
        result("b", 1, 0.0, problem="broke"), result("c", 1, 2.0),
    ])
    assert [p["loss"] for p in points] == [4.0, 2.0]
    assert [p["seeds"] for p in points] == [2, 1]
    assert points[0]["low"] < 4.0 < points[0]["high"]
    assert points[0]["bits_per_byte"] == 2.0
