from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.model.config import make_config
from hornbook.model.count import (
    cache_bytes,
    describe,
    flops_per_token,
    parameters,
    training_bytes,
)
from hornbook.model.transformer import Transformer

FREE = st.fixed_dictionaries(
    {
        "form": st.sampled_from(["gpt2", "llama", "qwen3", "nanochat"]),
        "tied": st.booleans(),
        "layers": st.integers(1, 3),
        "kv_heads": st.sampled_from([1, 2, 4]),
        "head_dim": st.sampled_from([0, 6]),
    },
    optional={
        "bias": st.booleans(),
        "norm": st.sampled_from(["rmsnorm", "layernorm"]),
        "norm_weight": st.booleans(),
        "embedding_norm": st.booleans(),
        "positions": st.sampled_from(["rope", "learned"]),
        "feedforward": st.sampled_from(["gelu", "swiglu", "relu2"]),
        "qk_norm": st.sampled_from(["none", "weight", "plain"]),
    },
)


@settings(max_examples=40)
@given(free=FREE)
def test_counts_are_those_of_the_model(free: dict[str, Any]) -> None:
    config = make_config(
        vocab_size=20, width=16, heads=4, context=8, **free
    )
    with torch.device("meta"):
        model = Transformer(config)
    counts = parameters(config)
    total = sum(weight.numel() for weight in model.parameters())
    assert counts.pop("total") == total == sum(counts.values())
    blocks = model.blocks.named_parameters()
    feedforward = sum(
        weight.numel() for name, weight in blocks
        if ".feedforward." in name
    )
    assert counts["feed-forward"] == feedforward


def test_flops_are_six_a_weight_and_twelve_a_pair() -> None:
    config = make_config(
        vocab_size=10, layers=1, width=4, heads=1, hidden=8, context=6
    )
    weights = 4 * 4 * 4 + 3 * 4 * 8 + 10 * 4
    assert flops_per_token(config) == 6 * weights + 12 * 4 * 6 / 2


def test_a_tied_head_costs_as_many_operations() -> None:
    config = make_config(vocab_size=10, width=4, heads=1)
    tied = make_config(vocab_size=10, width=4, heads=1, tied=True)
    assert flops_per_token(config) == flops_per_token(tied)
    assert parameters(config)["head"] == 40
    assert parameters(tied)["head"] == 0


def test_memory_grows_with_what_is_held() -> None:
    small = make_config(vocab_size=100, context=8)
    wide = make_config(vocab_size=100, context=16)
    least = 16 * parameters(small)["total"]
    few, many = training_bytes(small, 99), training_bytes(small, 198)
    assert least < training_bytes(small, 1) < few < many
    assert many == training_bytes(wide, 99)
    assert many < training_bytes(small, 198, False)
    assert cache_bytes(wide) == 2 * cache_bytes(small)


def test_a_description_holds_the_numbers() -> None:
    config = make_config(vocab_size=10)
    found = describe(config)
    assert found["parameters"] == parameters(config)
    assert found["flops_per_token"] == pytest.approx(
        flops_per_token(config)
    )
