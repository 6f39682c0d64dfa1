import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from hornbook.base.store import read_jsonl
from hornbook.training.checkpoint import found
from hornbook.training.health import PATIENCE, Unsound, Watch
from hornbook.training.loss import next_token_loss

ALWAYS = {"save_seconds": 1e-9}


def first_spike(losses: list[float], spike: float = 10.0) -> int:
    """Give the step at which a watch stops a curve; 0: never."""
    watch = Watch(spike)
    for step, loss in enumerate(losses, start=1):
        if watch.spiked(loss):
            return step
    return 0


def curve(steps: int, seed: int, noise: float = 0.1) -> list[float]:
    """Make a curve as trainings have: steep, then flat, and noisy."""
    draw = random.Random(seed)
    return [
        4 + 4 * math.exp(-8 * s / steps) + draw.gauss(0, noise)
        for s in range(steps)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_sound_curve_is_never_stopped(seed: int) -> None:
    assert not first_spike(curve(900, seed))
    assert not first_spike(curve(60, seed))
    assert not first_spike(curve(900, seed, noise=0.6))
    assert not first_spike(curve(900, seed, noise=0.0))


def test_a_curve_that_leaves_for_good_is_stopped() -> None:
    sound = curve(300, 1)
    away = [loss + 3 for loss in curve(300, 2)[-60:]]
    stop = first_spike(sound + away)
    assert PATIENCE <= stop - 300 < PATIENCE + 5
    assert not first_spike(sound + away, spike=0)
    assert not first_spike(sound + away, spike=100)


def test_a_curve_that_explodes_at_once_is_stopped() -> None:
    start = [6.9, 6.8, 6.9, 7.5]
    assert first_spike([*start, *(9 + s / 9 for s in range(90))])


def test_a_spike_that_comes_down_is_let_be() -> None:
    sound = curve(300, 1)
    down = [9 - s / 20 for s in range(90)]
    assert not first_spike(sound + down + sound[-50:])
    few = [9.0] * (PATIENCE - 1)
    assert not first_spike(sound + few + sound[-50:] + few)


def test_a_watch_recalls_what_was_logged() -> None:
    sound = curve(300, 1)
    fresh, told = Watch(10.0), Watch(10.0)
    told.recall([*sound, 9.0])
    assert not told.calm and fresh.calm
    assert sum(told.spiked(9.0) for _ in range(PATIENCE - 1)) == 1
    assert sum(fresh.spiked(9.0) for _ in range(PATIENCE)) == 0


def break_layer(model: Any, loss: Tensor) -> Tensor:
    layer = model.blocks[0].attention
    if not layer._forward_hooks:
        layer.register_forward_hook(lambda _l, _g, made: made / 0)
    return loss * float("nan")


def break_weight(model: Any, loss: Tensor) -> Tensor:
    model.blocks[0].attention.to_out.weight.data[0, 0] = float("inf")
    return loss * float("inf")


def break_gradient(model: Any, loss: Tensor) -> Tensor:
    return loss + (0 * model.head.weight).sum().sqrt()


def break_loss(model: Any, loss: Tensor) -> Tensor:
    return loss * float("nan")


@pytest.mark.parametrize(
    ("breaks", "kind", "tensor"),
    [
        (break_layer, "activation", "blocks.0.attention"),
        (break_weight, "weight", "blocks.0.attention.to_out.weight"),
        (break_gradient, "gradient", "head.weight"),
        (break_loss, "loss", ""),
    ],
)
def test_the_first_tensor_at_fault_is_named(
    breaks: Any, kind: str, tensor: str, train_tiny: Any, tmp_path: Path
) -> None:
    calls = []

    def objective(model: Any, ids: Tensor, targets: Tensor) -> Tensor:
        calls.append(1)
        loss = next_token_loss(model, ids, targets)
        return breaks(model, loss) if len(calls) >= 6 else loss

    with pytest.raises(Unsound, match="step 6 was not made") as caught:
        train_tiny(objective=objective, **ALWAYS)
    text = str(caught.value)
    assert tensor in text and "--force" in text

    # The log keeps it, and the checkpoint before it is sound
    log = tmp_path / "run" / "metrics.jsonl"
    line = read_jsonl(log)[-1]
    assert (line["event"], line["step"]) == ("stopped", 6)
    assert (line["kind"], line["tensor"]) == (kind, tensor)
    assert math.isfinite(line["largest_gradient"])
    json.loads(log.read_bytes().splitlines()[-1], parse_constant=exit)
    newest = found(tmp_path / "run" / "checkpoints")[-1]
    assert newest.name == "step-0000005"


def test_the_steepest_gradient_is_measured(
    train_tiny: Any, tmp_path: Path
) -> None:
    def objective(model: Any, ids: Tensor, targets: Tensor) -> Tensor:
        loss = next_token_loss(model, ids, targets)
        steep = 1e3 * model.blocks[0].attention.to_out.weight[0, 0]
        return loss + steep + break_gradient(model, loss)

    with pytest.raises(Unsound):
        train_tiny(objective=objective)
    line = read_jsonl(tmp_path / "run" / "metrics.jsonl")[-1]
    assert line["steepest"] == "blocks.0.attention.to_out.weight"
    assert line["largest_gradient"] == pytest.approx(1e3, rel=0.01)


def test_every_step_logs_its_gradient_s_length(
    train_tiny: Any, tmp_path: Path
) -> None:
    train_tiny(steps=5, clip=1e-3)
    lines = read_jsonl(tmp_path / "run" / "metrics.jsonl")
    assert len(lines) == 5
    # It is the length before it was shortened
    assert all(line["grad"] > 0.01 for line in lines)


def test_broken_weights_are_not_saved(
    train_tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "hornbook.training.loop.rate",
        lambda _config, step, _: math.inf if step == 11 else 1.0,
    )
    with pytest.raises(Unsound, match="the weight .* is not finite"):
        train_tiny(**ALWAYS)
    newest = found(tmp_path / "run" / "checkpoints")[-1]
    assert newest.name == "step-0000011"
    line = read_jsonl(tmp_path / "run" / "metrics.jsonl")[-1]
    assert (line["event"], line["kind"]) == ("stopped", "weight")


def test_a_spike_stops_and_saves_nothing_of_itself(
    train_tiny: Any, tmp_path: Path
) -> None:
    def objective(model: Any, ids: Tensor, targets: Tensor) -> Tensor:
        calls.append(1)
        loss = next_token_loss(model, ids, targets)
        return loss + (30.0 if len(calls) > 30 else 0.0)

    calls: list[int] = []
    with pytest.raises(Unsound, match="does not come down"):
        train_tiny(objective=objective, steps=80, **ALWAYS)
    line = read_jsonl(tmp_path / "run" / "metrics.jsonl")[-1]
    assert line["kind"] == "spike" and 50 <= line["step"] < 60
    assert line["tensor"] == line["steepest"] != ""
    newest = found(tmp_path / "run" / "checkpoints")[-1]
    assert newest.name == "step-0000030"
    calls.clear()
    done, _ = train_tiny(
        "free", objective=objective, steps=80, spike=0.0
    )
    assert done.step == 80
