import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hornbook.base.errors import DataError
from hornbook.training.diagnose import (
    Diagnosis,
    diagnose,
    gather,
    jumps,
)

Train = Callable[..., Diagnosis]
ROW = 17


def sentences(rows: int, seed: int, noise: int = 4) -> Tensor:
    """Write rows in which a token leaves ``noise`` choices open."""
    random = torch.Generator().manual_seed(seed)
    row = [torch.randint(23, (rows,), generator=random)]
    for _ in range(ROW - 1):
        step = torch.randint(noise, (rows,), generator=random)
        row.append((5 * row[-1] + step) % 23)
    return torch.stack(row, dim=1)


@pytest.fixture
def trained(tmp_path: Path) -> Train:
    """Trains a tiny model in a run's folder, and diagnoses it."""
    from hornbook.base.store import write_json
    from hornbook.model.config import make_config
    from hornbook.model.count import describe
    from hornbook.model.transformer import Transformer
    from hornbook.training.config import TrainingConfig
    from hornbook.training.loop import Hooks, train
    from hornbook.training.loss import next_token_loss

    def run(
        text: Tensor,
        steps: int,
        planned: int = 0,
        width: int = 16,
        noise: int = 4,
        **settings: Any,
    ) -> Diagnosis:
        # Train on the text, row after row, and watch other text
        shape = make_config(
            vocab_size=23, layers=1, width=width, heads=2, context=16
        )
        model, other = Transformer(shape), sentences(64, 99, noise)
        usual = {"precision": "fp32", "compile": "off", "batch": 16}
        config = TrainingConfig(**usual | settings)

        def batches(step: int) -> dict[str, Tensor]:
            at = (torch.arange(16) + 16 * step) % len(text)
            return {"ids": text[at, :-1], "targets": text[at, 1:]}

        def heldout() -> dict[str, float]:
            ids, targets = other[:, :-1], other[:, 1:]
            loss = next_token_loss(model, ids, targets)
            return {"heldout_loss": float(loss)}

        train(
            model, next_token_loss, batches, config, steps,
            tmp_path / "checkpoints", tmp_path / "metrics.jsonl", {},
            Hooks(heldout),
        )

        # Leave beside it what a run leaves
        write_json(tmp_path / "model.json", describe(shape))
        tokens = {"tokens": len(text) * (ROW - 1)}
        write_json(tmp_path / "tokens" / "train.json", tokens)
        plan = {"trainings": {"pretrain": {"steps": planned or steps}}}
        write_json(tmp_path / "plan.json", plan)
        asked = {"pretrain": {"steps": steps, "lr": config.lr}}
        write_json(tmp_path / "run.json", {"recipe": asked})
        return diagnose(tmp_path)

    return run


def names(found: Diagnosis) -> list[str]:
    """Name what is wrong."""
    return [each.name for each in found.wrong]


def test_a_sound_training_has_nothing_wrong(trained: Train) -> None:
    found = trained(sentences(16 * 400, 1), 400)
    assert names(found) == []
    assert all(each.evidence for each in found.findings)
    assert not any(each.command for each in found.findings)
    assert "1.39" in found.findings[0].evidence


def test_a_text_learned_by_heart_is_over_fitted(
    trained: Train, tmp_path: Path
) -> None:
    found = trained(sentences(16, 1), 120, width=64)
    assert names(found)[0] == "over-fitted"
    worst = found.wrong[0]
    best = min(gather(tmp_path).heldout, key=lambda pair: pair[1])
    assert f"{best[1]:.3f} at step {best[0]}" in worst.evidence
    assert worst.command.endswith(f"--set pretrain.steps={best[0]}")


def test_a_text_read_too_often_starves_without_memory(
    trained: Train,
) -> None:
    found = trained(sentences(64, 1, noise=1), 120, noise=1)
    assert names(found) == ["starved of data"]
    assert "1,024 tokens" in found.wrong[0].evidence
    assert "read 30.0 times" in found.wrong[0].evidence
    assert "pretrain.steps=16" in found.wrong[0].command


def test_too_high_a_rate_diverges(trained: Train) -> None:
    hot = {"lr": 2.0, "optimizer": "adamw", "clip": 0.0}
    found = trained(sentences(16 * 120, 1), 120, **hot)
    assert names(found)[0] == "diverged, or too hot"
    assert "--set pretrain.lr=0.67" in found.wrong[0].command


def test_a_training_that_ends_while_it_learns_is_under_trained(
    trained: Train,
) -> None:
    low = {"lr": 0.002, "lr_embedding": 0.005, "lr_head": 0.0004}
    found = trained(sentences(16 * 120, 1), 120, **low)
    assert names(found) == ["under-trained"]
    assert "9.2 tokens for each" in found.wrong[0].evidence
    assert found.wrong[0].command.endswith("pretrain.steps=240")


def write(folder: Path, loss: list[float], **files: Any) -> Path:
    """Write a log by hand, and other files beside it."""
    lines = [
        {"step": step, "loss": value, "tokens": 100 * step}
        for step, value in enumerate(loss, start=1)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
    for name, value in files.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(value), encoding="utf-8")
    return folder


def test_a_stopped_training_is_to_go_on(tmp_path: Path) -> None:
    plan = {"trainings": {"pretrain": {"steps": 900}}}
    falling = [3 * 0.99**step + 1 for step in range(300)]
    found = diagnose(write(tmp_path, falling, plan=plan))
    assert names(found) == ["under-trained"]
    assert "300 steps of 900" in found.wrong[0].evidence
    assert found.wrong[0].command == f"hornbook pretrain {tmp_path}"


def test_minutes_are_changed_where_minutes_were_given(
    tmp_path: Path,
) -> None:
    asked = {"recipe": {"pretrain": {"minutes": 2.5}}}
    found = diagnose(write(tmp_path, [3.0, 2.0, 1.0], run=asked))
    assert "pretrain.minutes=5" in found.wrong[0].command


def test_a_loss_that_rises_again_diverged(tmp_path: Path) -> None:
    falling = [3 * 0.98**step + 1 for step in range(200)]
    found = diagnose(write(tmp_path, falling + [1.4] * 100))
    assert names(found)[0] == "diverged, or too hot"
    noise = [1.05 if step % 2 else 1.0 for step in range(100)]
    found = diagnose(write(tmp_path, falling + noise))
    assert "diverged, or too hot" not in names(found)


def test_a_jump_is_a_leap_above_the_steps_before() -> None:
    calm = [2.0] * 30
    assert jumps(calm) == 0
    assert jumps([*calm, 3.5, *calm]) == 1
    assert jumps([9.0] * 5) == 0
    assert jumps([5.0] * 20 + calm) == 0


def test_a_run_without_a_training_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="hornbook pretrain"):
        diagnose(tmp_path)
