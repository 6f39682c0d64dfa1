"""Models in GGUF, the format of llama.cpp: written, at 16 bits."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gguf import GGUFWriter, LlamaFileType
from jaxtyping import Float
from torch import Tensor

from hornbook.base.errors import ModelError
from hornbook.base.store import disk_errors, flush, need_disk
from hornbook.model.config import ModelConfig, cannot_hold
from hornbook.model.families import rename
from hornbook.model.gguf import (
    FAMILY,
    FIELDS,
    INNER,
    OUTER,
    turned_heads,
)

if TYPE_CHECKING:
    from hornbook.tokenizer.tokenizer import Tokenizer

LARGEST = float(np.finfo(np.float16).max)
NAMES = {ours: theirs for theirs, ours in INNER.items()}
OUTER_NAMES = {ours: theirs for theirs, ours in OUTER.items()}


def write_gguf(
    state: dict[str, Tensor],
    config: ModelConfig,
    tokenizer: "Tokenizer",
    file: Path,
) -> None:
    """Write a model with its tokenizer as one file, whole or not.

    Matrices are rounded to 16 bits, as llama.cpp takes them; vectors
    stay as they are.

    Raises:
        ModelError: the family is none that is written in this format,
            or a weight is too large for 16 bits.
        DataError: llama.cpp has no such tokenizer.
        DiskError: the disk is full; what stood there stays.
    """
    # Refuse before anything is written
    if why := cannot_hold(config, "gguf"):
        raise ModelError(f"{why}; use another --format")
    for name, weight in state.items():
        if not float(weight.abs().max()) <= LARGEST:
            raise ModelError(
                f"tensor {name} holds a number that 16 bits cannot; "
                "use --format hf or native"
            )
    words = tokenizer.gguf_values(config.vocab_size)
    need_disk(file.parent, sum(2 * t.numel() for t in state.values()))

    # Write the head, then one tensor after the other
    fresh = file.with_name(f".{file.name}.new")
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            fill(GGUFWriter(fresh, FAMILY), state, config, words)
            flush(fresh)
            os.replace(fresh, file)
        finally:
            fresh.unlink(missing_ok=True)


def fill(
    writer: GGUFWriter,
    state: dict[str, Tensor],
    config: ModelConfig,
    words: dict[str, Any],
) -> None:
    """Write values and tensors into an open file, and close it."""
    describe(writer, config, words)

    # Say where each tensor will lie, then write it
    tensors = {}
    for name, weight in state.items():
        kind = np.float32 if weight.dim() == 1 else np.float16
        theirs = rename(name, NAMES, OUTER_NAMES, "blk")
        tensors[theirs] = (name, weight, np.dtype(kind))
    for theirs, (_, weight, dtype) in tensors.items():
        size = weight.numel() * dtype.itemsize
        writer.add_tensor_info(theirs, weight.shape, dtype, size)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for name, weight, dtype in tensors.values():
            if heads := turned_heads(name, config):
                weight = paired(weight, heads)
            plain = weight.float().numpy()
            writer.write_tensor_data(plain.astype(dtype))
    finally:
        writer.close()


def describe(
    writer: GGUFWriter, config: ModelConfig, words: dict[str, Any]
) -> None:
    """Write the shape and the tokenizer as named values."""
    writer.add_type("model")
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    for field, ours in FIELDS.items():
        value, name = getattr(config, ours), f"{FAMILY}.{field}"
        if isinstance(value, float):
            writer.add_float32(name, value)
        else:
            writer.add_uint32(name, value)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    for name, value in words.items():
        add_value(writer, name, value)


def add_value(writer: GGUFWriter, name: str, value: Any) -> None:
    """Write one value of a tokenizer by its type."""
    if isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, int):
        writer.add_uint32(name, value)
    elif isinstance(value, str):
        writer.add_string(name, value)
    else:
        writer.add_array(name, value)


def paired(
    weight: Float[Tensor, "rows width"], heads: int
) -> Float[Tensor, "rows width"]:
    """Lay a head's pairs side by side: undoes ``gguf.halved``."""
    halves = weight.unflatten(0, (heads, 2, -1))
    turned: Tensor = halves.transpose(1, 2).flatten(0, 2)
    return turned
