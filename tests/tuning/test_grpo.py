import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from hornbook.base.errors import DataError, RecipeError
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tuning.config import TuningConfig, check
from hornbook.tuning.grpo import teach_grpo, tune_reasoning
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.policy import PolicyLoss
from hornbook.tuning.practice import lay_out
from hornbook.tuning.problems import Problem
from hornbook.tuning.reasoning import ReasoningConfig, find_rewards
from hornbook.tuning.rewards import REWARDS, Reward
from hornbook.tuning.tune import METHODS

TOK = Tokenizer.train(
    ["0123456789 "], 12 + len(SPECIALS), "gpt2", SPECIALS, "char"
)
PROBLEMS = [
    Problem(f"{i}", f"{i % 2}", where=f"x.jsonl:{i}") for i in range(20)
]


def settings(**given: Any) -> TuningConfig:
    """A lesson without anything that takes time."""
    reasoning = {"group": 8, "max_tokens": 2, **given}
    return TuningConfig(
        method="grpo",
        optimizer="adamw",
        batch=32,
        lr=0.005,
        precision="fp32",
        evaluations=2,
        save_seconds=1e-6,
        reasoning=ReasoningConfig(**reasoning),
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a base model that has learnt nothing."""
    shape = make_config(
        vocab_size=TOK.vocab_size, layers=1, width=32, heads=2,
        context=12,
    )
    base = tmp_path / "checkpoints" / "base"
    Transformer(shape, seed=1).save(base, "native", TOK)
    return tmp_path


def lines(run: Path, name: str) -> list[dict[str, Any]]:
    """Read a log, without its clocks."""
    text = (run / "finetune" / f"{name}.jsonl").read_text("utf-8")
    found = [json.loads(line) for line in text.splitlines()]
    return [
        {k: v for k, v in line.items() if k != "seconds"}
        for line in found
    ]


def test_a_model_learns_from_verdicts_alone(run: Path) -> None:
    config = settings(heldout=0, rewards={"number": 1.0})
    done = tune_reasoning(Lesson(run, "odd", config, 60, 1), PROBLEMS)
    log = [x for x in lines(run, "odd") if "reward" in x]
    early = sum(x["right"] for x in log[:5]) / 5
    late = sum(x["right"] for x in log[-5:]) / 5
    assert early < 0.2 and late > 0.4
    assert done["problems"] == 20 and done["faults"] == {}
    assert (run / "finetune" / "odd").exists()
    assert not (run / "finetune" / "odd.answers").exists()
    told = {"reward", "reward_number", "right", "no_signal", "length",
            "ended", "entropy", "clipped"}
    assert all(told <= set(x) for x in log)


def test_held_out_problems_are_measured_and_never_asked(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def note(problem: Problem, text: str) -> Reward:
        asked.append(problem.prompt)
        return Reward(0.5, "so so")

    monkeypatch.setitem(REWARDS, "note", note)
    config = settings(heldout=4, rewards={"note": 1.0})
    done = tune_reasoning(Lesson(run, "a", config, 10, 1), PROBLEMS)
    assert done["heldout_problems"] == 4 and done["problems"] == 16
    counts = {p.prompt: asked.count(p.prompt) for p in PROBLEMS}
    # Before, twice on the way, and after: the likeliest answer once
    assert sorted(counts.values())[:4] == [4] * 4
    assert sum(counts.values()) == 4 * 4 + 10 * 32
    measured = [x for x in lines(run, "a") if "heldout_right" in x]
    assert [x["step"] for x in measured] == [5, 10]


@pytest.mark.parametrize(
    "reasoning",
    [
        {},
        {"variant": "unbiased", "kl": 0.1},
        {"updates": 3, "kl": 0.1},
        {"updates": 2, "variant": "sequence"},
    ],
)
@pytest.mark.parametrize("broken", [4, 7])
def test_a_stopped_tuning_goes_on_bit_for_bit(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    reasoning: dict[str, Any],
    broken: int,
) -> None:
    config = settings(rewards={"number": 1.0}, **reasoning)
    tune_reasoning(Lesson(run, "whole", config, 9, 1), PROBLEMS)

    # Break off in a step, also between two updates of one round
    plain, calls = PolicyLoss.__call__, []

    def stumble(self: PolicyLoss, *a: Any, **k: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == broken + 1:
            raise KeyboardInterrupt
        return plain(self, *a, **k)

    lesson = Lesson(run, "broken", config, 9, 1)
    with monkeypatch.context() as patch:
        patch.setattr(PolicyLoss, "__call__", stumble)
        with pytest.raises(KeyboardInterrupt):
            tune_reasoning(lesson, PROBLEMS)
    made = lines(run, "broken")[-1]["step"]
    assert 0 < made < 9
    tune_reasoning(lesson, PROBLEMS)
    assert lines(run, "broken") == lines(run, "whole")
    whole, other = (
        Transformer.load(run / "finetune" / name).state_dict()
        for name in ("whole", "broken")
    )
    for name, weight in whole.items():
        assert torch.equal(weight, other[name])


def test_the_first_update_on_answers_has_the_ratio_one(
    run: Path,
) -> None:
    config = settings(updates=3, rewards={"number": 1.0}, kl=0.1)
    tune_reasoning(Lesson(run, "a", config, 9, 1), PROBLEMS)
    log = [x for x in lines(run, "a") if "loss" in x]
    assert [i for i, x in enumerate(log) if "reward" in x] == [0, 3, 6]
    # At first policy and reference are one, and advantages add to 0
    assert log[0]["kl"] == 0 and log[0]["clipped"] == 0
    assert log[-1]["kl"] > 0


def test_what_fails_is_counted_across_the_whole_training(
    run: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def divide(problem: Problem, text: str) -> Reward:
        return Reward(1 / len(problem.prompt[1:]), "divided")

    monkeypatch.setitem(REWARDS, "divide", divide)
    config = settings(heldout=0, rewards={"divide": 1.0})
    done = tune_reasoning(Lesson(run, "a", config, 5, 1), PROBLEMS)
    # Each of 20 problems once: 10 of them of one letter, 8 answers
    assert done["faults"] == {"divide raised ZeroDivisionError": 80}
    told = " ".join(capsys.readouterr().err.split())
    assert "divide raised ZeroDivisionError for 80 answers" in told


def test_problems_come_from_a_file(run: Path) -> None:
    file = run / "sums.jsonl"
    records = [{"prompt": str(i), "answer": i % 2} for i in range(20)]
    text = "\n".join(json.dumps(record) for record in records)
    file.write_text(text, encoding="utf-8")
    config = msgspec.structs.replace(settings(), data=str(file))
    done = METHODS["grpo"](Lesson(run, "a", config, 2, 1))
    assert done["rewards"] == {"number": 1.0}
    assert done["problems"] + done["heldout_problems"] == 20


def test_without_a_file_there_is_nothing_to_solve(run: Path) -> None:
    with pytest.raises(DataError, match="names no file"):
        teach_grpo(Lesson(run, "a", settings(), 1, 1))


def test_problems_that_do_not_fit_are_left_out_and_told(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = Problem("1" * 30, "1", where="x.jsonl:99")
    lesson = Lesson(run, "a", settings(), 1, 1)
    done = tune_reasoning(lesson, [*PROBLEMS, long])
    assert done["too_long"] == 1
    assert "1 of 21 problems" in capsys.readouterr().err
    with pytest.raises(DataError, match="none of 1 problems"):
        tune_reasoning(lesson, [long])


def test_only_answers_are_targets() -> None:
    batch = lay_out([[1, 2, 3], [4]], [[5, 6], [7, 8, 9]])
    assert batch["ids"].tolist() == [[1, 2, 3, 5], [4, 7, 8, 9]]
    assert batch["targets"].tolist() == [
        [-100, -100, 5, 6], [7, 8, 9, -100],
    ]


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (Problem("?", "42"), "number"),
        (Problem("?", "a hat"), "exact"),
        (Problem("?", pattern="a"), "regex"),
        (Problem("?", schema={"type": "object"}), "json_schema"),
        (Problem("?", tests="assert 1"), "unit_tests"),
    ],
)
def test_problems_say_what_judges_them(
    problem: Problem, kind: str
) -> None:
    assert find_rewards(ReasoningConfig(), [problem]) == {kind: 1.0}


@pytest.mark.parametrize(
    ("rewards", "words"),
    [
        ({"regex": 1.0}, "x.jsonl:0 lacks 'pattern'"),
        ({"format": 1.0}, "x.jsonl:0 lacks 'form'"),
        ({"number": 1.0}, "'a hat', in which no number stands"),
    ],
)
def test_problems_that_a_reward_cannot_judge_are_named(
    rewards: dict[str, float], words: str
) -> None:
    problem = Problem("?", "a hat", where="x.jsonl:0")
    with pytest.raises(DataError, match=words):
        find_rewards(ReasoningConfig(rewards=rewards), [problem])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"group": 1}, "group is 1"),
        ({"group": 5}, "no multiple"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"updates": 0}, "updates is 0"),
        ({"kl": -1.0}, "kl is -1"),
        ({"kl": float("nan")}, "kl is nan"),
        ({"rewards": {"charm": 1.0}}, "has charm; known are number"),
        ({"form": "("}, "no regular expression"),
    ],
)
def test_settings_that_teach_nothing_are_refused(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        check(settings(**given), "finetune.a")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"method": "sft"}, "for the method 'grpo'"),
        ({"compile": "on"}, "compile cannot be 'on'"),
        ({"z_loss": 0.1}, "z_loss"),
    ],
)
def test_what_would_do_nothing_is_refused(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        check(
            msgspec.structs.replace(settings(), **given), "finetune.a"
        )
