"""Adapters on disk: what was learnt, beside what it belongs to."""

import os
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor, nn

from hornbook.base.store import atomic_folder, write_json
from hornbook.model.adapter import (
    HEAD,
    OURS,
    PREFIX,
    SETTINGS,
    TENSORS,
    digest_weights,
)
from hornbook.model.exchange import save_tensors
from hornbook.model.low_rank import (
    LowRank,
    join,
    layers_of,
    row_lengths,
    turned,
)
from hornbook.model.nf4 import FourBitLinear
from hornbook.model.own_code import keep_code
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tuning.lora import LoraLinear
from hornbook.tuning.lora_config import LoraConfig


def keep_adapter(
    model: Transformer,
    config: LoraConfig,
    base: Path,
    target: Path,
    tok: Tokenizer,
    told: dict[str, Any] | None = None,
    head: dict[str, Tensor] | None = None,
) -> None:
    """Write a model's adapters as peft does, whole or not at all.

    Beside peft's two files stand our own, with ``told``, the digest
    of the base's weights and its bits; the tokenizer; and a ``head``
    of classes, if there is one.
    """
    # Collect the changes, by their published names
    changes = published(model)
    tensors: dict[str, Tensor] = {}
    for layer, change in changes.items():
        key = f"{PREFIX}{layer}.lora_"
        tensors[f"{key}A.weight"] = change.a
        tensors[f"{key}B.weight"] = change.b
        if change.m is not None:
            tensors[f"{key}magnitude_vector"] = change.m
    tensors = {k: t.cpu().contiguous() for k, t in tensors.items()}

    # Say what they belong to
    where = Path(os.path.relpath(base, target)).as_posix()
    digest = digest_weights(base)
    table = {
        "kind": "model",
        "model": msgspec.to_builtins(model.config),
        "adapter": {"digest": digest, "bits": config.bits},
        **(told or {}),
    }
    with atomic_folder(target) as fresh:
        save_tensors(tensors, fresh / TENSORS)
        settings = peft_table(config, changes, model, where)
        write_json(fresh / SETTINGS, settings)
        write_json(fresh / OURS, table)
        if head:
            save_tensors(head, fresh / HEAD)
        keep_code(model.config.code, fresh)
        tok.save(fresh)


def published(model: Transformer) -> dict[str, LowRank]:
    """Give a model's changes by the published names of its layers."""
    changes = {}
    for theirs, ours in layers_of(model).items():
        layers = [model.get_submodule(name) for name in ours]
        lora = [x for x in layers if isinstance(x, LoraLinear)]
        if lora:
            parts = [
                turned(change_to(layer, lora[0]), name, model)
                for name, layer in zip(ours, layers, strict=True)
            ]
            changes[theirs] = join(parts)
    return changes


def change_to(layer: nn.Module, like: LoraLinear) -> LowRank:
    """Give a layer's change; one of no rank if it has none."""
    if isinstance(layer, LoraLinear):
        return layer.change
    assert isinstance(layer, nn.Linear | FourBitLinear)
    weight = layer.weight.detach()
    rows, columns = weight.shape
    still = row_lengths(weight)
    return LowRank(
        weight.new_zeros(0, columns),
        weight.new_zeros(rows, 0),
        like.scale,
        None if like.m is None else still,
    )


def peft_table(
    config: LoraConfig,
    changes: dict[str, LowRank],
    model: Transformer,
    base: str,
) -> dict[str, Any]:
    """Describe adapters in peft's words."""
    blocks = sorted({int(name.split(".")[2]) for name in changes})
    every = len(blocks) == len(model.blocks)
    ranks = {
        short(name, model): change.a.size(0)
        for name, change in changes.items()
    }
    other = {k: r for k, r in ranks.items() if r != config.rank}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": 0.0,
        "use_dora": config.dora,
        "target_modules": sorted(ranks),
        "layers_to_transform": None if every else blocks,
        "rank_pattern": other,
        "alpha_pattern": {
            k: config.alpha * r / config.rank for k, r in other.items()
        },
        "fan_in_fan_out": model.config.form == "gpt2",
        "bias": "none",
        "init_lora_weights": True,
        "inference_mode": True,
    }


def short(name: str, model: Transformer) -> str:
    """Name a published layer as lists of targets do.

    GPT-2 has a ``c_proj`` in attention and one behind it.
    """
    words = name.split(".")
    count = 2 if model.config.form == "gpt2" else 1
    return ".".join(words[-count:])
