import math
from pathlib import Path

import numpy as np
import pytest

from hornbook.evaluation.bigram import PRIOR, Bigram
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.domain import bigram_nats
from hornbook.evaluation.material import Material


@pytest.fixture
def material(whole_run: Path) -> Material:
    return Material(whole_run, EvaluationConfig())


def test_the_cost_is_the_formula(material: Material) -> None:
    shard = material.shard("train")
    tokens = shard.tokens.tolist()
    bigram = Bigram(shard)
    a, b = tokens[5], tokens[6]
    pairs = list(zip(tokens, tokens[1:], strict=False))
    share = (tokens.count(b) + 1) / (
        len(tokens) + material.tokenizer.vocab_size
    )
    expected = (pairs.count((a, b)) + PRIOR * share) / (
        tokens[:-1].count(a) + PRIOR
    )
    assert bigram.nats([a, b])[0] == pytest.approx(-math.log(expected))


def test_all_that_may_follow_adds_up_to_one(material: Material) -> None:
    bigram = Bigram(material.shard("train"))
    size = material.tokenizer.vocab_size
    every = [bigram.nats([7, b])[0] for b in range(size)]
    assert np.exp(-np.array(every)).sum() == pytest.approx(1.0)


def test_one_look_back_is_better_than_none(material: Material) -> None:
    train, heldout = material.shard("train"), material.shard("heldout")
    from hornbook.evaluation.domain import unigram_nats

    assert bigram_nats(train, heldout) < unigram_nats(train, heldout)


def test_an_ending_depends_on_the_last_token_before_it(
    material: Material,
) -> None:
    bigram = Bigram(material.shard("train"))
    tok = material.tokenizer
    found = bigram.ending_nats(
        tok, [("", " and"), ("Q", " and"), ("xyzQ", " and")]
    )
    ids = tok.encode("Q") + tok.encode(" and")
    assert found[1] == pytest.approx(bigram.nats(ids).sum())
    assert found[2] == found[1]
    ids = [tok.end, *tok.encode(" and")]
    assert found[0] == pytest.approx(bigram.nats(ids).sum())
