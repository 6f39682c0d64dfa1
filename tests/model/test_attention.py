from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from hornbook.base.errors import RecipeError
from hornbook.model.attention import (
    ATTENTION,
    attend,
    attend_fused,
    attention_weights,
    causal,
    record_attention,
)
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer

SIZES = st.integers(1, 5)


@given(
    batch=SIZES,
    heads=SIZES,
    queries=SIZES,
    earlier=st.integers(0, 4),
    head_dim=SIZES,
    masked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_formula_and_the_fused_kernel_agree(
    batch: int,
    heads: int,
    queries: int,
    earlier: int,
    head_dim: int,
    masked: bool,
    seed: int,
) -> None:
    random = torch.Generator().manual_seed(seed)
    keys = queries + earlier if masked else queries
    q = torch.randn(batch, heads, queries, head_dim, generator=random)
    k = torch.randn(batch, heads, keys, head_dim, generator=random)
    v = torch.randn(batch, heads, keys, head_dim, generator=random)
    visible = None
    if masked:
        visible = torch.rand(queries, keys, generator=random) < 0.5
        visible |= torch.eye(queries, keys, dtype=torch.bool)
    torch.testing.assert_close(
        attend(q, k, v, visible), attend_fused(q, k, v, visible)
    )


def test_attention_by_hand() -> None:
    q = torch.tensor([[[[0.0, 0.0], [2.0, 0.0]]]])
    k = torch.tensor([[[[0.0, 1.0], [2**0.5, 0.0]]]])
    v = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
    e2 = torch.tensor(2.0).exp()
    low, high = 1 / (1 + e2), e2 / (1 + e2)
    expected = torch.tensor([[1.0, 0.0], [low, high]])
    torch.testing.assert_close(attend(q, k, v, None)[0, 0], expected)


@pytest.mark.parametrize("kind", sorted(ATTENTION))
def test_a_later_key_changes_nothing_before_it(kind: str) -> None:
    q, k, v = torch.randn(3, 1, 2, 6, 4)
    before = ATTENTION[kind](q, k, v, None)
    k[:, :, 4], v[:, :, 4] = 9.0, -9.0
    after = ATTENTION[kind](q, k, v, None)
    assert torch.equal(before[:, :, :4], after[:, :, :4])
    assert not torch.allclose(before[:, :, 4:], after[:, :, 4:])


def test_weights_share_out_one_unit_among_the_visible() -> None:
    q, k = torch.randn(2, 1, 2, 5, 4)
    visible = causal(5, 5, q.device)
    weights = attention_weights(q, k, visible)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2, 5))
    assert (weights[..., ~visible] == 0).all()
    assert (weights[..., visible] > 0).all()


def test_maps_are_recorded_layer_by_layer(
    make: Any, form: str, ids: Tensor
) -> None:
    model = make(form, kv_heads=2)
    with record_attention(model) as maps:
        model(ids)
    assert [tuple(m.shape) for m in maps] == [(2, 4, 16, 16)] * 2
    for weights in maps:
        torch.testing.assert_close(
            weights.sum(-1), torch.ones(2, 4, 16)
        )
        assert (weights.triu(1) == 0).all()
    model(ids)
    assert len(maps) == 2


def test_maps_keep_to_what_is_visible(make: Any, ids: Tensor) -> None:
    model = make("llama")
    own = torch.eye(16, dtype=torch.bool)
    with record_attention(model) as maps:
        model(ids, visible=own)
    assert (maps[1] == torch.eye(16)).all()


def test_recording_ends_with_its_block(make: Any, ids: Tensor) -> None:
    model = make("llama")
    with pytest.raises(KeyError), record_attention(model) as maps:
        raise KeyError
    model(ids)
    assert maps == []


def test_grouped_queries_share_keys(make: Any, ids: Tensor) -> None:
    few, many = make("llama", kv_heads=2), make("llama")
    state = few.state_dict()
    for name in list(state):
        if name.endswith(("to_k.weight", "to_v.weight")):
            heads = state[name].unflatten(0, (2, 4))
            state[name] = heads.repeat_interleave(2, 0).flatten(0, 1)
    many.load_state_dict(state)
    torch.testing.assert_close(few(ids), many(ids))


def test_both_kinds_make_the_same_model(
    make: Any, form: str, ids: Tensor
) -> None:
    plain = make(form, attention="explicit")
    torch.testing.assert_close(plain(ids), make(form)(ids))


@torch.enable_grad()
def test_explicit_attention_learns(ids: Tensor) -> None:
    config = make_config(
        vocab_size=40,
        layers=1,
        width=16,
        context=16,
        attention="explicit",
    )
    model = Transformer(config)
    losses = []
    for _ in range(20):
        logits = model(ids[:, :-1]).flatten(0, 1)
        loss = F.cross_entropy(logits, ids[:, 1:].flatten())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for weight in model.parameters():
                assert weight.grad is not None
                weight -= weight.grad
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.5


def test_an_unknown_attention_is_refused() -> None:
    config = make_config(vocab_size=9, attention="psychic")
    with pytest.raises(RecipeError, match="psychic.*explicit, sdpa"):
        Transformer(config)
