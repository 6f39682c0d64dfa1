import math
from pathlib import Path

import pytest

from hornbook.base.document import Document
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.domain import (
    bag_of_words,
    bits_per_byte,
    choice_items,
    description_choice,
    topic_accuracy,
    unigram_nats,
)
from hornbook.evaluation.material import Absent, Material


@pytest.fixture
def material(whole_run: Path) -> Material:
    return Material(whole_run, EvaluationConfig(choice_items=12))


def test_the_bytes_behind_bits_per_byte_are_those_of_the_text(
    material: Material,
) -> None:
    found = bits_per_byte(material, material.config, 0)["bits_per_byte"]
    sizes = [len(d.full_text.encode()) for d in material.heldout]
    assert found.n == len(sizes)
    # A model that has learnt nothing gives each token its equal share
    shard = material.shard("heldout")
    tokens = len(shard.tokens) - shard.documents
    even = tokens * math.log2(material.tokenizer.vocab_size)
    assert found.value == pytest.approx(even / sum(sizes), rel=0.05)
    assert found.low <= found.value <= found.high
    assert found.baseline is not None
    assert found.baseline < found.value
    assert 0 < found.also["the held-out text packed by xz"] < 8


def test_the_unigram_baseline_is_the_formula(
    material: Material,
) -> None:
    train, heldout = material.shard("train"), material.shard("heldout")
    end = material.tokenizer.end
    counts = {i: 1 for i in range(material.tokenizer.vocab_size)}
    for token in train.tokens.tolist():
        counts[token] += token != end
    total = sum(counts.values())
    expected = -sum(
        math.log(counts[token] / total)
        for token in heldout.tokens.tolist()
        if token != end
    )
    assert unigram_nats(train, heldout) == pytest.approx(expected)


def test_topics_are_counted_and_compared_pair_by_pair(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = [d.topic for d in material.heldout]
    half = len(truth) // 2
    named = truth[:half] + ["Nothing"] * (len(truth) - half)
    monkeypatch.setattr(material.classifier, "predict", lambda _: named)
    found = topic_accuracy(material, material.config, 0)
    score = found["topic_accuracy"]
    assert score.value == half / len(truth)
    assert score.n == len(truth)
    assert score.baseline is not None and score.difference is not None
    assert score.difference.value == pytest.approx(
        score.value - score.baseline
    )


def test_words_tell_topics_apart() -> None:
    known = [
        Document("1", "cats and dogs and birds", topic="Animals"),
        Document("2", "dogs and horses", topic="Animals"),
        Document("3", "sums and numbers", topic="Mathematics"),
        Document("4", "numbers and proofs", topic="Mathematics"),
    ]
    assert bag_of_words(known, ["two dogs", "two proofs"]) == [
        "Animals", "Mathematics",
    ]


def test_without_topics_there_is_no_accuracy(
    material: Material,
) -> None:
    material.__dict__["heldout"] = [Document("1", "Text")]
    with pytest.raises(Absent, match="no topics"):
        topic_accuracy(material, material.config, 0)


def test_choices_hold_the_right_description_once(
    material: Material,
) -> None:
    items = choice_items(material.heldout, material.config, 5)
    assert len(items) == 12
    assert items == choice_items(material.heldout, material.config, 5)
    assert items != choice_items(material.heldout, material.config, 6)
    for item in items:
        assert len(set(item.choices)) == 4
        title = item.prompt.splitlines()[0]
        (document,) = [d for d in material.heldout if d.title == title]
        right = item.choices[item.answer]
        assert document.description.startswith(right.split(" (")[0])
    assert {item.answer for item in items} == {0, 1, 2, 3}


def test_a_description_that_two_documents_share_is_no_choice() -> None:
    documents = [
        Document(str(n), "Text.", f"T{n}", said)
        for n, said in enumerate("abbcde")
    ]
    config = EvaluationConfig(choices=3)
    items = choice_items(documents, config, 0)
    assert len(items) == 4
    assert all("b" not in item.choices for item in items)
    few = choice_items(documents[:4], config, 0)
    assert few == []


def test_the_choice_is_scored_against_chance(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = choice_items(material.heldout, material.config, 0)
    right = [item.answer for item in items]
    wrong = [(place + 1) % 4 for place in right[9:]]
    monkeypatch.setattr(
        "hornbook.evaluation.domain.choose",
        lambda *_: [*right[:9], *wrong],
    )
    found = description_choice(material, material.config, 0)
    score = found["description_choice"]
    assert (score.value, score.baseline) == (0.75, 0.25)
    material.__dict__["heldout"] = []
    with pytest.raises(Absent, match="fewer than 4"):
        description_choice(material, material.config, 0)
