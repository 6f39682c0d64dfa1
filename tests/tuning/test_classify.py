import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from hornbook.base.errors import (
    CorruptFileError,
    DataError,
    HornbookError,
)
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tuning.classify import Classifier, Labelled, class_loss

TOK = Tokenizer.train(["hat coat rain sun"], 270, "gpt2", SPECIALS)
TEXTS = ["a hat", "rain", "the coat", "sun and rain", "hats", "suns"]
TOPICS = ["wear", "sky", "wear", "sky", "wear", "sky"]


def classifier(
    classes: Sequence[str] = ("sky", "wear"), pooling: str = "mean"
) -> Classifier:
    """A classifier that has learnt nothing yet."""
    shape = make_config(
        vocab_size=270, layers=1, width=16, heads=2, context=16
    )
    body = Transformer(shape, seed=3)
    return Classifier(body, TOK, classes, 8, pooling)


def teach(model: Classifier, steps: int = 40) -> Classifier:
    """Learn the few texts by heart."""
    batches = Labelled(model, TEXTS, TOPICS, 6, seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        optimizer.zero_grad()
        class_loss(model, **batches(step)).backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_classes_that_differ_are_learnt(pooling: str) -> None:
    model = classifier(pooling=pooling)
    assert model.probabilities(TEXTS) == pytest.approx(0.5)
    assert teach(model).predict(TEXTS) == TOPICS


def test_chances_add_up_to_one_and_the_best_is_named() -> None:
    model = teach(classifier(), 3)
    chances = model.probabilities(TEXTS)
    assert chances.shape == (6, 2)
    assert chances.sum(-1) == pytest.approx(1)
    best = [model.classes[i] for i in chances.argmax(-1)]
    assert model.predict(TEXTS) == best


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_a_text_has_its_chances_in_any_company(pooling: str) -> None:
    model = teach(classifier(pooling=pooling), 5)
    alone = np.concatenate([model.probabilities([t]) for t in TEXTS])
    for rows in (1, 4, 32):
        together = model.probabilities(TEXTS, rows)
        assert together == pytest.approx(alone, abs=1e-5)


def test_any_text_has_a_class_and_no_text_none() -> None:
    model = classifier()
    odd = ["", "🎩", "hat " * 99]
    assert set(model.predict(odd)) <= set(model.classes)
    assert model.predict([]) == []


def test_what_was_saved_gives_equal_chances(tmp_path: Path) -> None:
    model = teach(classifier(pooling="last"), 5)
    model.save(tmp_path / "topic")
    there = Classifier.load(tmp_path / "topic")
    assert there.classes == model.classes
    assert (there.length, there.pooling) == (8, "last")
    assert np.array_equal(
        there.probabilities(TEXTS), model.probabilities(TEXTS)
    )


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    shape = make_config(
        vocab_size=270, layers=1, width=16, heads=2, context=16
    )
    Transformer(shape).save(tmp_path / "base", "native", TOK)
    with pytest.raises(CorruptFileError, match="not a classifier"):
        Classifier.load(tmp_path / "base")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorruptFileError, match="config.json"):
        Classifier.load(tmp_path / "empty")
    with pytest.raises(HornbookError, match="nowhere"):
        Classifier.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["sky", "wear", "more"]},
        {"classes": None},
        {"kind": "model"},
        {"model": {"width": 32}},
    ],
)
def test_a_damaged_configuration_is_told(
    tmp_path: Path, change: dict[str, object]
) -> None:
    classifier().save(tmp_path / "topic")
    path = tmp_path / "topic" / "config.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    table.update(change)
    kept = {k: v for k, v in table.items() if v is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(CorruptFileError, match="topic"):
        Classifier.load(tmp_path / "topic")


def test_a_list_is_no_configuration(tmp_path: Path) -> None:
    classifier().save(tmp_path / "topic")
    path = tmp_path / "topic" / "config.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(CorruptFileError, match="not a classifier"):
        Classifier.load(tmp_path / "topic")


def test_fewer_examples_than_a_batch_are_refused() -> None:
    with pytest.raises(DataError, match="6 labelled texts"):
        Labelled(classifier(), TEXTS, TOPICS, 7, seed=1)


def test_filling_is_read_by_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["a hat", "sun", "rain", "hat coat rain sun hat coat"]
    model = classifier()
    batches = Labelled(model, texts, TOPICS[:4], 2, seed=1)
    hidden, read = Transformer.hidden, []

    def watched(body: Transformer, ids: torch.Tensor) -> torch.Tensor:
        read.append(ids.size(1))
        return hidden(body, ids)

    monkeypatch.setattr(Transformer, "hidden", watched)
    batch = [batches(step) for step in range(4)]
    assert {each["ids"].size(1) for each in batch} == {model.length}
    for each in batch:
        class_loss(model, **each)
    assert read == [int(each["lengths"].max()) for each in batch]
    assert min(read) < model.length
    for each in batch:
        assert each["lengths"].tolist() == sorted(each["lengths"])


def test_every_example_is_seen_once_in_an_epoch() -> None:
    batches = Labelled(classifier(), TEXTS, TOPICS, 2, seed=1)
    rows = [
        tuple(ids[:length].tolist())
        for step in range(3)
        for ids, length in zip(
            batches(step)["ids"], batches(step)["lengths"], strict=True
        )
    ]
    assert len(set(rows)) == len(TEXTS)
    assert batches(1)["lengths"].min() >= 1


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_pieces_of_a_weighed_batch_add_up(rows: int) -> None:
    """Long texts are of one class here, so that pieces hold but one."""
    model = classifier()
    batch = Labelled(model, TEXTS, TOPICS, 6, seed=1)(0)
    weights = torch.tensor([3.0, 0.5])
    numbers = list(model.head.parameters())

    def slopes(some: slice) -> list[torch.Tensor]:
        part = {name: table[some] for name, table in batch.items()}
        loss = class_loss(model, **part, weights=weights)
        return list(torch.autograd.grad(loss, numbers))

    pieces = [slopes(slice(i, i + rows)) for i in range(0, 6, rows)]
    whole = slopes(slice(None))
    for number, slope in enumerate(whole):
        each = torch.stack([piece[number] for piece in pieces])
        torch.testing.assert_close(each.mean(0), slope)
