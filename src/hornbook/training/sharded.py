"""Tensors that lie in parts on several ranks: compute, save, load."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor, Shard

from hornbook.base.errors import CorruptFileError, DiskError

PARTS = "shard-*.safetensors"
"""The files that the ranks write, each its own."""


def by_matrix(
    function: Callable[[Tensor], Tensor], stack: Tensor
) -> Tensor:
    """Apply a function of whole matrices to a stack of them.

    Where each rank holds some rows of every matrix, rows are traded
    for matrices: a rank gets its share of the stack, whole, works on
    it, and hands the rows back. The work is divided by the ranks; the
    price is that the stack travels twice.
    """
    if not isinstance(stack, DTensor):
        return function(stack)
    whole = stack.redistribute(placements=[Shard(0)])
    done = DTensor.from_local(
        function(whole.to_local()),
        stack.device_mesh,
        [Shard(0)],
        shape=stack.shape,
        stride=stack.stride(),
    )
    return done.redistribute(placements=stack.placements)


def divided(tensors: Iterable[Tensor]) -> bool:
    """Whether any of some tensors lies in parts on several ranks."""
    return any(isinstance(tensor, DTensor) for tensor in tensors)


def number(tensor: Tensor) -> float:
    """Give the one number of a tensor, from all of its parts."""
    if isinstance(tensor, DTensor):
        tensor = tensor.full_tensor()
    return float(tensor.detach())


def save_parts(tensors: dict[str, Tensor], folder: Path) -> None:
    """Write tensors, each rank its own parts, all ranks together.

    The files are safetensors that say where their parts belong, so
    that any number of ranks can read them.

    Raises:
        DiskError: a rank could not write its file; all are told.
    """
    writer = HuggingFaceStorageWriter(
        str(folder), save_distributed=True
    )
    try:
        save(tensors, storage_writer=writer)
    except CheckpointException as error:
        (fault, _), *_ = error.failures.values()
        raise DiskError(f"{folder} lacks a part ({fault})") from error


def load_parts(tensors: dict[str, Tensor], folder: Path) -> None:
    """Fill tensors, whole or in parts, from the files of a folder.

    Each rank reads what it needs, by itself, be the files of several
    ranks or of one.

    Raises:
        CorruptFileError: a tensor is missing or of another shape.
    """
    reader = HuggingFaceStorageReader(str(folder))
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # It wonders whether one process is meant: yes
            warnings.simplefilter("ignore", UserWarning)
            load(tensors, storage_reader=reader, no_dist=True)
    except (CheckpointException, RuntimeError) as error:
        raise CorruptFileError(
            f"{folder} does not hold the tensors of this model"
        ) from error
