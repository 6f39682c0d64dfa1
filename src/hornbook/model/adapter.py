"""Adapters: a small change to a large model, in peft's files.

A folder with ``adapter_config.json`` and ``adapter_model.safetensors``
holds two narrow matrices for each matrix that was changed, and names
the model that they belong to. peft reads and writes the same.
"""

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from hornbook.base.errors import CorruptFileError, ModelError
from hornbook.base.store import digest_file, digest_json, read_json
from hornbook.model import families
from hornbook.model.config import ModelConfig
from hornbook.model.nf4 import rounded

SETTINGS = "adapter_config.json"
TENSORS = "adapter_model.safetensors"
OURS = "config.json"
"""What peft does not know: the base's digest, and its four bits."""
HEAD = "head.safetensors"
"""A classifier's own layer, which peft's files have no place for."""
PREFIX = "base_model.model."
KEY = re.compile(
    r"(?:base_model\.model\.)?(?:model\.|transformer\.)?([\w.]+?)"
    r"\.lora_(A|B|magnitude_vector)(?:\.weight)?"
)


class LowRank(msgspec.Struct, frozen=True):
    """A change to one matrix W: to W + s B A, of low rank.

    Source: hu2022, section 4.1; liu2024, equation 5, for m.
    """

    a: Float[Tensor, "rank columns"]
    b: Float[Tensor, "rows rank"]
    scale: float
    """The factor s."""
    m: Float[Tensor, " rows"] | None = None
    """The lengths that rows have afterwards; None lets them be."""

    def applied(
        self, weight: Float[Tensor, "rows columns"]
    ) -> Float[Tensor, "rows columns"]:
        """Give the changed matrix."""
        changed = weight + self.scale * (self.b @ self.a)
        if self.m is None:
            return changed
        lengths = torch.linalg.norm(changed, dim=1)
        return changed * (self.m / lengths)[:, None]


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no whole model."""
    return (folder / SETTINGS).is_file()


def find_base(folder: Path) -> Path:
    """Find the model that an adapter belongs to, and see it is that.

    Raises:
        ModelError: it is not here, or has learnt since.
    """
    # Look from the adapter's folder, then from the current one
    table = read_table(folder / SETTINGS)
    name = str(table.get("base_model_name_or_path") or "")
    places = [folder / name, Path(name)] if name else []
    found = [place for place in places if place.exists()]
    if not found:
        raise ModelError(
            f"the adapter {folder} belongs to the model {name!r}, which "
            f"is not here; write its path into {SETTINGS}, as "
            "base_model_name_or_path"
        )

    # Compare its weights with those that the adapter was trained on
    base = Path(os.path.normpath(found[0]))
    known = told_of(folder).get("digest")
    if known and known != digest_weights(base):
        raise ModelError(
            f"the adapter {folder} was trained on other weights than "
            f"{base} has now; train the adapter again"
        )
    return base


def find_tokenizer(folder: Path) -> Path:
    """Find a model's tokenizer: an adapter may lean on its base's."""
    bare = not (folder / "tokenizer.json").exists()
    if bare and is_adapter(folder):
        return find_tokenizer(find_base(folder))
    return folder


def digest_weights(place: Path) -> str:
    """Digest the files that a model's weights lie in."""
    files = [place]
    if place.is_dir():
        files = sorted(place.glob("*.safetensors"))
    return digest_json({f.name: digest_file(f) for f in files})


def read_table(file: Path) -> dict[str, Any]:
    """Read a table of an adapter's.

    Raises:
        CorruptFileError: the file holds something else.
    """
    table = read_json(file)
    if not isinstance(table, dict):
        raise CorruptFileError(f"{file} is not a table")
    return table


def read_ours(folder: Path) -> dict[str, Any]:
    """Read the file that we add to an adapter, where there is one."""
    file = folder / OURS
    return read_table(file) if file.exists() else {}


def told_of(folder: Path) -> dict[str, Any]:
    """Give what our own file says of an adapter's base."""
    told = read_ours(folder).get("adapter", {})
    return told if isinstance(told, dict) else {}


@torch.no_grad()
def apply_adapter(folder: Path, model: nn.Module) -> None:
    """Change a model's matrices as an adapter says.

    One that was trained on four bits a number finds its base rounded
    to them here, so that the model is the one that has learnt.

    Raises:
        ModelError: the adapter is of another model or another kind.
        CorruptFileError: its files are damaged.
    """
    changes = read_adapter(folder, model)
    if told_of(folder).get("bits"):
        for layer in linear_layers(model).values():
            layer.weight.copy_(rounded(layer.weight))
    for name, change in changes.items():
        weight = model.get_parameter(f"{name}.weight")
        weight.copy_(change.applied(weight))


def read_adapter(folder: Path, model: nn.Module) -> dict[str, LowRank]:
    """Read an adapter's changes, by our names for the layers.

    Raises:
        ModelError: the adapter is of another model or another kind.
        CorruptFileError: its files are damaged.
    """
    # Open the files
    table, file = read_table(folder / SETTINGS), folder / TENSORS
    refuse_unknown(table, folder)
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(
            f"{file} is damaged ({error}); copy or train the adapter "
            "again"
        ) from error

    # Sort the tensors by the layer that they change
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        found = KEY.fullmatch(key)
        if found is None:
            raise ModelError(
                f"the adapter {folder} holds {key}, and adapters here "
                "are LoRA or DoRA of linear layers alone"
            )
        parts.setdefault(found[1], {})[found[2]] = tensor.float()

    # Give them our names
    changes = {}
    for theirs, ours in layers_of(model).items():
        given = parts.pop(theirs.partition(".")[2], None)
        if given:
            whole = change_of(given, table, theirs, folder)
            changes |= split(whole, ours, model, folder)
    for stranger in parts:
        raise _another(folder, f"it has no layer {stranger}")
    return changes


def change_of(
    given: dict[str, Tensor],
    table: dict[str, Any],
    layer: str,
    folder: Path,
) -> LowRank:
    """Make a change of the tensors for one layer."""
    if not {"A", "B"} <= given.keys():
        raise CorruptFileError(
            f"{folder / TENSORS} lacks lora_A or lora_B of {layer}; "
            "copy or train the adapter again"
        )
    if bool(table.get("use_dora")) != ("magnitude_vector" in given):
        raise CorruptFileError(
            f"{folder}: {SETTINGS} and {TENSORS} do not agree whether "
            "this is DoRA; copy or train the adapter again"
        )
    rank = given["A"].size(0)
    alpha = float(table.get("lora_alpha") or 8)
    for name, own in (table.get("alpha_pattern") or {}).items():
        if f".{layer}".endswith(f".{name}"):
            alpha = float(own)
    root = bool(table.get("use_rslora"))
    scale = alpha / (math.sqrt(rank) if root else rank)
    return LowRank(
        given["A"], given["B"], scale, given.get("magnitude_vector")
    )


def split(
    whole: LowRank, names: Sequence[str], model: nn.Module, folder: Path
) -> dict[str, LowRank]:
    """Give each of our layers its rows of a published layer's change.

    Raises:
        ModelError: the change has the shape of another model.
    """
    weights = [model.get_parameter(f"{name}.weight") for name in names]
    sizes = [weight.size(0) for weight in weights]
    wanted = (sum(sizes), weights[0].size(1))
    shape = (whole.b.size(0), whole.a.size(-1))
    rows = shape[0] if whole.m is None else whole.m.numel()
    fits = whole.a.size(0) == whole.b.size(-1) and rows == wanted[0]
    if shape != wanted or not fits:
        raise _another(
            folder, f"its {names[0]} has {wanted}, and not {shape}"
        )
    pieces = whole.b.split(sizes)
    lengths: Sequence[Tensor | None] = [None] * len(sizes)
    if whole.m is not None:
        lengths = whole.m.flatten().split(sizes)
    return {
        name: turned(LowRank(whole.a, b, whole.scale, m), name, model)
        for name, b, m in zip(names, pieces, lengths, strict=True)
    }


def join(parts: Sequence[LowRank]) -> LowRank:
    """Make one change of several to layers that are published as one.

    Their ranks add up: each keeps its own rows and its own A.
    """
    if len(parts) == 1:
        return parts[0]
    lengths = [part.m for part in parts if part.m is not None]
    return LowRank(
        torch.cat([part.a for part in parts]),
        torch.block_diag(*(part.b for part in parts)),
        parts[0].scale,
        torch.cat(lengths) if lengths else None,
    )


def turned(change: LowRank, name: str, model: nn.Module) -> LowRank:
    """Translate a change between our rows and a family's, and back.

    nanochat keeps the halves of each head the other way round.
    """
    config = shape_of(model)
    last = name.rpartition(".")[2]
    if config.form != "nanochat" or last not in ("to_q", "to_k"):
        return change
    m, size = change.m, config.head_dim
    return LowRank(
        change.a,
        families.swap_halves(change.b, size),
        change.scale,
        None if m is None else families.swap_halves(m, size),
    )


def refuse_unknown(table: dict[str, Any], folder: Path) -> None:
    """Refuse an adapter that does more than we can.

    Raises:
        ModelError: names the setting.
    """
    strange = [k for k, v in table.items() if v and k not in KNOWN]
    strange += [
        key
        for key, usual in USUAL.items()
        if table.get(key, usual[0]) not in usual
    ]
    for name in table.get("alpha_pattern") or {}:
        if not re.fullmatch(r"[\w.]+", name):
            strange.append(f"alpha_pattern {name!r}")
    if strange:
        raise ModelError(
            f"the adapter {folder} has {', '.join(sorted(strange))} in "
            f"its {SETTINGS}, which is not known here; merge it into "
            "its base with peft, and open the merged model"
        )


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Name the linear layers inside a model's blocks."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if type(layer) is nn.Linear and INSIDE.fullmatch(name)
    }


def layers_of(model: nn.Module) -> dict[str, list[str]]:
    """Say which of our layers make each published linear layer."""
    config = shape_of(model)
    names = families.BLOCK_NAMES
    place = "model.layers"
    if config.form == "nanochat":
        names = families.NANOCHAT_NAMES
    if config.form == "gpt2":
        names, place = GPT2_NAMES, "transformer.h"
    found: dict[str, list[str]] = {}
    for name, _ in model.named_modules():
        inside = INSIDE.fullmatch(name)
        if inside and inside[2] in names:
            theirs = f"{place}.{inside[1]}.{names[inside[2]]}"
            found.setdefault(theirs, []).append(name)
    return found


def shape_of(model: nn.Module) -> ModelConfig:
    """Give the shape that a model was built by."""
    config = model.config
    assert isinstance(config, ModelConfig)
    return config


def _another(folder: Path, why: str) -> ModelError:
    """Say that an adapter does not fit its base."""
    return ModelError(
        f"the adapter {folder} is of another model than its base: {why}"
    )


INSIDE = re.compile(
    r"blocks\.(\d+)\."
    r"(attention\.to_(?:q|k|v|out)|feedforward\.(?:gate|up|down))"
)
"""Our linear layers inside a block."""

GPT2_NAMES = {
    **families.GPT2_NAMES,
    "attention.to_q": "attn.c_attn",
    "attention.to_k": "attn.c_attn",
    "attention.to_v": "attn.c_attn",
}

USUAL: dict[str, tuple[object, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none",),
    "init_lora_weights": (True, False, "gaussian", "orthogonal"),
}
"""Settings of peft's that say what is computed, as we compute it."""

KNOWN = {
    *USUAL,
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "ensure_weight_tying",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "lora_alpha",
    "lora_dropout",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "target_modules",
    "task_type",
    "use_dora",
    "use_rslora",
}
"""Settings that we heed, or that change nothing of a finished one."""
