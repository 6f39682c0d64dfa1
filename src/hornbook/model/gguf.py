"""Models in GGUF, the format of llama.cpp: read from a file.

A file holds the weights as they are, halved, or in blocks of few bits
with a scale of their own. Each tensor is turned into plain numbers
alone, so that no more memory is needed than the model itself takes.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize
from jaxtyping import Float
from torch import Tensor

from hornbook.base.config import convert
from hornbook.base.errors import (
    CorruptFileError,
    ModelError,
    RecipeError,
)
from hornbook.base.gguf import Head, Stored, read_head
from hornbook.model.config import ModelConfig, with_form
from hornbook.model.families import rename
from hornbook.model.frame import frame
from hornbook.model.transformer import Transformer

FAMILY = "llama"
Kind = GGMLQuantizationType


def load_gguf(file: Path) -> Transformer:
    """Build a transformer from a GGUF file, tensor by tensor.

    Raises:
        ModelError: its family, or the way its numbers are written, is
            not known here.
        CorruptFileError: it is damaged, cut short, or contradicts
            itself.
    """
    head = read_head(file)
    config = shape_of(head, file)
    check_stored(head.tensors, file)
    ours = {
        rename(name, INNER, OUTER, "blocks"): each
        for name, each in head.tensors.items()
    }
    shapes = {name: each.shape for name, each in ours.items()}
    model = frame(config, shapes, file)
    data = np.memmap(file, np.uint8, "r")
    weights = model.state_dict()
    for name, each in ours.items():
        weight = torch.from_numpy(numbers(data, each))
        if not weight.isfinite().all():
            raise CorruptFileError(
                f"{file}: tensor {name} holds what is no number; get "
                "the file anew"
            )
        if heads := turned_heads(name, config):
            weight = halved(weight, heads)
        weights[name].copy_(weight)
    return model


def read_shape(file: Path) -> ModelConfig:
    """Read the shape of a GGUF model, and none of its weights.

    Raises:
        ModelError: its family is not known here.
        CorruptFileError: it is damaged.
    """
    return shape_of(read_head(file), file)


def shape_of(head: Head, file: Path) -> ModelConfig:
    """Understand what a head says of the model's shape.

    Raises:
        ModelError: names what is said that is not known here.
    """
    # Refuse other families, adapters, and parts of a model
    values, told = head.values, {}
    for key, known in PLAIN.items():
        if values.get(key, known) != known:
            raise ModelError(
                f"{file} says {key} = {values[key]!r}; such models are "
                f"known here with {known!r} alone"
            )

    # Collect what the family leaves open; all else must be as usual
    for key, value in values.items():
        name = key.removeprefix(f"{FAMILY}.")
        if name in FIELDS:
            told[FIELDS[name]] = value
        elif name != key and name not in CHECKED | UNREAD:
            raise ModelError(
                f"{file} says {key} = {str(value)[:40]}, and models "
                "that need this are not known here"
            )
    for field in ("eps", "rope_theta"):
        if isinstance(told.get(field), float):
            told[field] = float(str(np.float32(told[field])))
    if missing := NEEDED - told.keys() - {*head.tensors}:
        raise ModelError(
            f"{file} does not describe a model: {min(missing)} is "
            "missing"
        )
    told["vocab_size"] = (*head.tensors[TABLE].shape, 0)[0]
    told["tied"] = "output.weight" not in head.tensors
    try:
        shape = with_form({"form": FAMILY, **told})
        config = convert(shape, ModelConfig, file.name).resolved()
    except (RecipeError, TypeError, ValueError) as error:
        raise ModelError(
            f"{file} does not describe a model: {error}"
        ) from error
    check_heads(values, config, file)
    return config


def check_heads(
    values: Mapping[str, object], config: ModelConfig, file: Path
) -> None:
    """Refuse heads that are turned in part, or of two lengths.

    Raises:
        ModelError: names the value that is not known here.
    """
    for name in CHECKED:
        key = f"{FAMILY}.{name}"
        if values.get(key, config.head_dim) != config.head_dim:
            raise ModelError(
                f"{file} says {key} = {values[key]!r}, and models are "
                "known here where it is the length of a head, "
                f"{config.head_dim}"
            )


def check_stored(tensors: Mapping[str, Stored], file: Path) -> None:
    """Refuse tensors that cannot be read, before any is.

    Raises:
        ModelError: names the way of writing that is not known here.
        CorruptFileError: the file ends before its tensors do.
    """
    size, total = file.stat().st_size, 0
    for name, each in tensors.items():
        if each.kind not in KINDS:
            known = {int(kind): kind.name for kind in Kind}
            raise ModelError(
                f"{file}: tensor {name} is written as "
                f"{known.get(each.kind, each.kind)}; known here are "
                + ", ".join(kind.name for kind in KINDS)
            )
        total += (length := stored_bytes(each))
        if each.start + length > size:
            raise CorruptFileError(
                f"{file} ends {each.start + length - size:,} bytes "
                f"before its tensor {name} does; get it anew"
            )
    if total > size:
        raise CorruptFileError(
            f"{file} says that its tensors lie in each other; get it "
            "anew"
        )


def stored_bytes(each: Stored) -> int:
    """Count the bytes that a tensor takes in its file."""
    block, block_bytes = GGML_QUANT_SIZES[Kind(each.kind)]
    *rows, columns = each.shape or (1,)
    return math.prod(rows) * -(-columns // block) * block_bytes


def numbers(
    data: np.ndarray, each: Stored
) -> Float[np.ndarray, "*axes"]:
    """Turn a tensor's bytes into plain numbers.

    Raises:
        CorruptFileError: its rows are not whole blocks.
    """
    block = GGML_QUANT_SIZES[Kind(each.kind)][0]
    if not each.shape or each.shape[-1] % block:
        raise CorruptFileError(
            f"a tensor has rows of {each.shape[-1:]} numbers, written "
            f"in blocks of {block}; get the file anew"
        )
    rows = data[each.start : each.start + stored_bytes(each)]
    with np.errstate(all="ignore"):
        plain = dequantize(
            rows.reshape(*each.shape[:-1], -1), Kind(each.kind)
        )
    return np.array(plain, dtype=np.float32)


def turned_heads(name: str, config: ModelConfig) -> int:
    """Count a weight's heads, if it makes what positions turn."""
    if name.endswith("to_q.weight"):
        return config.heads
    return config.kv_heads if name.endswith("to_k.weight") else 0


def halved(
    weight: Float[Tensor, "rows width"], heads: int
) -> Float[Tensor, "rows width"]:
    """Lay a head's pairs apart: its first numbers, then its second.

    llama.cpp turns neighbours, we turn numbers half a head apart: the
    same pairs, in another order.
    """
    pairs = weight.unflatten(0, (heads, -1, 2))
    turned: Tensor = pairs.transpose(1, 2).flatten(0, 2)
    return turned


KINDS = (
    Kind.F32,
    Kind.F16,
    Kind.BF16,
    Kind.Q8_0,
    Kind.Q5_0,
    Kind.Q5_1,
    Kind.Q4_0,
    Kind.Q4_1,
)
"""The ways in which numbers may be written."""

FIELDS = {
    "block_count": "layers",
    "embedding_length": "width",
    "feed_forward_length": "hidden",
    "context_length": "context",
    "attention.head_count": "heads",
    "attention.head_count_kv": "kv_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "eps",
    "rope.freq_base": "rope_theta",
}
"""The family's numbers, and what they are called here."""

TABLE = "token_embd.weight"
NEEDED = {"layers", "width", "hidden", "context", "heads", "eps", TABLE}
"""Without these there is no shape."""

CHECKED = {"attention.value_length", "rope.dimension_count"}
"""Numbers that must be the length of a head."""

UNREAD = {"vocab_size", "rope.scaling.type", "expert_count"}
"""What is counted elsewhere, or must be as ``PLAIN`` says."""

PLAIN = {
    "general.architecture": FAMILY,
    "general.type": "model",
    "split.count": 1,
    f"{FAMILY}.rope.scaling.type": "none",
    f"{FAMILY}.expert_count": 0,
}
"""Values that change what is computed, and what they may be."""

INNER = {
    "attn_q": "attention.to_q",
    "attn_k": "attention.to_k",
    "attn_v": "attention.to_v",
    "attn_output": "attention.to_out",
    "attn_norm": "attention_norm",
    "ffn_norm": "feedforward_norm",
    "ffn_gate": "feedforward.gate",
    "ffn_up": "feedforward.up",
    "ffn_down": "feedforward.down",
}
OUTER = {
    "token_embd": "embedding.token_emb",
    "output_norm": "norm",
    "output": "head",
}
"""The weights' names there, and ours."""
