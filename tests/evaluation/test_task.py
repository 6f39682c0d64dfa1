from pathlib import Path

import numpy as np
import pytest

from hornbook.base.errors import DataError
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.material import Material
from hornbook.evaluation.task import (
    Item,
    choose,
    ending_nats,
    refuse_seen,
)


@pytest.fixture(scope="module")
def material(whole_run: Path) -> Material:
    return Material(whole_run, EvaluationConfig())


def test_an_ending_costs_the_same_whatever_is_read_with_it(
    material: Material,
) -> None:
    endings = [
        ("A hat is", " a covering of the head."),
        ("", "Arts"),
        ("A much longer prompt. " * 20, "Short"),
        ("Short", "a much longer ending. " * 20),
    ]
    together = ending_nats(material.base, material.tokenizer, endings)
    alone = [
        ending_nats(material.base, material.tokenizer, [ending], 1)[0]
        for ending in endings
    ]
    assert np.allclose(together, alone, rtol=1e-4)
    assert (together > 0).all()


def test_the_cost_is_the_sum_over_the_ending_alone(
    material: Material,
) -> None:
    import torch

    tok, model = material.tokenizer, material.base
    prompt, ending = tok.encode("A hat is"), tok.encode(" worn.")
    ids = torch.tensor([[tok.end, *prompt, *ending]])
    with torch.inference_mode():
        logs = model(ids)[0].float().log_softmax(-1)
    expected = -sum(
        float(logs[place - 1, ids[0, place]])
        for place in range(len(prompt) + 1, ids.size(1))
    )
    found = ending_nats(model, tok, [("A hat is", " worn.")])
    assert found[0] == pytest.approx(expected, rel=1e-4)


def test_a_common_ending_has_no_head_start(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = {
        ("", "common"): 2.0, ("hat", "common"): 2.0,
        ("", "rare"): 20.0, ("hat", "rare"): 9.0,
        ("dog", "common"): 1.0, ("dog", "rare"): 20.0,
    }
    monkeypatch.setattr(
        "hornbook.evaluation.task.ending_nats",
        lambda _model, _tok, endings, _rows: np.array(
            [costs[ending] for ending in endings]
        ),
    )
    items = [
        Item("hat", ("common", "rare"), 1),
        Item("dog", ("rare", "common"), 1),
        Item("hat", ("rare", "common"), 0),
    ]
    found = choose(material.base, material.tokenizer, items)
    assert found == [1, 1, 0]


def test_a_task_that_was_read_in_training_is_refused() -> None:
    passage = "one two three four five six seven eight nine ten " * 2
    items = [Item(passage, ("yes", "no"), 0), Item("New", ("a",), 0)]
    with pytest.raises(DataError, match="1 of the 2 items of BoolQ"):
        refuse_seen("BoolQ", items, ["x", f"It says: {passage}."])
    refuse_seen("BoolQ", items, ["one two three, and New things"[:14]])


def test_a_short_prompt_is_seen_as_a_whole() -> None:
    items = [Item("Is it true?", ("yes", "no"), 0)]
    with pytest.raises(DataError, match="choose another task"):
        refuse_seen("quiz", items, ["Is it true? Yes."])
    refuse_seen("quiz", items, ["Is it truth?"])
