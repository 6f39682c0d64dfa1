"""The tensors of a training, by name: copied, and put back."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from hornbook.base.errors import CorruptFileError
from hornbook.training.chance import dice, set_dice
from hornbook.training.optimizers import Optimizer
from hornbook.training.sharded import PARTS, divided, load_parts

WEIGHTS, MEMORY = "model.safetensors", "optimizer.safetensors"
"""The files of one process; several ranks write parts instead."""
DICE = "dice."

Tensors = dict[str, Tensor]


def named_weights(model: nn.Module) -> Tensors:
    """Name the weights that learn: shared matrices once.

    Those that stay as they are came from a file, and are there still.
    """
    return {
        name: weight.detach()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


def named_memory(optimizers: list[Optimizer]) -> Tensors:
    """Name what each optimiser remembers."""
    return {
        f"{index}.{name}": tensor
        for index, optimizer in enumerate(optimizers)
        for name, tensor in optimizer.state().items()
    }


def named_dice() -> Tensors:
    """Name the states of the sources of chance."""
    return {f"{DICE}{name}": state for name, state in dice().items()}


def copied(tensors: Tensors) -> Tensors:
    """Copy tensors, each in one piece, as safetensors wants them."""
    whole = torch.contiguous_format
    return {
        name: tensor.detach().cpu().clone(memory_format=whole)
        for name, tensor in tensors.items()
    }


def restore(
    model: nn.Module, optimizers: list[Optimizer], place: Path
) -> None:
    """Put a checkpoint back, be it of one rank or of several.

    Raises:
        CorruptFileError: it is not one of this model.
    """
    fill(named_weights(model), place / WEIGHTS)
    fill(named_memory(optimizers), place / MEMORY)
    set_dice(read_dice(place))


def fill(into: Tensors, file: Path) -> None:
    """Fill tensors from a file, or from the parts in its place."""
    parts = any(file.parent.glob(PARTS))
    if parts or divided(into.values()):
        load_parts(into, file.parent)
    else:
        saved = load_file(file)
        own = {
            name: tensor
            for name, tensor in saved.items()
            if not name.startswith(DICE)
        }
        put(own, into, file)


def put(saved: Tensors, into: Tensors, file: Path) -> None:
    """Copy tensors into others of the same names and shapes.

    Raises:
        CorruptFileError: names the first tensor that does not fit.
    """
    for name in sorted(saved.keys() | into.keys()):
        shapes = [
            tuple(part[name].shape) if name in part else "no shape"
            for part in (saved, into)
        ]
        if shapes[0] != shapes[1]:
            raise CorruptFileError(
                f"{file}: tensor {name} has {shapes[0]} there and "
                f"{shapes[1]} in the model; begin anew with --force"
            )
    with torch.no_grad():
        for name, tensor in into.items():
            tensor.copy_(saved[name])


def read_dice(place: Path) -> Tensors:
    """Read the states of the dice, whichever file they lie in."""
    found = {}
    for file in place.glob("*.safetensors"):
        with safe_open(file, "pt") as opened:
            names = opened.keys()
            for name in names:
                if name.startswith(DICE):
                    state = opened.get_tensor(name)
                    found[name.removeprefix(DICE)] = state
    return found
