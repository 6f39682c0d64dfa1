import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hornbook.base.errors import DataError
from hornbook.base.store import read_jsonl
from hornbook.tokenizer.shards import write_shard
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.diagnose import Diagnosis, diagnose, jumps
from hornbook.training.evidence import gather
from hornbook.training.health import Unsound

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


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Trains a tiny model in a run's folder, and diagnoses it."""
    from contextlib import suppress

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
        objective: Any = next_token_loss,
        **settings: Any,
    ) -> Diagnosis:
        # Train on the text, row after row, and watch other text
        folder = tmp_path_factory.mktemp("run")
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

        with suppress(Unsound):
            train(
                model, objective, batches, config, steps,
                folder / "checkpoints", folder / "metrics.jsonl", {},
                Hooks(heldout),
            )

        # Leave beside it what a run leaves
        write_json(folder / "model.json", describe(shape))
        tokens = {"tokens": len(text) * (ROW - 1)}
        write_json(folder / "tokens" / "train.json", tokens)
        plan = {"trainings": {"pretrain": {"steps": planned or steps}}}
        write_json(folder / "plan.json", plan)
        asked = {
            "steps": steps, "lr": config.lr, "clip": config.clip,
            "optimizer": config.optimizer, "lr_head": config.lr_head,
            "lr_embedding": config.lr_embedding,
        }
        write_json(folder / "run.json", {"recipe": {"pretrain": asked}})
        return diagnose(folder)

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
    trained: Train,
) -> None:
    found = trained(sentences(16, 1), 120, width=64)
    assert names(found)[0] == "over-fitted"
    worst = found.wrong[0]
    folder = Path(worst.command.split()[2])
    best = min(gather(folder)[0].heldout, key=lambda pair: pair[1])
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


def test_a_rate_far_too_high_is_too_hot(trained: Train) -> None:
    hot = {"lr": 1.0, "optimizer": "adamw"}
    found = trained(sentences(16 * 120, 1), 120, **hot)
    assert "too hot" in names(found)
    hottest = found.wrong[names(found).index("too hot")]
    assert "of gradients were shortened" in hottest.evidence
    assert "--set pretrain.lr=0.33" in hottest.command
    assert "lr_head" not in hottest.command


def test_a_training_that_breaks_has_diverged(trained: Train) -> None:
    from hornbook.training.loss import next_token_loss

    calls = []

    def objective(model: Any, ids: Tensor, targets: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) == 60:
            model.head.weight.data[0, 0] = float("nan")
        return next_token_loss(model, ids, targets)

    text = sentences(16 * 120, 1)
    found = trained(text, 120, objective=objective)
    assert names(found) == ["diverged"]
    assert "stopped at step 60" in found.wrong[0].evidence
    assert "at fault: weight head.weight" in found.wrong[0].evidence
    assert found.wrong[0].command.endswith("--force")
    for name in ("lr", "lr_embedding", "lr_head"):
        assert f"--set pretrain.{name}=" in found.wrong[0].command


def test_a_vocabulary_of_other_text_is_told(
    trained: Train, tmp_path: Path
) -> None:
    # Learn a vocabulary from the text itself, and one from another
    articles = resources.files("hornbook") / "recipes/smoke"
    path = Path(str(articles)) / "articles.jsonl"
    text = [line["extract"] for line in read_jsonl(path)[:100]]
    other = ["Жили-были дед да баба, и была у них курочка ряба"] * 40
    found = {}
    for name, learned in (("own", text), ("foreign", other)):
        folder = tmp_path / name
        tok = Tokenizer.train(learned, vocab_size=400)
        tok.save(folder / "tokenizer")
        for part in ("train", "heldout"):
            path = folder / "tokens" / f"{part}.bin"
            write_shard(path, text, tok)
        write(folder, [3 * 0.95**step + 1 for step in range(300)])
        found[name] = diagnose(folder)
    assert names(found["own"]) == []
    assert names(found["foreign"]) == ["tokenizer mismatch"]
    worst = found["foreign"].wrong[0]
    assert "100% of the learned tokens never occur" in worst.evidence
    assert "--from tokenize --until pretrain --force" in worst.command

    # Put one in the place of the other, behind the shards
    foreign = Tokenizer.load(tmp_path / "foreign" / "tokenizer")
    foreign.save(tmp_path / "own" / "tokenizer")
    changed = diagnose(tmp_path / "own")
    assert names(changed)[0] == "tokenizer mismatch"
    assert "are of another tokenizer" in changed.wrong[0].evidence


def test_tunings_are_looked_at_as_well(tmp_path: Path) -> None:
    # A sound pretraining, and three tunings
    sound = [3 * 0.95**step + 1 for step in range(300)]
    run = {"recipe": {}, "stages": {}}
    run["recipe"]["finetune"] = {
        "heart": {"epochs": 9.0, "optimizer": "adamw", "lr": 0.01},
        "cold": {"epochs": 3.0}, "fine": {"epochs": 3.0},
    }
    for name, each in run["recipe"]["finetune"].items():
        result = {"epochs": each["epochs"], "steps": 200}
        run["stages"][f"finetune.{name}"] = {"result": result}
    write(tmp_path, sound, run=run)
    for name, fall in (("heart", 0.9), ("cold", 1.0), ("fine", 0.99)):
        curve = [2.4 * fall**step for step in range(200)]
        logs = tmp_path / "logs" / name
        write(logs, curve)
        target = tmp_path / "finetune" / f"{name}.jsonl"
        target.parent.mkdir(exist_ok=True)
        (logs / "metrics.jsonl").rename(target)

    # Each has its findings and its command
    found = diagnose(tmp_path)
    told = {(each.training, each.name) for each in found.wrong}
    assert told == {
        ("finetune.heart", "over-fitted"),
        ("finetune.heart", "starved of data"),
        ("finetune.cold", "diverged"),
        ("finetune.cold", "under-trained"),
    }
    heart = next(e for e in found.wrong if e.name == "over-fitted")
    assert heart.command == (
        f"hornbook finetune {tmp_path} --set finetune.heart.epochs=4.5"
    )


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
    folder.mkdir(parents=True, exist_ok=True)
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
    assert names(found)[0] == "diverged"
    noise = [1.05 if step % 2 else 1.0 for step in range(100)]
    found = diagnose(write(tmp_path, falling + noise))
    assert "diverged" not in names(found)


def test_a_jump_is_a_leap_above_the_steps_before() -> None:
    calm = [2.0] * 30
    assert jumps(calm) == 0
    assert jumps([*calm, 3.5, *calm]) == 1
    assert jumps([9.0] * 5) == 0
    assert jumps([5.0] * 20 + calm) == 0


def test_a_run_without_a_training_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="hornbook pretrain"):
        diagnose(tmp_path)
