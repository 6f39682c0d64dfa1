"""Pairs of tokens: which stands before each, and a number for both."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from hornbook.model.cache import Cache

NONE = -1
"""What stands before the first token of a text."""
LEFT, RIGHT = 48271, 16807
"""Two primes: each token, and each neighbour, is spread by its own."""


def row_of_pair(
    before: Int[Tensor, "*axes"], ids: Int[Tensor, "*axes"], rows: int
) -> Int[Tensor, "*axes"]:
    """Give every pair of tokens a row of a table.

    There are far more pairs than rows, so some share one: those that
    are common write it, and those that are rare read it.

    >>> row_of_pair(torch.tensor([3, 5]), torch.tensor([5, 3]), 100)
    tensor([48, 76])
    """
    return (before * LEFT + ids * RIGHT) % rows


def token_before(
    ids: Int[Tensor, "batch time"],
    visible: Bool[Tensor, "*rest time all_time"] | None = None,
    places: Int[Tensor, "batch time"] | None = None,
    cache: Cache | None = None,
) -> Int[Tensor, "batch time"]:
    """Say which token stands before each, or ``NONE``.

    It is the left neighbour, or the last one that a cache has read.
    Where several texts share a row, a neighbour that may not be seen
    is of another text; and where texts branch, as endings of one
    prompt do, it is the visible token whose place is one less.

    >>> token_before(torch.tensor([[7, 8, 9]])).tolist()
    [[-1, 7, 8]]
    """
    # Shift by one; the first follows what was read before
    first = torch.full_like(ids[:, :1], NONE)
    if cache is not None and cache.last is not None:
        first = cache.last
    left = torch.cat([first, ids[:, :-1]], 1)
    if visible is None:
        return left

    # Look for the place before, where all that is seen is here
    read = visible.size(-1) - ids.size(1)
    seen = visible.reshape(-1, *visible.shape[-2:])
    seen = seen.expand(len(ids), -1, -1)
    if places is not None and not read:
        near = seen & (places[:, None] == places[:, :, None] - 1)
        at = near.int().argmax(-1)
        return torch.where(near.any(-1), ids.gather(1, at), NONE)

    # Else the neighbour must be seen
    if not read:
        seen = torch.cat([torch.zeros_like(seen[..., :1]), seen], -1)
    own = seen.diagonal(max(read - 1, 0), -2, -1)
    return torch.where(own, left, NONE)
