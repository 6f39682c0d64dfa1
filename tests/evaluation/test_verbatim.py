from pathlib import Path

import msgspec
import pytest
import torch

from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.material import Absent, Material
from hornbook.evaluation.verbatim import passages, recited, verbatim
from hornbook.inference.generate import Sampling, next_tokens

CONFIG = EvaluationConfig(prefix_tokens=12, verbatim_tokens=4)


@pytest.fixture
def material(whole_run: Path) -> Material:
    return Material(whole_run, CONFIG)


def test_what_is_counted_is_what_the_model_would_write(
    material: Material,
) -> None:
    model = material.base
    rows = passages(material, material.heldout, 0)[:6]
    # Let the model's own words stand in half of the rows
    for row in rows[::2]:
        own = list(next_tokens(model, row[:13], Sampling(4)))
        row[13:15] = own[:2]
        row[15] = (own[2] + 1) % 300
    counts = recited(model, rows, 12, batch=4).tolist()
    for row, count in zip(rows, counts, strict=True):
        own = list(next_tokens(model, row[:13], Sampling(4)))
        same = [a == b for a, b in zip(own, row[13:], strict=True)]
        assert count == (same + [False]).index(False)
    assert counts[::2] == [2, 2, 2]


def test_a_model_that_learnt_by_heart_is_found_out(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt = {
        tuple(row)
        for row in passages(material, material.training, 3)
    }

    def by_heart(
        _: object, rows: list[list[int]], *__: object
    ) -> object:
        return torch.tensor(
            [4 if tuple(row) in learnt else 3 for row in rows]
        ).numpy()

    monkeypatch.setattr(
        "hornbook.evaluation.verbatim.recited", by_heart
    )
    scores = verbatim(material, CONFIG, 3)
    known = scores["verbatim_training"]
    unseen = scores["verbatim_heldout"]
    assert (known.value, known.baseline) == (1.0, unseen.value)
    assert unseen.value == 0.0
    assert (known.n, unseen.n) == (90, 30)
    assert known.difference is not None
    assert known.difference.low > 0.8


def test_passages_are_of_the_same_sources_and_length(
    material: Material,
) -> None:
    rows = passages(material, material.training, 1)
    assert {len(row) for row in rows} == {17}
    assert {row[0] for row in rows} == {material.tokenizer.end}
    assert rows == passages(material, material.training, 1)
    assert rows != passages(material, material.training, 2)
    other = [
        msgspec.structs.replace(document, source="elsewhere")
        for document in material.training
    ]
    material.__dict__["training"] = other
    with pytest.raises(Absent, match="no passage is longer"):
        verbatim(material, CONFIG, 1)


def test_passages_longer_than_the_context_are_not_asked(
    whole_run: Path,
) -> None:
    config = EvaluationConfig(prefix_tokens=60, verbatim_tokens=5)
    material = Material(whole_run, config)
    with pytest.raises(Absent, match="65 tokens do not fit"):
        verbatim(material, config, 0)
