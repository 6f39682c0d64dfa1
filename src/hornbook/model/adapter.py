"""Adapters: a small change to a large model, in peft's files.

A folder with ``adapter_config.json`` and ``adapter_model.safetensors``
holds two narrow matrices for each matrix that was changed, and names
the model that they belong to. peft reads and writes the same.
"""

import math
import os
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from hornbook.base.errors import CorruptFileError, ModelError
from hornbook.base.store import digest_file, digest_json, read_json
from hornbook.model.low_rank import (
    LowRank,
    layers_of,
    linear_layers,
    misfit,
    split,
)
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
            f"the adapter {folder} belongs to the model {name!r}, "
            f"which is not here; write its path into {SETTINGS}, as "
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
    table = read_table(folder / SETTINGS)
    refuse_unknown(table, folder)
    tensors = read_tensors(folder / TENSORS)

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
    changes: dict[str, LowRank] = {}
    for theirs, ours in layers_of(model).items():
        given = parts.pop(theirs.partition(".")[2], None)
        if given:
            whole = change_of(given, table, theirs, folder)
            if why := misfit(whole, ours, model):
                raise _another(folder, why)
            changes |= split(whole, ours, model)
    for stranger in parts:
        raise _another(folder, f"it has no layer {stranger}")
    return changes


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Read an adapter's tensors.

    Raises:
        CorruptFileError: the file is missing or damaged.
    """
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(
            f"{file} is damaged ({error}); copy or train the adapter "
            "again"
        ) from error


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


def _another(folder: Path, why: str) -> ModelError:
    """Say that an adapter does not fit its base."""
    return ModelError(
        f"the adapter {folder} is of another model than its base: {why}"
    )


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
