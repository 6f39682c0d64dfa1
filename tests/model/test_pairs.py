from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hornbook.base.errors import ModelError, RecipeError
from hornbook.model.cache import Cache
from hornbook.model.config import make_config
from hornbook.model.count import parameters
from hornbook.model.pairs import NONE, row_of_pair, token_before
from hornbook.model.transformer import Transformer

IDS = st.lists(st.integers(0, 39), min_size=1, max_size=16)


@given(IDS)
def test_before_each_stands_its_left_neighbour(ids: list[int]) -> None:
    found = token_before(torch.tensor([ids])).tolist()
    assert found == [[NONE, *ids[:-1]]]


@given(st.lists(IDS, min_size=1, max_size=4))
def test_texts_of_one_row_are_no_neighbours(
    texts: list[list[int]],
) -> None:
    number = [n for n, text in enumerate(texts) for _ in text]
    text = torch.tensor(number)
    visible = (text[:, None] == text).tril()
    row = torch.tensor([[id_ for text in texts for id_ in text]])
    wanted = [each for t in texts for each in (NONE, *t[:-1])]
    assert token_before(row, visible).tolist() == [wanted]
    assert token_before(row, visible[None, None]).tolist() == [wanted]


def test_endings_of_one_prompt_follow_the_prompt() -> None:
    # A prompt of two tokens, and two endings of two
    ids = torch.tensor([[10, 11, 20, 21, 30, 31]])
    places = torch.tensor([[0, 1, 2, 3, 2, 3]])
    owner = torch.tensor([0, 0, 1, 1, 2, 2])
    mine = (owner[:, None] == owner) | (owner == 0)
    found = token_before(ids, mine.tril()[None, None], places)
    assert found.tolist() == [[NONE, 10, 11, 20, 11, 30]]


@given(IDS.filter(lambda ids: len(ids) > 1), st.integers(1, 15))
def test_a_cache_knows_what_was_read_last(
    ids: list[int], cut: int
) -> None:
    row, cache = torch.tensor([ids]), Cache(make_config(vocab_size=40))
    cut = min(cut, len(ids) - 1)
    first = token_before(row[:, :cut], None, None, cache)
    cache.advance(row[:, :cut])
    rest = token_before(row[:, cut:], None, None, cache)
    both = torch.cat([first, rest], 1)
    assert both.tolist() == token_before(row).tolist()


@given(
    st.integers(NONE, 2**17), st.integers(0, 2**17), st.integers(1, 999)
)
def test_every_pair_has_a_row(before: int, id_: int, rows: int) -> None:
    found = row_of_pair(torch.tensor(before), torch.tensor(id_), rows)
    assert 0 <= found < rows


def test_pairs_are_told_apart_by_their_order(
    make: Any, form: str, ids: Tensor
) -> None:
    model = make(form, pairs=1009)
    swapped = ids.clone()
    swapped[:, [2, 3]] = ids[:, [3, 2]]
    one = model.embedding(ids)[:, 4]
    two = model.embedding(swapped)[:, 4]
    # The token is the same, and what stands before it is not
    assert not torch.allclose(one[0], two[0])


def test_at_first_a_pair_adds_nothing(ids: Tensor) -> None:
    shape = {"vocab_size": 40, "width": 16, "layers": 1, "heads": 2}
    plain = Transformer(make_config(**shape), seed=3)
    paired = Transformer(make_config(**shape, pairs=64), seed=3)
    torch.testing.assert_close(plain(ids), paired(ids))
    more = parameters(paired.config)["total"]
    assert more - parameters(plain.config)["total"] == 64 * 16


def test_a_model_with_pairs_is_kept_in_our_own_format_alone(
    make: Any, ids: Tensor, tmp_path: Path
) -> None:
    model = make("nanochat", pairs=64)
    model.save(tmp_path / "native", "native")
    again = Transformer.load(tmp_path / "native")
    torch.testing.assert_close(again(ids), model(ids))
    with pytest.raises(ModelError, match="pairs = 64"):
        model.save(tmp_path / "hf", "hf")


def test_fewer_than_no_pairs_are_refused() -> None:
    with pytest.raises(RecipeError, match="pairs is -1"):
        make_config(vocab_size=40, pairs=-1)
