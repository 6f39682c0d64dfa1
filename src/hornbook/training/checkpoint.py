"""Checkpoints: a training that was stopped, on disk."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from hornbook.base.errors import CorruptFileError, RecipeError
from hornbook.base.store import (
    atomic_folder,
    digest_file,
    need_disk,
    read_json,
    write_json,
)
from hornbook.model.exchange import save_tensors, weights_of
from hornbook.training.optimizers import Optimizer

WEIGHTS, MEMORY, STATE = (
    "model.safetensors",
    "optimizer.safetensors",
    "state.json",
)


class Progress(msgspec.Struct, forbid_unknown_fields=True):
    """How far a training has come."""

    step: int = 0
    """Updates made."""
    tokens: int = 0
    """Tokens that were learnt from."""
    seconds: float = 0.0
    """Time spent on updates alone."""
    other_seconds: float = 0.0
    """Time spent compiling, measuring, sampling and saving."""


class State(msgspec.Struct):
    """What a checkpoint says about itself."""

    progress: Progress
    asked: dict[str, Any]
    """What the training depends on."""
    digests: dict[str, str]
    """The digests of its other files."""


def save(
    folder: Path,
    model: nn.Module,
    optimizers: list[Optimizer],
    progress: Progress,
    asked: dict[str, Any],
    keep: int,
) -> None:
    """Write ``step-NNNNNNN``, whole or not at all; keep the newest."""
    weights = weights_of(model)
    memory = {
        f"{index}.{name}": tensor
        for index, optimizer in enumerate(optimizers)
        for name, tensor in optimizer.state().items()
    }
    memory["random"] = torch.get_rng_state()
    bulk = sum(
        t.numel() * t.element_size()
        for t in [*weights.values(), *memory.values()]
    )
    need_disk(folder, bulk + 1_000_000)
    with atomic_folder(folder / f"step-{progress.step:07}") as fresh:
        save_tensors(weights, fresh / WEIGHTS)
        save_tensors(_whole(memory), fresh / MEMORY)
        digests = {
            name: digest_file(fresh / name)
            for name in (WEIGHTS, MEMORY)
        }
        state = State(progress, asked, digests)
        write_json(fresh / STATE, msgspec.to_builtins(state))
    for old in found(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)


def _whole(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as safetensors wants them: apart and in one piece."""
    return {
        k: t.detach().cpu().contiguous() for k, t in tensors.items()
    }


def found(folder: Path) -> list[Path]:
    """List the whole checkpoints of a folder, oldest first."""
    return sorted(p for p in folder.glob("step-*") if p.is_dir())


def resume(
    folder: Path,
    model: nn.Module,
    optimizers: list[Optimizer],
    asked: dict[str, Any],
    steps: int,
) -> Progress:
    """Put the newest checkpoint back; give where it stopped.

    Raises:
        RecipeError: an unfinished training was asked for otherwise.
        CorruptFileError: a file is damaged; names it and the remedy.
    """
    checkpoints = found(folder)
    if not checkpoints:
        return Progress()
    newest = checkpoints[-1]
    try:
        state = msgspec.convert(read_json(newest / STATE), State)
    except (CorruptFileError, msgspec.ValidationError) as error:
        raise _damaged(newest / STATE, newest) from error
    progress, before = state.progress, state.asked
    wished = before.get("steps")
    if not isinstance(wished, int):
        raise _damaged(newest / STATE, newest)
    if before != asked:
        if progress.step >= wished:
            clear(folder)
            return Progress()
        raise RecipeError(_difference(newest, before, asked))
    for name in (WEIGHTS, MEMORY):
        path = newest / name
        wanted = state.digests.get(name)
        if not path.exists() or digest_file(path) != wanted:
            raise _damaged(path, newest)
    try:
        weights = load_file(newest / WEIGHTS)
        memory = load_file(newest / MEMORY)
    except (SafetensorError, OSError) as error:
        raise _damaged(newest / WEIGHTS, newest) from error
    _restore(model, optimizers, weights, memory)
    return progress


def _restore(
    model: nn.Module,
    optimizers: list[Optimizer],
    weights: dict[str, Tensor],
    memory: dict[str, Tensor],
) -> None:
    """Copy saved tensors into a model and its optimisers."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name in weights:
                tensor.copy_(weights[name])
        for index, optimizer in enumerate(optimizers):
            for name, tensor in optimizer.state().items():
                tensor.copy_(memory[f"{index}.{name}"])
    torch.set_rng_state(memory["random"])


def clear(folder: Path) -> None:
    """Remove every checkpoint of a folder."""
    for old in found(folder):
        shutil.rmtree(old)


def _damaged(path: Path, checkpoint: Path) -> CorruptFileError:
    """Say which file is damaged, and how to go on."""
    return CorruptFileError(
        f"{path} is damaged; delete the folder {checkpoint} and run "
        "the same command again: it goes on from the checkpoint before"
    )


def _difference(
    checkpoint: Path, before: dict[str, Any], asked: dict[str, Any]
) -> str:
    """Say what was changed under an unfinished training."""
    changed = [
        f"{key} was {before.get(key)!r} and is now {asked.get(key)!r}"
        for key in sorted({*before, *asked})
        if before.get(key) != asked.get(key)
    ]
    return (
        f"{checkpoint} belongs to a training that was asked for "
        f"otherwise: {'; '.join(changed)}; change it back to go on, or "
        "begin anew with --force"
    )
