from pathlib import Path

import numpy as np
import pytest

from hornbook.evaluation.choice import (
    BASELINES,
    RULE_WORDS,
    RULES,
    Endings,
    choice_score,
    choose,
    ending_nats,
)
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.items import Item
from hornbook.evaluation.material import Material
from hornbook.evaluation.task import Task, Template
from inference.rough import rough_model


@pytest.fixture(scope="module")
def material(whole_run: Path) -> Material:
    return Material(whole_run, EvaluationConfig())


@pytest.mark.parametrize("pairs", [0, 127])
@pytest.mark.parametrize("form", ["gpt2", "nanochat"])
def test_an_ending_costs_the_same_whatever_is_read_with_it(
    material: Material, form: str, pairs: int
) -> None:
    tok = material.tokenizer
    model = rough_model(form, tok.vocab_size, 64, pairs=pairs)
    endings = [
        ("A hat is", " a covering of the head."),
        ("", "Arts"),
        ("A much longer prompt. " * 20, "Short"),
        ("Short", "a much longer ending. " * 20),
        ("A hat is", " worn."),
        ("A much longer prompt. " * 20, "The longer of two"),
        ("A hat is", ""),
        ("A hat is", " a roof."),
    ]
    together = ending_nats(model, tok, endings)
    alone = [
        ending_nats(model, tok, [ending], 1)[0] for ending in endings
    ]
    assert np.allclose(together, alone, rtol=1e-5)
    assert ((together > 0) == [bool(e) for _, e in endings]).all()


def test_a_prompt_is_read_once_for_all_its_endings(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    model, tok = material.base, material.tokenizer
    monkeypatch.setattr(
        model,
        "hidden",
        lambda ids, *more: read.append(ids.numel())
        or type(model).hidden(model, ids, *more),
    )
    prompt, choices = "A hat is worn on the head. " * 3, "abcd"
    ending_nats(model, tok, [(prompt, c) for c in choices])
    assert read == [1 + len(tok.encode(prompt)) + len(choices)]


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


def table_cost(costs: dict[tuple[str, str], float]) -> object:
    """A cost that is read from a table instead of a model."""
    return lambda endings: np.array([costs[e] for e in endings])


def test_a_common_ending_has_no_head_start(
    material: Material,
) -> None:
    cost = table_cost(
        {
            ("", "common"): 2.0, ("hat", "common"): 2.0,
            ("", "rare"): 20.0, ("hat", "rare"): 9.0,
            ("dog", "common"): 1.0, ("dog", "rare"): 20.0,
        }
    )
    items = [
        Item("hat", ("common", "rare"), 1),
        Item("dog", ("rare", "common"), 1),
        Item("hat", ("rare", "common"), 0),
    ]
    tok = material.tokenizer
    assert choose(cost, tok, items, "gain") == [1, 1, 0]
    assert choose(cost, tok, items, "sum") == [0, 1, 1]


def test_length_is_shared_out_as_the_rule_says(
    material: Material,
) -> None:
    tok = material.tokenizer
    endings = [("", " a"), ("", " a longer ending"), ("", "")]

    def cost(endings: Endings) -> np.ndarray:
        return np.full(len(endings), 12.0)

    found = RULES["byte"](endings, cost, tok)
    assert found.tolist() == [12 / 2, 12 / 16, 12.0]
    tokens = [len(tok.encode(e)) for _, e in endings]
    assert tokens[1] > tokens[0]
    found = RULES["token"](endings, cost, tok)
    assert found[:2].tolist() == [12 / n for n in tokens[:2]]
    assert set(RULES) == set(RULE_WORDS)


def test_a_score_stands_beside_its_baselines_and_in_parts(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task(
        kind="pairs", name="mine", what="Things.", licence="CC0",
        baselines=("chance", "bigram", "blind"), template=PAIRS,
    )
    items = [
        Item("", (" a", " b", " c", " d"), 0, "first"),
        Item("", (" b", " a"), 1, "first"),
        Item("", (" b", " a"), 0, "second"),
    ]
    costs = {" a": 1.0, " b": 2.0, " c": 3.0, " d": 4.0}
    monkeypatch.setattr(
        "hornbook.evaluation.choice.ending_nats",
        lambda _m, _t, endings, rows: np.array(
            [costs[e] for _, e in endings]
        ),
    )
    (score,) = choice_score(task, items, material).values()
    assert score.value == 2 / 3 and score.n == 3
    assert score.baseline == pytest.approx((1 / 4 + 1 / 2 + 1 / 2) / 3)
    blind = score.also["the same choice without the prompt"]
    assert blind == score.value
    assert [(p.value, p.n) for p in score.parts.values()] == [
        (1.0, 2), (0.0, 1),
    ]
    assert 0 <= BASELINES["bigram"](task, items, material) <= 1


PAIRS = (Template("x", "a {n}", "b {n}"),)
