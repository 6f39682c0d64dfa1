import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hornbook.base.dialogue import Message
from hornbook.base.errors import DataError, RecipeError
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import render
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tuning.config import TuningConfig, check
from hornbook.tuning.dpo import (
    FORMS,
    Pairs,
    answer_logprobs,
    encode,
    last_answer,
    preference_loss,
    rewards,
)
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.prefer import (
    split,
    teach_preferences,
    tune_preferences,
)
from hornbook.tuning.preference import (
    Preference,
    PreferenceConfig,
    preference,
    read_preferences,
)

TOK = Tokenizer.train(
    ["What is a hat? A cap. A dog. Where is rain? Sky. Sea."],
    290,
    "gpt2",
    SPECIALS,
)


def prefer(asked: str, chosen: str, rejected: str) -> Preference:
    """A preference of one question."""
    return Preference((Message("user", asked),), chosen, rejected)


TASTES = [
    prefer(f"{what} {number}?", "A cap.", "A big dog.")
    for number, what in enumerate(["hat", "rain", "sky", "sea"] * 5)
]


def settings(**given: Any) -> TuningConfig:
    """A fine-tuning without anything that takes time."""
    plain = {
        "method": "dpo",
        "batch": 4,
        "lr": 0.003,
        "optimizer": "adamw",
        "precision": "fp32",
        "compile": "off",
        "evaluations": 2,
    }
    return TuningConfig(**{**plain, **given})


def small(seed: int = 1) -> Transformer:
    """A model that has learnt nothing."""
    shape = make_config(
        vocab_size=290, layers=1, width=32, heads=2, context=64
    )
    return Transformer(shape, seed)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a base model."""
    base = tmp_path / "checkpoints" / "base"
    small().save(base, "native", TOK)
    return tmp_path


def table(seed: int = 1) -> dict[str, torch.Tensor]:
    """A batch of pairs, with a reference drawn by chance."""
    pairs = encode(TOK, TASTES[:4])
    said = np.random.default_rng(seed).normal(-9, 3, (4, 2))
    made = Pairs(pairs, said.astype(np.float32), 4, 1, 0)
    return made.of(range(4))


def test_the_last_answer_alone_is_compared() -> None:
    talk = Preference(
        (
            Message("user", "hat?"),
            Message("assistant", "A cap."),
            Message("user", "rain?"),
        ),
        "Sky.",
        "Sea.",
    )
    (pair,) = encode(TOK, [talk])
    for ids, answer, said in zip(
        pair.ids, pair.answer, ("Sky.", "Sea."), strict=True
    ):
        kept = [i for i, a in zip(ids, answer, strict=True) if a]
        assert TOK.decode(kept[:-1]).strip() == said
        assert kept[-1] == TOK.end
    _, mask = render(TOK, talk.answered("Sky."))
    assert sum(last_answer(mask)) < sum(mask)


def test_a_chance_is_the_product_of_its_tokens() -> None:
    model, batch = small(), table()
    found = answer_logprobs(model, batch["ids"], batch["answer"])
    for pair, side in [(0, 0), (3, 1)]:
        ids = batch["ids"][pair, side][None]
        chances = F.log_softmax(model(ids)[0], -1)
        wanted = sum(
            chances[place - 1, ids[0, place]]
            for place in range(1, ids.size(1))
            if batch["answer"][pair, side, place]
        )
        torch.testing.assert_close(found[pair, side], wanted)


def by_hand(kind: str, said: Any, known: Any, n: Any) -> float:
    """The loss of one pair as its paper writes it."""
    beta, gap = 0.2, 0.7

    def sigma(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    ratios = [s - k for s, k in zip(said, known, strict=True)]
    means = [r / c for r, c in zip(ratios, n, strict=True)]
    alone = [s / c for s, c in zip(said, n, strict=True)]
    if kind == "dpo":
        return -math.log(sigma(beta * (ratios[0] - ratios[1])))
    if kind == "normalised":
        return -math.log(sigma(beta * (means[0] - means[1])))
    if kind == "ipo":
        return (means[0] - means[1] - 1 / (2 * beta)) ** 2
    return -math.log(sigma(beta * (alone[0] - alone[1]) - gap))


@pytest.mark.parametrize("kind", list(FORMS))
def test_every_form_is_its_papers(kind: Any) -> None:
    config = PreferenceConfig(loss=kind, beta=0.2, gap=0.7)
    model, batch = small(), table()
    said = answer_logprobs(model, batch["ids"], batch["answer"])
    wanted = [
        by_hand(kind, *map(torch.Tensor.tolist, row))
        for row in zip(
            said,
            batch["reference"],
            batch["answer"].sum(-1),
            strict=True,
        )
    ]
    found = preference_loss(model, **batch, config=config)
    assert found.item() == pytest.approx(np.mean(wanted), rel=1e-5)


def test_no_reference_no_difference() -> None:
    batch = table()
    said = torch.tensor([[-1.0, -4.0]] * 4)
    config = PreferenceConfig(loss="simpo")
    answer = batch["answer"]
    free = rewards(said, batch["reference"], answer, config)
    other = rewards(said, batch["reference"] + 5, answer, config)
    assert torch.equal(free, other)


def test_a_model_learns_to_prefer(run: Path) -> None:
    held = PreferenceConfig(heldout=0.3)
    config = settings(preferences=held)
    done = tune_preferences(Lesson(run, "taste", config, 20, 1), TASTES)
    assert done["pairs"] + done["heldout_pairs"] == len(TASTES)
    before, after = done["before"], done["after"]
    assert before["heldout_margin"] == pytest.approx(0, abs=1e-5)
    assert before["heldout_loss"] == pytest.approx(math.log(2))
    assert after["heldout_wins"] == 1
    assert after["heldout_margin"] > 0.05
    lines = (run / "finetune" / "taste.jsonl").read_text("utf-8")
    logged = [json.loads(line) for line in lines.splitlines()]
    seen = [line for line in logged if "heldout_wins" in line]
    assert [line["step"] for line in seen] == [10, 20]
    assert seen[-1]["heldout_margin"] == after["heldout_margin"]
    assert Transformer.load(run / "finetune" / "taste")


def test_the_reference_is_computed_once(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = Lesson(run, "taste", settings(), 2, 1)
    tune_preferences(lesson, TASTES)
    first = losses(run)
    with monkeypatch.context() as patch:
        nothing = {"heldout": 0.1}
        patch.setattr(
            "hornbook.tuning.prefer.answer_logprobs", nothing.get
        )
        patch.setattr(
            "hornbook.tuning.prefer.measure", lambda *_: {"a": 1.0}
        )
        tune_preferences(lesson, TASTES)
    assert losses(run) == first

    # Other weights are another reference
    small(2).save(run / "checkpoints" / "base", "native", TOK)
    other = Lesson(run, "taste", settings(), 2, 1, anew=True)
    tune_preferences(other, TASTES)
    assert losses(run)[0] == pytest.approx(math.log(2))


def test_a_stopped_lesson_goes_on_as_if_it_had_not_been(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(save_seconds=0.001)
    tune_preferences(Lesson(run, "taste", config, 6, 1), TASTES)
    whole = losses(run)
    shutil.rmtree(run / "finetune")

    # Break off at the fourth step, and go on
    give = Pairs.__call__

    def fail(pairs: Pairs, step: int) -> Any:
        if step == 3:
            raise KeyboardInterrupt
        return give(pairs, step)

    with monkeypatch.context() as patch:
        patch.setattr(Pairs, "__call__", fail)
        with pytest.raises(KeyboardInterrupt):
            tune_preferences(Lesson(run, "taste", config, 6, 1), TASTES)
    assert losses(run) == whole[:3]
    tune_preferences(Lesson(run, "taste", config, 6, 1), TASTES)
    assert losses(run) == whole


def losses(run: Path) -> list[float]:
    """Read the losses of the training."""
    text = (run / "finetune" / "taste.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_pairs_of_one_question_stay_together() -> None:
    tastes = [
        prefer(f"hat {n // 3}?", "A cap.", f"A dog{'.' * (n % 3)}")
        for n in range(90)
    ]
    learnt, held = split(encode(TOK, tastes), 0.3, 1)
    assert 9 < len(held) < 60 and len(held) % 3 == 0

    def questions(pairs: Any) -> set[str]:
        return {TOK.decode(p.ids[0][:8]) for p in pairs}

    assert len(learnt) + len(held) == 90
    assert not questions(learnt) & questions(held)


def test_pairs_too_long_are_left_out_and_named(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = Preference(TASTES[0].asked, "x" * 99, "A dog.", "a.json:7")
    lesson = Lesson(run, "taste", settings(), 1, 1)
    done = tune_preferences(lesson, [*TASTES, long])
    assert done["too_long"] == 1
    assert "a.json:7" in capsys.readouterr().err
    with pytest.raises(DataError, match="none of 1 pairs fits"):
        tune_preferences(lesson, [long])
    with pytest.raises(DataError, match="fewer than one batch of 4"):
        tune_preferences(lesson, TASTES[:3])


def test_a_lesson_needs_a_file(run: Path) -> None:
    with pytest.raises(DataError, match="has none"):
        teach_preferences(Lesson(run, "taste", settings(), 1, 1))


USER = [{"role": "user", "content": "Hat?"}]
ANSWER = {"role": "assistant", "content": "A"}


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Hat?", "chosen": "A", "rejected": "B"},
        {"instruction": "Hat?", "chosen": "A", "rejected": "B"},
        {
            "prompt": USER,
            "chosen": [{"role": "assistant", "content": "A"}],
            "rejected": [{"role": "assistant", "content": "B"}],
        },
        {
            "chosen": [*USER, {"role": "assistant", "content": "A"}],
            "rejected": [*USER, {"role": "assistant", "content": "B"}],
        },
    ],
)
def test_every_known_form_is_read(record: dict[str, Any]) -> None:
    assert preference(record, "") == prefer("Hat?", "A", "B")


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"prompt": "Hat?", "chosen": "A"}, "is no preference"),
        ({"chosen": "A", "rejected": "B"}, "does not say what was"),
        (
            {"prompt": "Hat?", "chosen": "A", "rejected": " "},
            "empty answer in 'rejected'",
        ),
        (
            {"prompt": "Hat?", "chosen": USER, "rejected": "B"},
            "empty answer in 'chosen'",
        ),
        (
            {
                "chosen": [*USER, ANSWER],
                "rejected": "B",
            },
            "two different questions",
        ),
    ],
)
def test_what_is_no_preference_is_named(
    record: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DataError, match=problem) as told:
        preference(record, "tastes.json:3")
    assert "tastes.json:3" in str(told.value)


def test_equal_answers_are_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = {"prompt": "Hat?", "chosen": "A", "rejected": "A"}
    other = {**same, "rejected": "B"}
    file = tmp_path / "tastes.json"
    file.write_text(json.dumps([same, other]), "utf-8")
    assert len(read_preferences(file)) == 1
    assert "1 of 2 pairs" in capsys.readouterr().err
    file.write_text(json.dumps([same]), "utf-8")
    with pytest.raises(DataError, match="nothing to prefer"):
        read_preferences(file)


@pytest.mark.parametrize(
    "given", [{"beta": 0}, {"gap": -1}, {"heldout": 0.6}]
)
def test_impossible_settings_are_refused(given: Any) -> None:
    bad = settings(preferences=PreferenceConfig(**given))
    with pytest.raises(RecipeError, match="finetune.taste.preferences"):
        check(bad, "finetune.taste")
