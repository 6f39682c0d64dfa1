from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hornbook.base.store import read_jsonl
from hornbook.model.transformer import Transformer
from hornbook.training.average import Average, averaged, exchange
from hornbook.training.loss import next_token_loss

VALUES = st.lists(st.floats(-9, 9), min_size=1, max_size=30)


def follow(values: list[float], keep: float) -> Average:
    """Let a weight take values, from zero, and its mean follow."""
    weight = nn.Parameter(torch.zeros(1))
    mean = Average([weight], keep)
    for step, value in enumerate(values):
        weight.data.fill_(value)
        mean.step(step, 1.0)
    return mean


@given(values=VALUES, keep=st.floats(0, 0.999))
def test_the_mean_lies_among_the_steps(
    values: list[float], keep: float
) -> None:
    (mean,) = follow(values, keep).means
    ends = [0.0, *values]
    assert min(ends) - 1e-4 <= float(mean) <= max(ends) + 1e-4


def test_a_long_mean_is_the_running_one() -> None:
    values = [float(n % 7) for n in range(400)]
    (mean,) = follow(values, 0.9).means
    expected = 0.0
    for value in values:
        expected = 0.9 * expected + 0.1 * value
    assert float(mean) == pytest.approx(expected, rel=1e-4)


def test_the_beginning_is_soon_forgotten() -> None:
    # A plain mean would still hold 0.999^30 = 97% of the zero
    (mean,) = follow([1.0] * 30, 0.999).means
    assert float(mean) > 0.99


def test_a_model_is_its_mean_for_a_while() -> None:
    mean = follow([1.0, 3.0], 0.5)
    weight = mean.weights[0].detach()
    between = float(mean.means[0])
    with pytest.raises(KeyError), averaged([object(), mean]):
        assert float(weight) == between != 3.0
        raise KeyError
    assert float(weight) == 3.0 and float(mean.means[0]) == between
    exchange([mean])
    assert float(weight) == between


def test_training_ends_with_the_mean_that_it_measures(
    train_tiny: Any, tmp_path: Path
) -> None:
    seen: list[Transformer] = []

    def objective(model: Transformer, **batch: Any) -> torch.Tensor:
        seen.append(model)
        return next_token_loss(model, **batch)

    def evaluate() -> dict[str, float]:
        return {"total": float(seen[-1].head.weight.sum())}

    found = {}
    for keep in (0.0, 0.9):
        _, model = train_tiny(
            str(keep), ema=keep, objective=objective, evaluate=evaluate
        )
        lines = read_jsonl(tmp_path / str(keep) / "metrics.jsonl")
        totals = [line["total"] for line in lines if "total" in line]
        end = model.head.weight.detach().sum()
        assert totals[-1] == float(end)
        found[keep] = [line.get("loss") for line in lines], totals
    # The mean changes what is measured, and no step
    assert found[0.0][0] == found[0.9][0]
    assert found[0.0][1] != found[0.9][1]


def test_a_stopped_training_goes_on_with_its_mean(
    train_tiny: Any, tmp_path: Path
) -> None:
    def same(one: Transformer, two: Transformer) -> bool:
        pairs = zip(one.parameters(), two.parameters(), strict=True)
        return all(torch.equal(a, b) for a, b in pairs)

    _, whole = train_tiny("whole", ema=0.9)

    calls: list[int] = []

    def breaks(model: Transformer, **batch: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 8:
            raise KeyError
        return next_token_loss(model, **batch)

    often = {"ema": 0.9, "save_seconds": 1e-9}
    with pytest.raises(KeyError):
        train_tiny("parts", objective=breaks, **often)
    _, parts = train_tiny("parts", **often)
    assert same(whole, parts)

    # Asked once more, a finished training gives the same model
    _, again = train_tiny("parts", **often)
    assert same(whole, again)
    assert not same(whole, train_tiny("plain")[1])
