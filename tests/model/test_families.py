from typing import Any

import pytest
import torch

from hornbook.base.errors import ModelError
from hornbook.model import families
from hornbook.model.config import FORMS, make_config


@pytest.mark.parametrize(
    ("form", "change", "field"),
    [
        ("llama", {"bias": True}, "bias = True"),
        ("llama", {"feedforward": "relu2"}, "feedforward = 'relu2'"),
        ("llama", {"qk_norm": "plain"}, "qk_norm = 'plain'"),
        ("llama", {"softcap": 9.0}, "soft-cap"),
        ("gpt2", {"positions": "rope"}, "positions = 'rope'"),
        ("gpt2", {"kv_heads": 2}, "kv_heads"),
        ("gpt2", {"head_dim": 6}, "head_dim"),
        ("qwen3", {"norm": "layernorm"}, "norm = 'layernorm'"),
        ("nanochat", {"norm_weight": True}, "norm_weight = True"),
        ("nanochat", {"embedding_norm": False}, "embedding_norm"),
    ],
)
def test_what_no_family_has_is_refused_by_name(
    form: str, change: dict[str, Any], field: str
) -> None:
    config = make_config(
        form=form, vocab_size=9, width=16, heads=4, **change
    )
    with pytest.raises(ModelError) as caught:
        families.hf_config(config, [0], 0)
    assert field in str(caught.value)
    assert form in str(caught.value)


def test_a_shape_survives_their_words(form: str) -> None:
    whole = {} if form == "gpt2" else {"kv_heads": 2, "head_dim": 6}
    more = {"softcap": 3.0} if form == "nanochat" else {}
    config = make_config(
        form=form, vocab_size=9, width=16, eps=1e-3, tied=True,
        heads=4, context=7, layers=3, hidden=5, **whole | more,
    )
    table = families.hf_config(config, [1], 2)
    assert families.from_hf_config(table) == config
    assert (table["eos_token_id"], table["pad_token_id"]) == (1, 2)


@pytest.mark.parametrize(
    ("form", "change", "words"),
    [
        ("llama", {"model_type": "mamba"}, "'mamba'.* known are gpt2"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act = 'gelu'"),
        ("llama", {"attention_bias": True}, "attention_bias = True"),
        ("llama", {"mlp_bias": True}, "mlp_bias = True"),
        ("llama", {"rope_parameters": {"rope_type": "yarn"}}, "'yarn'"),
        ("qwen3", {"use_sliding_window": True}, "use_sliding_window"),
        ("qwen3", {"layer_types": ["sliding"]}, "types .'sliding'"),
        ("llama", {"sliding_window": 64}, "sliding_window = 64"),
        (
            "llama",
            {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
            "rope_scaling = .*'llama3'",
        ),
        (
            "llama",
            {"rope_scaling": {"type": "linear", "factor": 2.0}},
            "rope_scaling = .*'linear'",
        ),
        ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary"),
        ("llama", {"quantization_config": {"bits": 4}}, "quantization"),
        ("gpt2", {"activation_function": "relu"}, "activation_func"),
        ("gpt2", {"n_layer": "two"}, "layers"),
        ("gpt2", {"n_head": 5}, "not divisible"),
        ("nanochat", {"rms_norm_eps": None}, "eps"),
        ("llama", {"num_attention_heads": 0}, "config.json"),
        ("llama", {"rope_parameters": [1]}, "config.json"),
    ],
)
def test_models_that_would_compute_otherwise_are_refused(
    form: str, change: dict[str, Any], words: str
) -> None:
    config = make_config(form=form, vocab_size=9)
    table = families.hf_config(config, [0], 0)
    with pytest.raises(ModelError, match=words):
        families.from_hf_config({**table, **change})


@pytest.mark.parametrize("field", ["vocab_size", "hidden_size"])
def test_a_missing_field_is_named(field: str) -> None:
    table = families.hf_config(make_config(vocab_size=9), [0], 0)
    del table[field]
    with pytest.raises(ModelError, match=f"lacks '{field}'"):
        families.from_hf_config(table)


def test_weights_survive_their_names(make: Any, form: str) -> None:
    model = make(form)
    state = model.state_dict()
    if model.config.tied:
        del state["head.weight"]
    theirs = families.to_hf(state, model.config)
    assert not theirs.keys() & state.keys()
    ours = families.from_hf(theirs, model.config)
    assert ours.keys() == state.keys()
    assert all(torch.equal(ours[name], state[name]) for name in state)


def test_the_bare_names_of_gpt2_are_understood(make: Any) -> None:
    model = make("gpt2")
    state = model.state_dict()
    del state["head.weight"]
    bare = {
        name.removeprefix("transformer."): weight
        for name, weight in families.to_hf(state, model.config).items()
    }
    bare["h.0.attn.bias"] = torch.ones(1, 1, 16, 16)
    assert families.from_hf(bare, model.config).keys() == state.keys()


def test_every_form_has_its_family() -> None:
    assert set(families.ARCHITECTURES) == set(FORMS)
    assert set(families.VARIANTS) == set(FORMS)
