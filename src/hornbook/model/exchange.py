"""Models on disk: our own layout, and Hugging Face's."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch
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
from hornbook.base.record import named
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
from hornbook.model.count import parameters
from hornbook.model.own_code import keep_code, reopen
from hornbook.model.transformer import Transformer

if TYPE_CHECKING:
    from hornbook.tokenizer.tokenizer import Tokenizer

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
BASE = "checkpoints/base"


def find_model(path: str | Path) -> Path:
    """Find a model's folder from a path, a run, or ``RUN:NAME``.

    Raises:
        ModelError: says what is there instead.
    """
    folder, name = Path(named(path)), ""
    if not folder.exists() and ":" in str(folder):
        left, _, name = str(folder).rpartition(":")
        folder = Path(left)
    if not folder.is_dir():
        raise ModelError(
            f"there is no model at {path}; give the folder of a model "
            "or of a run, or RUN:NAME"
        )
    if not (folder / "run.json").exists() and not name:
        return folder
    places = [f"checkpoints/{name}", f"finetune/{name}"]
    if not name:
        places = ["finetune/chat", BASE]
    for place in places:
        found = folder / place
        if (found / CONFIG).exists() or is_adapter(found):
            return found
    raise ModelError(
        f"{folder} holds no finished model {name or 'yet'}; 'hornbook "
        f"run {folder}' makes what is missing"
    )


def load_model(path: str | Path) -> Transformer:
    """Build a transformer from a folder's configuration and weights.

    An adapter's is its base, changed as the adapter says.
    """
    folder = find_model(path)
    if is_adapter(folder):
        refuse_classes(read_ours(folder), folder)
        return load_adapted(folder)
    table = read_json(folder / CONFIG)
    if not isinstance(table, dict):
        raise CorruptFileError(f"{folder / CONFIG} is not a table")
    refuse_classes(table, folder)
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


def build(
    config: ModelConfig, state: dict[str, Tensor], where: Path
) -> Transformer:
    """Fill a new transformer with weights that must fit exactly.

    Raises:
        CorruptFileError: names the first tensor that does not fit.
    """
    # Refuse a shape whose mere building could fill the memory
    held = sum(tensor.numel() for tensor in state.values())
    if parameters(config)["total"] > 2 * held:
        raise CorruptFileError(
            f"{where} holds {held:,} numbers, far fewer than the "
            "model that its configuration describes"
        )
    model = Transformer(config)

    # Compare names and shapes
    if config.tied and "embedding.token_emb.weight" in state:
        state = {
            **state,
            "head.weight": state["embedding.token_emb.weight"],
        }
    wanted = model.state_dict()
    for name in sorted(wanted.keys() ^ state.keys()):
        fault = "lacks" if name in wanted else "has an unknown"
        raise CorruptFileError(f"{where} {fault} tensor {name}")
    for name, tensor in wanted.items():
        if tensor.shape != state[name].shape:
            raise CorruptFileError(
                f"{where}: tensor {name} has shape "
                f"{tuple(state[name].shape)}, and the configuration "
                f"says {tuple(tensor.shape)}"
            )
    model.load_state_dict(state)
    return model


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
    table = {
        "kind": "model",
        "model": msgspec.to_builtins(model.config),
    }
    if format == "hf":
        specials = tokenizer.specials if tokenizer else {}
        end = tokenizer.end if tokenizer else 0
        pad = specials.get("<|pad|>", end)
        table = families.hf_config(model.config, end, pad)
        state = families.to_hf(state, model.config)
        state = {k: t.contiguous() for k, t in state.items()}
    write_model_folder(path, table | (extra or {}), state, tokenizer)


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


def _compare(wanted: Tensor, found: Tensor, how: str) -> None:
    """Stop when two tables of logits are not the same."""
    gap = float((wanted - found).abs().max())
    if not gap < 1e-3:
        raise ModelError(
            f"the exported model, {how}, gives other logits (by up to "
            f"{gap:.2g}); do not use it, and please report this"
        )


FORMATS = ("hf", "native")
