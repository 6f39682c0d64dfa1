import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from hornbook.base.errors import CorruptFileError, ModelError
from hornbook.inference.bits import bits_per_byte
from hornbook.model.config import make_config
from hornbook.model.count import parameters
from hornbook.tokenizer.shards import TokenShard, write_shard
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.training import trials as module
from hornbook.training.config import TrainingConfig
from hornbook.training.schedule import rate
from hornbook.training.trials import (
    Text,
    Trial,
    check_course,
    learn,
    pace,
    run_trials,
    training_step,
    trial_key,
)

TOK = Tokenizer.train(["a hat is a hat"], 270, "gpt2", SPECIALS)
STORY = "a hat is not a coat; a coat is not a hat. " * 12


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Text:
    """A few documents to learn from, and one to be measured on."""
    folder = tmp_path_factory.mktemp("tokens")
    write_shard(folder / "train.bin", [STORY] * 4, TOK)
    write_shard(folder / "heldout.bin", ["is a coat a hat"] * 3, TOK)
    return Text(
        TokenShard.open(folder / "train.bin", TOK),
        TokenShard.open(folder / "heldout.bin", TOK),
    )


def trial(width: int = 16, seed: int = 1, **settings: Any) -> Trial:
    """A training of a moment."""
    usual: dict[str, Any] = {
        "steps": 3, "batch": 2, "precision": "fp32", "compile": "off",
    }
    return Trial(
        name=f"width {width}",
        shape=make_config(
            form="nanochat", vocab_size=TOK.vocab_size, layers=1,
            width=width, heads=2, context=16,
        ),
        training=TrainingConfig(**usual | settings),
        seed=seed,
    )


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the trials that were really run."""
    names: list[str] = []

    def noted(one: Trial, shard: TokenShard) -> Any:
        names.append(one.name)
        return learn(one, shard)

    monkeypatch.setattr(module, "learn", noted)
    yield names


def test_a_trial_says_what_it_cost_and_gave(
    text: Text, tmp_path: Path
) -> None:
    one = trial()
    (result,) = run_trials([one], text, tmp_path / "log.jsonl")
    assert result.tokens == one.tokens == 3 * 2 * 16
    assert result.parameters == parameters(one.shape)["total"]
    model, steps = learn(one, text.train)
    assert steps == result.steps == 3
    bits = bits_per_byte(model, text.heldout)
    assert result.loss == bits.nats_per_token
    assert result.bits_per_byte == bits.value
    assert not result.problem


def test_equal_trials_have_equal_losses_and_seeds_differ(
    text: Text, tmp_path: Path
) -> None:
    losses = [
        run_trials([trial(seed=seed)], text, tmp_path / name)[0].loss
        for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    ]
    assert losses[0] == losses[1] != losses[2]


def test_a_stopped_series_goes_on_with_the_first_unfinished(
    text: Text, tmp_path: Path, learned: list[str]
) -> None:
    log = tmp_path / "log.jsonl"
    three = [trial(width) for width in (8, 16, 24)]
    whole = run_trials(three, text, log)
    assert learned == ["width 8", "width 16", "width 24"]

    # Kill it in the middle of the second trial's line
    lines = log.read_text(encoding="utf-8").splitlines()
    log.write_text(lines[0] + "\n" + lines[1][:30], encoding="utf-8")
    learned.clear()
    again = run_trials(three, text, log)
    assert learned == ["width 16", "width 24"]
    assert [r.loss for r in again] == [r.loss for r in whole]
    assert len(log.read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize(
    "other", [{"lr": 0.1}, {"steps": 4}, {"batch": 1}]
)
def test_what_was_asked_otherwise_is_another_trial(
    text: Text, tmp_path: Path, learned: list[str], other: Any
) -> None:
    log = tmp_path / "log.jsonl"
    run_trials([trial()], text, log, "source")
    run_trials([trial()], text, log, "source")
    assert len(learned) == 1
    run_trials([trial(**other)], text, log, "source")
    run_trials([trial()], text, log, "other source")
    assert len(learned) == 3


def test_a_failed_trial_is_marked_and_the_next_begins(
    text: Text, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    hungry = trial(width=8, batch=10_000)
    broken = trial(width=24, lr=1e36, lr_embedding=1e36, steps=6)
    results = run_trials([hungry, broken, trial()], text, log)
    assert "too few for one batch" in results[0].problem
    assert "is not finite" in results[1].problem
    assert results[2].loss > 0 and not results[2].problem
    assert json.loads(log.read_text("utf-8").splitlines()[0])["problem"]


def test_a_defect_of_ours_is_not_hidden(
    text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "learn", defect)
    with pytest.raises(ZeroDivisionError):
        run_trials([trial()], text, tmp_path / "log.jsonl")


def test_a_log_of_something_else_is_refused(
    text: Text, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1}\n', encoding="utf-8")
    with pytest.raises(CorruptFileError, match="delete it"):
        run_trials([trial()], text, log)


def test_a_step_is_made_as_training_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[int] = []
    monkeypatch.setattr(module, "use_threads", threads.append)
    shape = make_config(vocab_size=23, layers=1, width=16, context=8)
    config = TrainingConfig(batch=3, compile="off", precision="fp32")
    step = training_step(shape, config, threads=2)
    assert [step(), step()] == [24, 24]
    assert threads == [2]


def test_a_name_is_for_people_alone(
    text: Text, tmp_path: Path, learned: list[str]
) -> None:
    log = tmp_path / "log.jsonl"
    one = trial()
    two = msgspec.structs.replace(one, name="the same, told otherwise")
    results = run_trials([one, two], text, log)
    assert learned == [one.name]
    assert [r.name for r in results] == [one.name, two.name]
    assert results[0].loss == results[1].loss


@pytest.mark.parametrize(
    "other", [{"seed": 2}, {"seconds": 9.0}]
)
def test_whatever_changes_the_result_makes_it_new(
    text: Text, other: Any
) -> None:
    one = trial()
    two = msgspec.structs.replace(one, **other)
    assert trial_key(one, text, "") != trial_key(two, text, "")


def test_a_budget_of_steps_is_kept_to() -> None:
    assert list(pace(trial(steps=3))) == [(0, 3), (1, 3), (2, 3)]


def test_a_budget_of_time_ends_the_schedule_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A clock on which every step takes a tenth of a second
    clock = (n / 10 for n in itertools.count())
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    timed = msgspec.structs.replace(trial(steps=0), seconds=5.0)
    found = list(pace(timed))
    assert [step for step, _ in found] == list(range(50))
    left = [steps - step for step, steps in found]
    assert left[1] > 40 and left[-1] == 1
    config = TrainingConfig(warmup=0.1, decay=0.5)
    rates = [rate(config, step, steps) for step, steps in found]
    assert rates[0] < 0.1 and max(rates) == 1 and rates[-1] < 0.1


def test_a_trial_by_the_clock_says_how_far_it_came(
    text: Text, tmp_path: Path
) -> None:
    timed = msgspec.structs.replace(trial(steps=0), seconds=0.2)
    (result,) = run_trials([timed], text, tmp_path / "log.jsonl")
    assert not result.problem and result.steps >= 1
    assert result.tokens == result.steps * 2 * 16
    assert result.flops > 0 and result.seconds > 0.2


def test_a_trial_that_goes_astray_is_stopped() -> None:
    check_course([3.0, *[3.9] * 30])
    check_course([3.0, *[9.0] * 9])
    check_course([3.0, *[9.0] * 20, *[2.0] * 10])
    with pytest.raises(ModelError, match="began at 3.00 and was 9.00"):
        check_course([3.0, *[9.0] * 10])


def test_a_diverged_trial_keeps_its_reason(
    text: Text, tmp_path: Path, learned: list[str]
) -> None:
    log = tmp_path / "log.jsonl"
    # Without a cap on its logits, this form runs away
    shape = make_config(
        vocab_size=TOK.vocab_size, width=16, layers=1, context=16
    )
    tame = trial(steps=500, optimizer="adamw", lr=3.0)
    wild = msgspec.structs.replace(tame, shape=shape)
    for _ in range(2):
        (result,) = run_trials([wild], text, log)
        assert result.problem.startswith("diverged: the loss began at")
    # It was stopped long before its end, and is not tried again
    assert int(re.findall(r"step (\d+)", result.problem)[0]) < 100
    assert len(learned) == 1


def test_a_trial_ends_with_its_mean(text: Text) -> None:
    plain, _ = learn(trial(steps=5), text.train)
    mean, _ = learn(trial(steps=5, ema=0.9), text.train)
    pairs = zip(plain.parameters(), mean.parameters(), strict=True)
    assert not all(torch.equal(one, two) for one, two in pairs)


def test_a_model_that_cannot_be_built_is_a_failed_trial(
    text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("no such model; choose another")

    monkeypatch.setattr(module, "learn", refuse)
    (result,) = run_trials([trial()], text, tmp_path / "log.jsonl")
    assert result.problem == "no such model; choose another"
    assert result.loss == 0.0
