import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from hornbook.base.document import Document
from hornbook.base.errors import DataError, RecipeError
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tuning.calibrate import (
    calibration_error,
    find_temperature,
    judge,
    judge_several,
)
from hornbook.tuning.classify import (
    Classifier,
    Labelled,
    chances_of,
    class_loss,
)
from hornbook.tuning.config import TuningConfig, check
from hornbook.tuning.data import read_labelled
from hornbook.tuning.labels import (
    ClassesConfig,
    balance,
    find_classes,
    hold_out,
)
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.tune import tune_classes

TOK = Tokenizer.train(["hat coat rain sun"], 270, "gpt2", SPECIALS)
WORDS = {"hat": "wear", "coat": "wear", "rain": "sky", "sun": "sky"}
TEXTS = [
    Document(str(n), f"a {word} and {n}", topic=topic)
    for n in range(60)
    for word, topic in WORDS.items()
]


def settings(**given: object) -> TuningConfig:
    """A classification without anything that takes time."""
    plain = {
        "method": "classify", "batch": 8, "optimizer": "adamw",
        "lr": 0.01, "precision": "fp32", "compile": "off",
    }
    return TuningConfig(**{**plain, **given})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a base model that has learnt nothing."""
    shape = make_config(
        vocab_size=270, layers=1, width=32, heads=2, context=16
    )
    base = tmp_path / "checkpoints" / "base"
    Transformer(shape, seed=1).save(base, "native", TOK)
    return tmp_path


def test_a_text_can_bear_several_labels(run: Path) -> None:
    both = [
        Document("b" + d.id + o.id, f"{d.text} {o.text}",
                 topic=f"{o.topic}; {d.topic}")
        for d, o in zip(TEXTS[::3], TEXTS[1::3], strict=False)
    ]
    many = ClassesConfig(several=True, heldout=0.2)
    config = settings(classes=many)
    done = tune_classes(
        Lesson(run, "topic", config, 60, 1), [*TEXTS, *both]
    )
    assert done["classes"] == ["sky", "wear"]
    assert done["heldout"]["f1"] > 0.9
    model = Classifier.load(run / "finetune" / "topic")
    named = model.predict(
        ["a hat and 3", "a hat and 3 a rain and 4", "a sun and 5"]
    )
    assert named == ["wear", "sky; wear", "sky"]
    chances = model.probabilities(["a hat and 3 a rain and 4"])
    assert chances.sum() > 1.5


def test_held_out_texts_are_measured_and_calibrate(run: Path) -> None:
    config = settings(classes=ClassesConfig(heldout=0.2))
    done = tune_classes(Lesson(run, "topic", config, 40, 1), TEXTS)
    told = done["heldout"]
    assert 20 < told["texts"] < 80
    assert done["rows"] + told["texts"] == done["documents"] == 240
    assert np.sum(told["confusion"]) == told["texts"]
    assert np.trace(told["confusion"]) / told["texts"] == pytest.approx(
        told["accuracy"]
    )
    model = Classifier.load(run / "finetune" / "topic")
    assert model.temperature == told["temperature"]


def test_labels_that_were_not_learnt_are_missed_and_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "test.jsonl"
    rows = [("a hat and 3", "wear"), ("a sun and 4", "sky"),
            ("a fish and 5", "food")]
    file.write_text(
        "".join(json.dumps({"text": t, "label": n}) + "\n"
                for t, n in rows), "utf-8",
    )
    config = settings(classes=ClassesConfig(test=str(file)))
    done = tune_classes(Lesson(run, "topic", config, 40, 1), TEXTS)
    assert done["test"]["accuracy"] == pytest.approx(2 / 3)
    assert done["test"]["unseen"] == 1
    said = capsys.readouterr().err
    assert "1 of 3 test texts" in said and "'food'" in said


def test_weights_are_those_of_a_peer() -> None:
    labels = ["a"] * 5 + ["b"] * 2 + ["c"]
    theirs = compute_class_weight(
        "balanced", classes=np.array(["a", "b", "c"]), y=labels
    )
    ours = balance([[name] for name in labels], ["a", "b", "c"])
    assert ours == pytest.approx(theirs)


def test_weights_let_a_rare_class_count(run: Path) -> None:
    model = Classifier(
        Transformer.load(run / "checkpoints" / "base"),
        TOK, ["sky", "wear"], 8,
    )
    texts, topics = ["sun", "rain", "hat"], ["sky", "sky", "wear"]
    batch = Labelled(model, texts, topics, 3, 1)(0)
    torch.nn.init.normal_(model.head.weight)
    each = balance([[t] for t in topics], model.classes)
    weights = torch.tensor(each)
    found = class_loss(model, **batch, weights=weights)
    scores = model(batch["ids"], batch["lengths"])
    each = F.cross_entropy(scores, batch["targets"], reduction="none")
    by_class = [each[batch["targets"] == k].mean() for k in (0, 1)]
    torch.testing.assert_close(found, torch.stack(by_class).mean())


def test_the_true_temperature_is_found() -> None:
    random = np.random.default_rng(1)
    true = random.normal(0, 2, (20_000, 3))
    drawn = [random.choice(3, p=p) for p in chances_of(true, 1, False)]
    marks = np.eye(3, dtype=bool)[drawn]
    found = find_temperature(true * 2.5, marks, several=False)
    assert found == pytest.approx(2.5, rel=0.05)
    each = random.random(true.shape) < chances_of(true, 1, True)
    found = find_temperature(true * 2.5, each, several=True)
    assert found == pytest.approx(2.5, rel=0.05)


def test_what_is_always_right_needs_no_limit() -> None:
    scores = np.array([[9.0, 0.0], [0.0, 9.0]] * 9)
    cold = find_temperature(scores, scores > 1, several=False)
    assert 0 < cold < 1
    assert np.isfinite(chances_of(scores, cold, False)).all()


def test_the_error_of_chances_is_their_gap() -> None:
    chances = np.array([0.95] * 4 + [0.55] * 4 + [1.0])
    right = np.array([True, True, True, False] + [True, False] * 2
                     + [True])
    wanted = abs(4 * 0.95 + 1 - 4) + abs(4 * 0.55 - 2)
    found = calibration_error(chances, right)
    assert found == pytest.approx(wanted / 9)


@given(st.integers(0, 2**20), st.integers(1, 60))
def test_all_texts_are_learnt_or_held_out(
    seed: int, count: int
) -> None:
    texts = [
        Document(str(n), f"text {n}", topic=f"t{n % count}")
        for n in range(100)
    ]
    learnt, held = hold_out(texts, ClassesConfig(heldout=0.4), seed)
    assert sorted(d.id for d in learnt + held) == sorted(
        d.id for d in texts
    )
    assert {d.topic for d in held} <= {d.topic for d in learnt}
    fewer, _ = hold_out(texts[:60], ClassesConfig(heldout=0.4), seed)
    again, _ = hold_out(texts[:60], ClassesConfig(heldout=0.4), seed)
    assert fewer == again


def test_few_texts_are_all_learnt() -> None:
    learnt, held = hold_out(TEXTS[:40], ClassesConfig(), 1)
    assert (len(learnt), held) == (40, [])


def test_labels_come_as_lists_too(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a", "label": ["x", "y"]}\n', "utf-8")
    (document,) = read_labelled(file)
    assert find_classes([document], several=True) == ["x", "y"]
    with pytest.raises(DataError, match="have 1 topics"):
        find_classes([document])


def test_labels_named_each_for_itself() -> None:
    named = np.array([[True, False], [True, True], [False, False]])
    truth = np.array([[True, False], [True, False], [False, True]])
    told = judge_several(named, truth, 0)
    assert told["accuracy"] == pytest.approx(1 / 3)
    assert told["f1"] == pytest.approx(2 * 2 / (3 + 3))


def test_nothing_to_judge_is_no_error(run: Path) -> None:
    body = Transformer.load(run / "checkpoints" / "base")
    model = Classifier(body, TOK, ["a", "b"], 8)
    one = judge(model, [Document("1", "sun", topic="c")], "test")
    assert one["accuracy"] == 0 and np.sum(one["confusion"]) == 0


def test_impossible_shares_are_refused() -> None:
    bad = settings(classes=ClassesConfig(heldout=0.7))
    with pytest.raises(RecipeError, match="classes.heldout"):
        check(bad, "finetune.topic")
