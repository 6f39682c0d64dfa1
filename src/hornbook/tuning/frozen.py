"""Which weights of a model learn, and which stay as they are."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hornbook.base.errors import RecipeError
from hornbook.model.transformer import Transformer


def first_block(model: Transformer, blocks: int) -> int:
    """Find the first of a model's last so many blocks; 0 is all.

    Raises:
        RecipeError: the model has fewer.
    """
    if blocks > len(model.blocks):
        raise RecipeError(
            f"blocks is {blocks}, and the model has "
            f"{len(model.blocks)}; lower it, or let 0 train all"
        )
    return len(model.blocks) - blocks if blocks else 0


def keep_last(model: Transformer, blocks: int) -> None:
    """Let a model's last blocks learn, and what stands behind them.

    That is the last norm, and the head unless it shares the matrix of
    the embedding, which stands before the first block.

    Raises:
        RecipeError: the model has fewer blocks.
    """
    first = first_block(model, blocks)
    model.requires_grad_(False)
    behind = [*model.blocks[first:], model.norm]
    if not model.config.tied:
        behind.append(model.head)
    for part in behind:
        part.requires_grad_(True)


def count_learning(model: nn.Module) -> tuple[int, int]:
    """Count the weights that learn, and those that stay.

    A packed weight counts as the two numbers that its byte holds.
    """
    learning = sum(
        w.numel() for w in model.parameters() if w.requires_grad
    )
    still = sum(
        w.numel() for w in model.parameters() if not w.requires_grad
    )
    packed = sum(
        2 * t.numel()
        for t in model.buffers()
        if t.dtype == torch.uint8
    )
    return learning, still + packed


def digest_still(model: nn.Module) -> dict[str, str]:
    """Digest what of a model does not learn; nothing where all does.

    A checkpoint has what learns alone: with another base it would
    give another model.
    """
    still: dict[str, Tensor] = {
        name: weight.detach()
        for name, weight in model.named_parameters()
        if not weight.requires_grad
    }
    if not still:
        return {}
    still.update(model.named_buffers())
    return {"still": digest_tensors(still)[:16]}


def digest_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Digest tensors: their names, shapes and numbers."""
    sha = hashlib.sha256()
    for name, tensor in tensors.items():
        flat = tensor.detach().cpu().contiguous().flatten()
        sha.update(f"{name} {tuple(tensor.shape)} ".encode())
        sha.update(flat.view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
