import math

import pytest
import torch

from hornbook.base.errors import DataError, ModelError
from hornbook.inference.look import (
    attention_maps,
    cosines,
    habits,
    list_habits,
    nearest_tokens,
    word_ids,
    word_vectors,
)
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer

TEXTS = ["the hat sat on the cat", "a cat is a cat and a hat a hat"]


@pytest.fixture(scope="module")
def tok() -> Tokenizer:
    return Tokenizer.train(TEXTS, 268)


@pytest.fixture(scope="module")
def model(tok: Tokenizer) -> Transformer:
    return Transformer(
        make_config(
            vocab_size=tok.vocab_size, layers=2, width=8, heads=2,
            context=16,
        )
    ).eval()


def test_a_word_is_spelled_as_inside_a_text(tok: Tokenizer) -> None:
    assert word_ids(tok, "cat") == tok.encode(" cat")
    assert word_ids(tok, " cat ") == tok.encode(" cat")
    with pytest.raises(DataError, match="no word"):
        word_ids(tok, " ")


def test_a_word_beyond_the_vocabulary_is_refused() -> None:
    words = Tokenizer.train(TEXTS, 20, kind="word")
    assert word_ids(words, "cat")
    with pytest.raises(DataError, match="lacks 'dog'"):
        word_ids(words, "dog")


def test_a_word_of_several_tokens_is_their_mean() -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [4.0, 4.0]])
    found = word_vectors(table, [[0], [0, 1]])
    assert found.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_cosines_know_no_length() -> None:
    many = torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    found = cosines(torch.tensor([5.0, 0.0]), many)
    assert found.tolist() == [1.0, 0.0, -1.0]


def test_the_nearest_token_is_the_one_put_nearest(
    model: Transformer, tok: Tokenizer
) -> None:
    table = model.token_emb.weight.detach()
    own, other = tok.encode(" cat")[0], tok.encode(" hat")[0]
    end = tok.end
    kept = table.clone()
    table[other] = 2 * table[own]
    table[end] = table[own]
    near = list(nearest_tokens(model, tok, "cat", 3))
    table.copy_(kept)
    assert near[0].name == "▁hat"
    assert near[0].cosine == pytest.approx(1.0)
    assert [n.cosine for n in near] == sorted(
        (n.cosine for n in near), reverse=True
    )
    assert "▁cat" not in [n.name for n in near]


def test_maps_are_shares_of_the_past(model: Transformer) -> None:
    maps = attention_maps(model, [1, 2, 3, 4])
    assert maps.shape == (2, 2, 4, 4)
    assert torch.allclose(maps.sum(-1), torch.ones(2, 2, 4))
    assert maps.triu(1).abs().max() == 0
    with pytest.raises(DataError, match="give more"):
        attention_maps(model, [1])
    with pytest.raises(ModelError, match="context"):
        attention_maps(model, [1] * 17)


def test_habits_are_measured_where_they_are() -> None:
    t = 6
    previous = torch.zeros(t, t)
    previous[0, 0] = 1
    previous[torch.arange(1, t), torch.arange(t - 1)] = 1
    even = torch.ones(t, t).tril()
    even = even / even.sum(-1, keepdim=True)
    one, other = list_habits(torch.stack([previous, even])[None])
    assert (one.layer, one.head, other.head) == (1, 1, 2)
    assert one.previous == 1 and one.itself == 0
    assert one.entropy == pytest.approx(0, abs=1e-6)
    assert one.first == pytest.approx(1 / 5)
    bits = sum(math.log2(n) for n in range(2, t + 1)) / (t - 1)
    assert other.entropy == pytest.approx(bits, rel=1e-5)


def test_the_first_places_can_be_left_out() -> None:
    maps = torch.eye(6)[None, None]
    maps[..., :3, :] = 0
    maps[..., :3, 0] = 1
    assert habits(maps, 3)[1].item() == 1
    assert habits(maps, 0)[1].item() == pytest.approx(3 / 5)
