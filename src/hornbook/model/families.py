"""Our names for weights, and what published families call them."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from hornbook.base.config import convert
from hornbook.base.errors import ModelError, RecipeError
from hornbook.model.config import (
    FORMS,
    ModelConfig,
    with_form,
    without_family,
)

BLOCK_NAMES = {
    "attention.to_q": "self_attn.q_proj",
    "attention.to_k": "self_attn.k_proj",
    "attention.to_v": "self_attn.v_proj",
    "attention.to_out": "self_attn.o_proj",
    "attention.norm_q": "self_attn.q_norm",
    "attention.norm_k": "self_attn.k_norm",
    "attention_norm": "input_layernorm",
    "feedforward_norm": "post_attention_layernorm",
    "feedforward.gate": "mlp.gate_proj",
    "feedforward.up": "mlp.up_proj",
    "feedforward.down": "mlp.down_proj",
}
NANOCHAT_NAMES = {
    **BLOCK_NAMES,
    "feedforward.up": "mlp.fc1",
    "feedforward.down": "mlp.fc2",
}
GPT2_NAMES = {
    "attention_norm": "ln_1",
    "attention.to_out": "attn.c_proj",
    "feedforward_norm": "ln_2",
    "feedforward.up": "mlp.c_fc",
    "feedforward.down": "mlp.c_proj",
}
OUTER_NAMES = {
    "embedding.token_emb": "model.embed_tokens",
    "norm": "model.norm",
    "head": "lm_head",
}
GPT2_OUTER = {
    "embedding.token_emb": "transformer.wte",
    "embedding.pos_emb": "transformer.wpe",
    "norm": "transformer.ln_f",
    "head": "lm_head",
}


def family(config: ModelConfig) -> str:
    """Name the published family whose code computes this shape.

    Raises:
        ModelError: names the choice that its form does not have.
    """
    if why := without_family(config):
        raise ModelError(f"{why}; use --format native")
    return config.form


def hf_config(
    config: ModelConfig, ends: Sequence[int], pad: int
) -> dict[str, Any]:
    """Write a shape as a family's ``config.json``.

    ``ends`` are the tokens with which the model stops.
    """
    name, first = family(config), next(iter(ends), 0)
    common = {
        "architectures": [ARCHITECTURES[name]],
        "model_type": name,
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": config.tied,
        "bos_token_id": first,
        "eos_token_id": list(ends) if len(ends) > 1 else first,
        "pad_token_id": pad,
        "dtype": "float32",
    }
    if name == "gpt2":
        return common | {
            "n_layer": config.layers,
            "n_embd": config.width,
            "n_head": config.heads,
            "n_inner": config.hidden,
            "n_positions": config.context,
            "layer_norm_epsilon": config.eps,
            "activation_function": "gelu_new",
        }
    theta = {"rope_type": "default", "rope_theta": config.rope_theta}
    return common | {
        "num_hidden_layers": config.layers,
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.eps,
        "rope_theta": config.rope_theta,
        "rope_parameters": theta,
        "hidden_act": "relu2" if name == "nanochat" else "silu",
        "attention_bias": config.bias,
        "final_logit_softcapping": config.softcap or None,
    }


def from_hf_config(table: dict[str, Any]) -> ModelConfig:
    """Read a family's ``config.json`` as a shape.

    Raises:
        ModelError: the family is none of ours, or uses a variant.
    """
    name = str(table.get("model_type"))
    if name not in FORMS:
        raise ModelError(
            f"models of type {name!r} are not known here; known are "
            + ", ".join(sorted(FORMS))
        )
    for field, known in {**ANY, **VARIANTS[name]}.items():
        value = table.get(field, known[0])
        if value not in known:
            raise ModelError(
                f"the model has {field} = {value!r}, and models of "
                f"type {name!r} are known here with {known[0]!r} alone"
            )
    windows = {*(table.get("layer_types") or ()), FULL} - {FULL}
    if windows:
        raise ModelError(
            f"the model has layers of the types {sorted(windows)}, and "
            f"layers are known here with {FULL!r} alone"
        )
    try:
        read = _gpt2_shape if name == "gpt2" else _llama_shape
        shape = with_form({"form": name, **read(table)})
        return convert(shape, ModelConfig, "config.json").resolved()
    except KeyError as error:
        raise ModelError(
            f"config.json of the model lacks {error.args[0]!r}"
        ) from error
    except (
        ArithmeticError,
        AttributeError,
        RecipeError,
        TypeError,
        ValueError,
    ) as error:
        raise ModelError(
            f"config.json does not describe a model: {error}"
        ) from error


def _gpt2_shape(table: dict[str, Any]) -> dict[str, Any]:
    """The fields of GPT-2's configuration, in our words."""
    return {
        "vocab_size": table["vocab_size"],
        "layers": table["n_layer"],
        "width": table["n_embd"],
        "heads": table["n_head"],
        "hidden": table.get("n_inner") or 4 * table["n_embd"],
        "context": table["n_positions"],
        "eps": table.get("layer_norm_epsilon", 1e-5),
        "tied": table.get("tie_word_embeddings", True),
    }


def _llama_shape(table: dict[str, Any]) -> dict[str, Any]:
    """The fields of the Llama-like families, in our words."""
    rope: dict[str, Any] = {}
    for place in ("rope_scaling", "rope_parameters"):
        rope = table.get(place) or rope
        turn = rope.get("rope_type", rope.get("type", "default"))
        part = rope.get("partial_rotary_factor", 1.0)
        if turn != "default" or part != 1.0:
            raise ModelError(
                f"the model has {place} = {rope}, and rotary positions "
                "are known here that turn whole heads, at all places "
                "alike"
            )
    width, heads = table["hidden_size"], table["num_attention_heads"]
    theta = rope.get("rope_theta", table.get("rope_theta", 10000.0))
    softcap = table.get("final_logit_softcapping")
    return {
        "vocab_size": table["vocab_size"],
        "layers": table["num_hidden_layers"],
        "width": width,
        "heads": heads,
        "kv_heads": table.get("num_key_value_heads") or heads,
        "head_dim": table.get("head_dim") or width // heads,
        "hidden": table["intermediate_size"],
        "context": table["max_position_embeddings"],
        "eps": table.get("rms_norm_eps", 1e-6),
        "rope_theta": float(theta),
        "tied": bool(table.get("tie_word_embeddings", False)),
        "softcap": float(softcap or 0.0),
    }


def to_hf(
    state: dict[str, Tensor], config: ModelConfig
) -> dict[str, Tensor]:
    """Give weights the names and the layout of their family."""
    if config.form == "gpt2":
        return dict(_to_gpt2(state, config))
    names = NANOCHAT_NAMES if config.form == "nanochat" else BLOCK_NAMES
    out = {}
    for key, tensor in state.items():
        if config.form == "nanochat" and _turned(key):
            tensor = swap_halves(tensor, config.head_dim)
        out[rename(key, names, OUTER_NAMES, "model.layers")] = tensor
    return out


def from_hf(
    state: dict[str, Tensor], config: ModelConfig
) -> dict[str, Tensor]:
    """Give a family's weights our names and our layout."""
    if config.form == "gpt2":
        return dict(_from_gpt2(state, config))
    names = NANOCHAT_NAMES if config.form == "nanochat" else BLOCK_NAMES
    inner = {theirs: ours for ours, theirs in names.items()}
    outer = {theirs: ours for ours, theirs in OUTER_NAMES.items()}
    out = {}
    for key, tensor in state.items():
        ours = rename(key, inner, outer, "blocks")
        if config.form == "nanochat" and _turned(ours):
            tensor = swap_halves(tensor, config.head_dim)
        out[ours] = tensor
    return out


def rename(
    key: str, inner: dict[str, str], outer: dict[str, str], blocks: str
) -> str:
    """Translate one weight's name."""
    stem, _, kind = key.rpartition(".")
    found = re.fullmatch(
        r"(?:\w+\.)?(?:blocks|layers|h|blk)\.(\d+)\.(.+)", stem
    )
    if found and found[2] in inner:
        return f"{blocks}.{found[1]}.{inner[found[2]]}.{kind}"
    if not found and stem in outer:
        return f"{outer[stem]}.{kind}"
    raise ModelError(
        f"the model has a weight {key!r} that is not known"
    )


def _turned(key: str) -> bool:
    """Whether a weight makes what rotary positions turn."""
    return key.endswith(("to_q.weight", "to_k.weight"))


def swap_halves(weight: Tensor, head_dim: int) -> Tensor:
    """Exchange the halves of each head.

    nanochat turns the other way round; turning (b, a) one way is
    turning (a, b) the other, so exchanged halves give equal scores.
    """
    first, second = weight.unflatten(0, (-1, 2, head_dim // 2)).unbind(
        1
    )
    return torch.stack((second, first), dim=1).flatten(0, 2)


def _to_gpt2(
    state: dict[str, Tensor], config: ModelConfig
) -> Iterator[tuple[str, Tensor]]:
    """GPT-2 keeps q, k, v in one matrix, and matrices transposed."""
    for key, tensor in state.items():
        if re.search(r"attention\.to_[qkv]\.", key):
            continue
        name = rename(key, GPT2_NAMES, GPT2_OUTER, "transformer.h")
        inside = key.startswith("blocks") and tensor.dim() == 2
        yield name, (tensor.t() if inside else tensor)
    for layer in range(config.layers):
        for kind in ("weight", "bias"):
            stem = f"blocks.{layer}.attention.to_"
            parts = [state[f"{stem}{p}.{kind}"] for p in "qkv"]
            joined = torch.cat(parts)
            name = f"transformer.h.{layer}.attn.c_attn.{kind}"
            yield name, (joined.t() if kind == "weight" else joined)


def _from_gpt2(
    state: dict[str, Tensor], config: ModelConfig
) -> Iterator[tuple[str, Tensor]]:
    """Undo what ``_to_gpt2`` does."""
    inner = {theirs: ours for ours, theirs in GPT2_NAMES.items()}
    outer = {theirs: ours for ours, theirs in GPT2_OUTER.items()}
    for key, tensor in state.items():
        if not key.startswith(("transformer.", "lm_head.")):
            key = f"transformer.{key}"
        if key.endswith((".attn.bias", ".attn.masked_bias")):
            continue
        found = re.search(r"h\.(\d+)\.attn\.c_attn\.(\w+)", key)
        inside = ".h." in key and tensor.dim() == 2
        tensor = tensor.t() if inside else tensor
        if found:
            stem = f"blocks.{found[1]}.attention.to_"
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                yield f"{stem}{part}.{found[2]}", piece
        else:
            yield rename(key, inner, outer, "blocks"), tensor


VARIANTS: dict[str, dict[str, tuple[object, ...]]] = {
    "gpt2": {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
        "sliding_window": (None,),
    },
    "llama": {
        "hidden_act": ("silu", "swish"),
        "attention_bias": (False,),
        "mlp_bias": (False,),
        "sliding_window": (None,),
    },
    "nanochat": {
        "hidden_act": ("relu2",),
        "attention_bias": (False,),
        "sliding_window": (None,),
    },
    "qwen3": {
        "hidden_act": ("silu", "swish"),
        "attention_bias": (False,),
        "use_sliding_window": (False,),
    },
}
"""Their fields that change what is computed, and what they may say."""

FULL = "full_attention"

ANY: dict[str, tuple[object, ...]] = {
    "quantization_config": (None,),
    "partial_rotary_factor": (1.0, None),
}
"""The same, of all families."""

ARCHITECTURES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "nanochat": "NanoChatForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
