import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.model.config import make_config
from hornbook.model.count import parameters
from hornbook.model.inventory import rows, tensors
from hornbook.model.transformer import Transformer

CHOICES = st.fixed_dictionaries(
    {"form": st.sampled_from(["gpt2", "llama", "qwen3", "nanochat"])},
    optional={
        "layers": st.integers(1, 3),
        "kv_heads": st.sampled_from([1, 2]),
        "positions": st.sampled_from(["rope", "learned"]),
        "norm": st.sampled_from(["rmsnorm", "layernorm"]),
        "norm_weight": st.booleans(),
        "embedding_norm": st.booleans(),
        "feedforward": st.sampled_from(["gelu", "swiglu", "relu2"]),
        "qk_norm": st.sampled_from(["none", "weight", "plain"]),
        "bias": st.booleans(),
        "tied": st.booleans(),
    },
)
SMALL = {"vocab_size": 11, "width": 8, "heads": 2, "context": 8}


@given(CHOICES)
@settings(max_examples=40)
def test_the_list_is_the_model(choice: dict[str, object]) -> None:
    config = make_config(**{**SMALL, "layers": 2, **choice})
    with torch.device("meta"):
        real = {
            name: tuple(weight.shape)
            for name, weight in Transformer(config).named_parameters()
        }
    assert tensors(config) == real


@pytest.mark.parametrize("form", ["gpt2", "llama", "qwen3", "nanochat"])
def test_the_rows_add_up(form: str) -> None:
    config = make_config(form=form, layers=3, **SMALL)
    listed = list(rows(config))
    total = parameters(config)["total"]
    assert sum(row.count for row in listed) == total
    assert {row.copies for row in listed} == {1, 3}
    assert len({row.name for row in listed}) == len(listed)
