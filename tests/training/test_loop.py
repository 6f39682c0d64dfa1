from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hornbook.base.errors import (
    DiskError,
    ModelError,
    RecipeError,
)
from hornbook.base.store import read_jsonl
from hornbook.model import exchange
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training import checkpoint
from hornbook.training.batches import count_targets
from hornbook.training.checkpoint import found
from hornbook.training.config import TrainingConfig
from hornbook.training.loop import Trainer, cut_log
from hornbook.training.loss import IGNORE, language_loss

ALWAYS = {"save_seconds": 1e-9}


class Stop(Exception):
    """Breaks a training off from inside, as a defect would."""


def numbers(log: Path) -> list[dict[str, Any]]:
    """Read a log without its clock."""
    lines = read_jsonl(log)
    for line in lines:
        assert line.pop("seconds") >= 0
    return lines


def losses(log: Path) -> list[float]:
    return [line["loss"] for line in numbers(log) if "loss" in line]


def stop_at(call: int) -> Any:
    """Give a hook that breaks off at one of its calls."""
    calls = []

    def evaluate() -> dict[str, float]:
        calls.append(1)
        if len(calls) == call:
            raise Stop
        return {}

    return evaluate


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("form", ["gpt2", "nanochat"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_loss_falls(
    train_tiny: Any, tmp_path: Path, form: str, optimizer: str
) -> None:
    done, model = train_tiny(
        steps=40, form=form, optimizer=optimizer, lr=0.02
    )
    fall = losses(tmp_path / "run" / "metrics.jsonl")
    assert fall[0] == pytest.approx(3.13, abs=0.1)
    assert fall[-1] < 0.6 * fall[0]
    assert (done.step, done.tokens) == (40, 40 * 64)
    assert all(weight.grad is None for weight in model.parameters())


def test_a_training_that_is_late_says_so(
    train_tiny: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("hornbook.training.pace.FIRST_SECONDS", 0)
    train_tiny("late", steps=4, minutes=1e-6)
    assert "at this speed it takes" in capsys.readouterr().err
    train_tiny("timely", steps=4, minutes=60.0)
    assert "at this speed" not in capsys.readouterr().err


def test_every_step_has_its_line(
    train_tiny: Any, tmp_path: Path
) -> None:
    train_tiny(steps=10, evaluations=2, evaluate=lambda: {"bpb": 1.0})
    lines = numbers(tmp_path / "run" / "metrics.jsonl")
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, 11))
    assert [line["tokens"] for line in steps] == [
        64 * step for step in range(1, 11)
    ]
    assert all(type(line["step"]) is int for line in lines)
    looked = [line["step"] for line in lines if "bpb" in line]
    assert looked == [5, 10]


def test_samples_are_logged_and_shown(
    train_tiny: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train_tiny(
        steps=3, sample=lambda: "a [hat]", sample_seconds=1e-9
    )
    lines = numbers(tmp_path / "run" / "metrics.jsonl")
    found = [line["sample"] for line in lines if "sample" in line]
    assert found == ["a [hat]"] * 3
    assert capsys.readouterr().err.count("    a [hat]\n") == 3


@pytest.mark.parametrize("form", ["gpt2", "nanochat"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_resumed_training_is_bit_identical(
    train_tiny: Any, tmp_path: Path, form: str, optimizer: str
) -> None:
    settings = {
        "form": form, "optimizer": optimizer, "evaluations": 12,
        "weight_decay": 0.1,
    }
    _, whole = train_tiny("whole", evaluate=stop_at(0), **settings)
    with pytest.raises(Stop):
        train_tiny("parts", evaluate=stop_at(5), **ALWAYS, **settings)
    # Step 5 was learnt and logged, and not yet saved
    log = tmp_path / "parts" / "metrics.jsonl"
    assert len(losses(log)) == 5
    _, resumed = train_tiny("parts", evaluate=stop_at(0), **settings)
    assert numbers(log) == numbers(tmp_path / "whole" / "metrics.jsonl")
    assert same_weights(whole, resumed)


def test_a_finished_training_is_not_made_again(
    train_tiny: Any, tmp_path: Path
) -> None:
    _, first = train_tiny()
    newest = found(tmp_path / "run" / "checkpoints")[-1]
    before = (newest / "state.json").stat().st_mtime_ns

    def none(step: int) -> Any:
        raise AssertionError

    done, again = train_tiny(batches=none)
    assert done.step == 12
    assert same_weights(first, again)
    # Nor is its checkpoint put at risk
    assert (newest / "state.json").stat().st_mtime_ns == before


def test_every_step_is_saved_once(
    train_tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, saved = checkpoint.write, []

    def write(taken: Any, *rest: Any) -> int:
        saved.append(taken.progress.step)
        return real(taken, *rest)

    monkeypatch.setattr(checkpoint, "write", write)
    train_tiny(**ALWAYS)
    assert saved == list(range(1, 13))


def test_the_log_is_cut_back_to_the_checkpoint(
    train_tiny: Any, tmp_path: Path
) -> None:
    train_tiny("whole")
    with pytest.raises(Stop):
        train_tiny(
            evaluations=12, evaluate=stop_at(6), **ALWAYS
        )
    log = tmp_path / "run" / "metrics.jsonl"
    with log.open("a", encoding="utf-8") as file:
        file.write('{"step": 7, "loss": 9.0, "seconds": 0}\n')
        file.write('{"step": 8, "lo')
    train_tiny()
    whole = tmp_path / "whole" / "metrics.jsonl"
    assert losses(log) == losses(whole)


def test_cutting_keeps_every_digit(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    text = '{"step":1,"loss":0.1234567890123456789}\n{"sample":"é"}\n'
    log.write_text(text + '{"step":2}\n', encoding="utf-8")
    before = read_jsonl(log)
    cut_log(log, 1)
    assert read_jsonl(log) == before[:2]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(
    value: float, train_tiny: Any, tmp_path: Path
) -> None:
    from hornbook.training.loss import next_token_loss

    calls = []

    def objective(model: Any, ids: Tensor, targets: Tensor) -> Tensor:
        calls.append(1)
        loss = next_token_loss(model, ids, targets)
        return loss * (value if len(calls) == 6 else 1.0)

    with pytest.raises(ModelError, match="step 6 was not made: the"):
        train_tiny(objective=objective, **ALWAYS)
    newest = found(tmp_path / "run" / "checkpoints")[-1]
    assert newest.name == "step-0000005"
    assert len(losses(tmp_path / "run" / "metrics.jsonl")) == 5
    train_tiny("whole")
    train_tiny()
    assert losses(tmp_path / "run" / "metrics.jsonl") == losses(
        tmp_path / "whole" / "metrics.jsonl"
    )


def interrupted(train_tiny: Any, at: int = 5, **settings: Any) -> None:
    """Break a training off that saves after every step."""
    with pytest.raises(Stop):
        train_tiny(
            evaluations=12, evaluate=stop_at(at), **ALWAYS, **settings
        )


def test_changed_settings_are_refused_and_shown(
    train_tiny: Any, tmp_path: Path
) -> None:
    interrupted(train_tiny)
    with pytest.raises(RecipeError) as caught:
        train_tiny(lr=0.5, steps=13)
    text = str(caught.value)
    assert "lr was 0.02 and is now 0.5" in text
    assert "steps was 12 and is now 13" in text
    assert "form" not in text
    assert "--force" in text
    assert len(found(tmp_path / "run" / "checkpoints")) == 2
    # As it was asked for, it still goes on
    assert train_tiny()[0].step == 12


def test_anew_begins_again(train_tiny: Any, tmp_path: Path) -> None:
    interrupted(train_tiny)
    _, model = train_tiny(lr=0.5, anew=True)
    _, fresh = train_tiny("fresh", lr=0.5)
    assert same_weights(model, fresh)
    assert numbers(tmp_path / "run" / "metrics.jsonl") == numbers(
        tmp_path / "fresh" / "metrics.jsonl"
    )


def test_what_was_finished_gives_way_to_new_settings(
    train_tiny: Any,
) -> None:
    train_tiny()
    _, model = train_tiny(lr=0.5)
    assert same_weights(model, train_tiny("fresh", lr=0.5)[1])


def full_disk(
    patch: pytest.MonkeyPatch, times: Callable[[int], bool]
) -> None:
    """Let the disk be full at some of the checkpoints' files."""
    real, calls = exchange.save_file, []

    def full(*args: Any, **options: Any) -> None:
        calls.append(1)
        real(*args, **options)
        if times(len(calls)):
            error = "I/O error: No space left on device"
            raise exchange.SafetensorError(error)

    patch.setattr(exchange, "save_file", full)


def test_training_outlasts_a_full_disk(
    train_tiny: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    full_disk(monkeypatch, lambda call: 6 <= call < 9)
    train_tiny(**ALWAYS)
    names = [p.name for p in found(tmp_path / "run" / "checkpoints")]
    assert names == ["step-0000011", "step-0000012"]
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("training goes on, and tries again") == 3
    assert (
        "warning: the checkpoint of step 3 was not saved: "
        "optimizer.safetensors could not be written (I/O error: No "
        "space left on device); that of step 2 stands"
    ) in said


def test_a_disk_that_stays_full_keeps_the_earlier_checkpoint(
    train_tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        full_disk(patch, lambda call: call >= 6)
        with pytest.raises(DiskError) as caught:
            train_tiny(**ALWAYS)
    text = str(caught.value)
    assert "step 12 was not saved" in text
    assert "that of step 2 stands; free some space" in text
    folder = tmp_path / "run" / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == [
        "step-0000001",
        "step-0000002",
    ]
    train_tiny("whole")
    train_tiny()
    assert losses(tmp_path / "run" / "metrics.jsonl") == losses(
        tmp_path / "whole" / "metrics.jsonl"
    )


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.safetensors", "state.json"]
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_serves(
    name: str,
    train_tiny: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupted(train_tiny)
    _, newest = found(tmp_path / "run" / "checkpoints")
    data = (newest / name).read_bytes()
    (newest / name).write_bytes(data[:-3])
    assert train_tiny()[0].step == 12
    said = capsys.readouterr().err
    assert f"{newest / name} is damaged" in said
    assert "renamed to damaged-step-0000004" in said
    assert "going on from step 3" in said
    train_tiny("whole")
    assert losses(tmp_path / "run" / "metrics.jsonl") == losses(
        tmp_path / "whole" / "metrics.jsonl"
    )
    aside = newest.with_name(f"damaged-{newest.name}")
    assert (aside / name).read_bytes() == data[:-3]


def test_the_best_stays_beside_the_last(
    train_tiny: Any, tmp_path: Path
) -> None:
    looks = {2: 3.0, 4: 1.0, 6: 2.0, 8: float("nan"), 10: 1.0, 12: 5.0}
    waiting = list(looks.values())

    def evaluate() -> dict[str, float]:
        return {"heldout_loss": waiting.pop(0)}

    how = {"evaluations": 6, "keep_best": True, "keep": 1}
    train_tiny(evaluate=evaluate, **how)
    folder = tmp_path / "run" / "checkpoints"
    names = [path.name for path in found(folder)]
    assert names == ["step-0000004", "step-0000012"]
    _, early = train_tiny("early", steps=12, evaluate=stop_at(0))
    best = checkpoint.load_best(folder, early)
    assert best is not None
    assert (best.step, best.heldout_loss) == (4, 1.0)
    weights = load_file(folder / "step-0000004" / "model.safetensors")
    assert all(
        torch.equal(weights[name], weight)
        for name, weight in early.named_parameters()
    )


def test_ignored_targets_are_not_counted() -> None:
    targets = torch.tensor([[1, -100, 0], [-100, -100, 2]])
    assert count_targets({"targets": targets}) == 3


def test_gradients_are_shortened() -> None:
    model = nn.Linear(3, 3, bias=False)
    config = TrainingConfig(
        optimizer="adamw", clip=1e-3, precision="fp32"
    )
    trainer = Trainer(model, lambda m, x: 1e3 * m(x).sum(), config, 9)
    lengths = []
    step = trainer.optimizers[0].step

    def watch(number: int, rate: float) -> None:
        assert model.weight.grad is not None
        lengths.append(float(model.weight.grad.norm()))
        step(number, rate)

    trainer.optimizers[0].step = watch
    trainer.update({"x": torch.ones(2, 3)})
    assert lengths == pytest.approx([1e-3], rel=1e-3)


class Plain:
    """Steps down by the gradient itself."""

    def __init__(self, weights: list[nn.Parameter]) -> None:
        self.weights = weights

    @torch.no_grad()
    def step(self, step: int, rate: float) -> None:
        """Move every weight."""
        for weight in self.weights:
            assert weight.grad is not None
            weight.sub_(weight.grad)

    def state(self) -> dict[str, Tensor]:
        """Remember nothing."""
        return {}


@pytest.mark.parametrize("z_loss", [0.0, 1e-3])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_pieces_of_a_batch_learn_what_the_whole_does(
    rows: int, z_loss: float
) -> None:
    shape = make_config(
        form="nanochat", vocab_size=23, layers=1, width=16, heads=2,
        hidden=32, context=16,
    )
    random = torch.Generator().manual_seed(4)
    ids = torch.randint(23, (6, 17), generator=random)
    targets = ids[:, 1:].clone()
    # One row is ignored whole, others in part
    targets[2] = IGNORE
    targets[4, :11] = IGNORE
    batch = {"ids": ids[:, :-1], "targets": targets}
    ends, losses = [], []
    for size in (0, rows):
        model = Transformer(shape)
        with torch.no_grad():
            for weight in model.parameters():
                weight.normal_(0, 0.2, generator=random.manual_seed(1))
        config = TrainingConfig(
            batch=6, rows=size, precision="fp32", clip=0
        )
        trainer = Trainer(model, language_loss(z_loss), config, 4)
        trainer.optimizers = [Plain(list(model.parameters()))]
        losses.append(trainer.update(batch)[0])
        ends.append(list(model.parameters()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for whole, pieced in zip(*ends, strict=True):
        torch.testing.assert_close(whole, pieced, rtol=1e-5, atol=1e-6)
