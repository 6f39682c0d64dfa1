"""Models on disk: our own layout, and Hugging Face's."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from jaxtyping import Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from hornbook.base.config import convert
from hornbook.base.errors import (
    CorruptFileError,
    DiskError,
    ModelError,
    RecipeError,
)
from hornbook.base.store import (
    atomic_folder,
    need_disk,
    read_json,
    write_json,
)
from hornbook.model import families
from hornbook.model.adapter import (
    apply_adapter,
    find_base,
    is_adapter,
    read_ours,
)
from hornbook.model.config import ModelConfig
from hornbook.model.find import CONFIG, GGUF, WEIGHTS, find_model
from hornbook.model.frame import build
from hornbook.model.own_code import keep_code, reopen
from hornbook.model.transformer import Transformer

if TYPE_CHECKING:
    from hornbook.tokenizer.tokenizer import Tokenizer


def load_model(path: str | Path) -> Transformer:
    """Build a transformer from its configuration and weights.

    An adapter's is its base, changed as the adapter says.
    """
    folder = find_model(path)
    if folder.is_file():
        from hornbook.model.gguf import load_gguf

        return load_gguf(folder)
    if is_adapter(folder):
        refuse_classes(read_ours(folder), folder)
        return load_adapted(folder)
    table = read_table(folder)
    foreign = "model_type" in table
    config = read_config(table, folder)
    state = read_weights(folder)
    if foreign:
        try:
            state = families.from_hf(state, config)
        except (RuntimeError, ValueError) as error:
            raise CorruptFileError(
                f"{folder / WEIGHTS} does not have the shapes that "
                f"{CONFIG} describes: {error}"
            ) from error
    return build(config, state, folder / WEIGHTS)


def load_shape(path: str | Path) -> ModelConfig:
    """Read a model's shape, and none of its weights."""
    folder = find_model(path)
    if folder.is_file():
        from hornbook.model.gguf import read_shape

        return read_shape(folder)
    if is_adapter(folder):
        return load_shape(find_base(folder))
    return read_config(read_table(folder), folder)


def read_table(folder: Path) -> dict[str, Any]:
    """Read the configuration of a language model.

    Raises:
        CorruptFileError: it is missing, or no table.
        ModelError: it is a classifier's.
    """
    table = read_json(folder / CONFIG)
    if not isinstance(table, dict):
        raise CorruptFileError(f"{folder / CONFIG} is not a table")
    refuse_classes(table, folder)
    return table


def load_adapted(folder: Path) -> Transformer:
    """Open an adapter's base, and change it as the adapter says.

    The base may be another one's adapter, and so on.

    Raises:
        ModelError: the adapter is of another model or another kind.
    """
    chain: list[Path] = []
    while is_adapter(folder):
        if folder in chain:
            raise ModelError(
                f"the adapter {folder} names itself as its base; write "
                "the model's path into its adapter_config.json"
            )
        chain.append(folder)
        folder = find_base(folder)
    model = load_model(folder)
    for adapter in reversed(chain):
        apply_adapter(adapter, model)
    return model


def refuse_classes(table: dict[str, Any], folder: Path) -> None:
    """Refuse a classifier where a language model is meant.

    Raises:
        ModelError: it is one.
    """
    if table.get("kind") == "classifier":
        raise ModelError(
            f"{folder} is a classifier, which gives classes and no "
            "tokens; open it with hb.Classifier.load"
        )


def read_config(table: dict[str, Any], folder: Path) -> ModelConfig:
    """Read a shape, in Hugging Face's words or in ours."""
    if "model_type" in table:
        return families.from_hf_config(table)
    shape = table.get("model", {})
    try:
        config = convert(shape, ModelConfig, "model").resolved()
    except RecipeError as error:
        raise CorruptFileError(
            f"{folder / CONFIG} does not describe a model: {error}"
        ) from error
    return reopen(config, folder)


def read_weights(
    folder: Path, files: str = "model*.safetensors"
) -> dict[str, Tensor]:
    """Read every weight of a folder, whole or in several files.

    Raises:
        ModelError: there are no weights in safetensors format.
        CorruptFileError: a file is cut short or damaged.
    """
    found = sorted(folder.glob(files))
    if not found:
        raise ModelError(
            f"{folder} holds no {files.replace('*', '')}; other "
            "formats are not opened, since they can run code"
        )
    state: dict[str, Tensor] = {}
    for file in found:
        try:
            state.update(load_file(file))
        except (SafetensorError, OSError, ValueError) as error:
            raise CorruptFileError(
                f"{file} is damaged ({error}); export or download the "
                "model again"
            ) from error
    return state


def weights_of(model: torch.nn.Module) -> dict[str, Tensor]:
    """The weights as they are saved: shared matrices once."""
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
    }
    if isinstance(model, Transformer) and model.config.tied:
        del state["head.weight"]
    return state


def save_model(
    model: Transformer,
    path: Path,
    format: str = "hf",
    tokenizer: "Tokenizer | None" = None,
    extra: dict[str, Any] | None = None,
) -> None:
    """Write a model's folder so that it is whole or absent.

    Raises:
        ModelError: the format is unknown, or cannot hold the model.
        DiskError: the disk is full; what stood there stays.
    """
    if format not in FORMATS:
        raise ModelError(
            f"there is no format {format!r}; known are "
            + ", ".join(FORMATS)
        )
    state = weights_of(model)
    if format == "gguf":
        save_gguf(state, model.config, path, tokenizer)
        return
    table = {
        "kind": "model",
        "model": msgspec.to_builtins(model.config),
    }
    if format == "hf":
        ends = sorted(tokenizer.ends) if tokenizer else [0]
        pad = tokenizer.pad if tokenizer else 0
        table = families.hf_config(model.config, ends, pad)
        state = families.to_hf(state, model.config)
        state = {k: t.contiguous() for k, t in state.items()}
    write_model_folder(path, table | (extra or {}), state, tokenizer)


def save_gguf(
    state: dict[str, Tensor],
    config: ModelConfig,
    path: Path,
    tokenizer: "Tokenizer | None",
) -> None:
    """Write a file in GGUF format, or a folder that holds it.

    Raises:
        ModelError: there is no tokenizer, or the format cannot hold
            the model.
    """
    from hornbook.model.gguf_write import write_gguf

    if tokenizer is None:
        raise ModelError(
            "a GGUF file holds the tokenizer as well; give it, as "
            "model.save(path, format='gguf', tokenizer=tok)"
        )
    if path.suffix == GGUF:
        write_gguf(state, config, tokenizer, path)
        return
    with atomic_folder(path) as fresh:
        write_gguf(state, config, tokenizer, fresh / MODEL)


def write_model_folder(
    path: Path,
    table: dict[str, Any],
    state: dict[str, Tensor],
    tokenizer: "Tokenizer | None",
) -> None:
    """Write configuration, weights and tokenizer in one step."""
    count = sum(t.numel() * t.element_size() for t in state.values())
    need_disk(path.parent, count + 1_000_000)
    with atomic_folder(path) as fresh:
        save_tensors(state, fresh / WEIGHTS)
        write_json(fresh / CONFIG, table)
        keep_code(table.get("model", {}).get("code", ""), fresh)
        if tokenizer is not None:
            tokenizer.save(fresh)


def save_tensors(tensors: dict[str, Tensor], file: Path) -> None:
    """Write tensors into a folder that is not yet in its place.

    Raises:
        DiskError: the file could not be written.
    """
    try:
        save_file(tensors, file, metadata={"format": "pt"})
    except SafetensorError as error:
        raise DiskError(
            f"{file.name} could not be written ({error}); free some "
            "space and run the same command again"
        ) from error


def verify(model: Transformer, folder: Path) -> str:
    """Read an export back and compare its logits with the model's.

    Gives a sentence that says what was compared.

    Raises:
        ModelError: the logits differ by more than rounding.
    """
    ids = torch.arange(min(32, model.config.context))[None]
    ids = ids % model.config.vocab_size
    model = model.float().eval()
    if (file := find_model(folder)).is_file():
        return _verify_rounded(model, file, ids)
    with torch.no_grad():
        wanted = model(ids)
        _compare(wanted, load_model(folder).eval()(ids), "re-read")
    table = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if "model_type" not in table:
        return "verified: re-read with equal logits"
    try:
        from transformers import AutoModelForCausalLM
    except ImportError:
        return (
            "re-read with equal logits; not verified in transformers, "
            "which is not installed"
        )
    theirs: Any = AutoModelForCausalLM.from_pretrained(folder)
    theirs.eval()
    with torch.no_grad():
        _compare(wanted, theirs(ids).logits, "run by transformers")
    return "verified: equal logits, re-read and in transformers"


def _verify_rounded(
    model: Transformer, file: Path, ids: Int[Tensor, "batch time"]
) -> str:
    """Read a GGUF file back: each weight, as 16 bits hold it.

    Raises:
        ModelError: a weight is another one.
    """
    found = load_model(file).eval()
    weights = found.state_dict()
    for name, weight in model.state_dict().items():
        rounded = weight if weight.dim() == 1 else weight.half().float()
        if not torch.equal(weights[name], rounded):
            raise ModelError(
                f"{file} does not hold the model's tensor {name}; do "
                "not use it, and please report this"
            )
    with torch.no_grad():
        gap = float((model(ids) - found(ids)).abs().mean())
    return (
        "verified: re-read, every weight as 16 bits hold it, which "
        f"moves logits by {gap:.2g} on average; not run in llama.cpp "
        "here"
    )


def _compare(wanted: Tensor, found: Tensor, how: str) -> None:
    """Stop when two tables of logits are not the same."""
    gap = float((wanted - found).abs().max())
    if not gap < 1e-3:
        raise ModelError(
            f"the exported model, {how}, gives other logits (by up to "
            f"{gap:.2g}); do not use it, and please report this"
        )


FORMATS = ("hf", "native", "gguf")
MODEL = f"model{GGUF}"
