"""Attention for learning on a processor: some queries at a time.

The kernel that torch has for processors is quick to look, and slow to
pass slopes back: in bf16, and wherever rows hold many texts, it takes
1.5 to 4.6 times as long as the formula that is written here. A piece of
queries is scored against those keys alone which any of its queries may
see; in rows of many short texts they are few. The tables are made again
on the way back in place of being kept.

Source: dao2022, section 3.1, for the second making.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

PIECE = 128
"""Queries that look together."""


_compared: ContextVar[bool] = ContextVar("_compared", default=False)


@contextmanager
def compared() -> Iterator[None]:
    """Look, without slopes, exactly as where slopes are asked for.

    What is computed inside can be compared with what a model says as
    it learns: in short numbers two ways of rounding would differ.
    """
    before = _compared.set(True)
    try:
        yield
    finally:
        _compared.reset(before)


def suits(
    q: Tensor, k: Tensor, v: Tensor, visible: Tensor | None
) -> bool:
    """Whether slopes are asked of this where the kernel is slow.

    That is on a processor, but for long numbers that see all the past.
    What is compiled needs pieces of sizes that are known before.
    """
    if torch.compiler.is_compiling() or q.device.type != "cpu":
        return False
    learns = torch.is_grad_enabled() and any(
        part.requires_grad for part in (q, k, v)
    )
    short = torch.is_autocast_enabled("cpu") or q.dtype != torch.float32
    masked = visible is not None
    return (learns or _compared.get()) and (short or masked)


def attend_piecewise(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    v: Float[Tensor, "batch heads keys head_dim"],
    visible: Bool[Tensor, "*rest queries keys"] | None,
) -> Float[Tensor, "batch heads queries head_dim"]:
    """Compute softmax(q k^T / sqrt(d_k) + M) v, piece by piece."""
    if torch.is_autocast_enabled("cpu"):
        short = torch.get_autocast_dtype("cpu")
        q, k, v = q.to(short), k.to(short), v.to(short)
    piecewise: Callable[..., Tensor] = Piecewise.apply
    return piecewise(q, k, v, visible)


class Piecewise(torch.autograd.Function):
    """The same, with its slopes."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Float[Tensor, "batch heads queries head_dim"],
        k: Float[Tensor, "batch heads keys head_dim"],
        v: Float[Tensor, "batch heads keys head_dim"],
        visible: Bool[Tensor, "*rest queries keys"] | None,
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """Let each piece look."""
        y = torch.empty_like(q)
        ctx.pieces = list(pieces(q, k, visible))
        for some, seen in ctx.pieces:
            shares = look(q, k, visible, some, seen)
            y[:, :, some] = shares @ v[:, :, seen]
        ctx.save_for_backward(q, k, v, visible, y)
        return y

    @staticmethod
    def backward(
        ctx: Any, slope: Float[Tensor, "batch heads queries head_dim"]
    ) -> tuple[Tensor, Tensor, Tensor, None]:
        """Let each piece look again, and pass its slopes on.

        A share p gains by what it brings, and loses by what all bring
        together: its slope is p (g v - g y) for the slope g of y.
        """
        q, k, v, visible, y = ctx.saved_tensors
        to_q, scale = torch.empty_like(q), 1 / math.sqrt(q.size(-1))
        to_k, to_v = torch.zeros_like(k), torch.zeros_like(v)
        together = (slope * y).sum(-1, keepdim=True)
        for some, seen in ctx.pieces:
            shares = look(q, k, visible, some, seen)
            mine = slope[:, :, some]
            to_v[:, :, seen] += shares.transpose(-2, -1) @ mine
            brings = mine @ v[:, :, seen].transpose(-2, -1)
            brings.sub_(together[:, :, some]).mul_(shares).mul_(scale)
            to_q[:, :, some] = brings @ k[:, :, seen]
            to_k[:, :, seen] += brings.transpose(-2, -1) @ q[:, :, some]
        return to_q, to_k, to_v, None


def pieces(
    q: Tensor, k: Tensor, visible: Tensor | None
) -> Iterator[tuple[slice, slice]]:
    """Cut the queries; give for each piece the keys that it may see."""
    queries, ahead = q.size(2), k.size(2) - q.size(2)
    for start in range(0, queries, PIECE):
        stop = min(start + PIECE, queries)
        first, last = 0, stop + ahead
        if visible is not None:
            rows = visible[..., start:stop, :].flatten(0, -2)
            places = rows.any(0).nonzero()
            if len(places):
                first, last = int(places[0]), int(places[-1]) + 1
        yield slice(start, stop), slice(first, last)


def look(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    visible: Bool[Tensor, "*rest queries keys"] | None,
    some: slice,
    seen: slice,
) -> Float[Tensor, "batch heads *axes"]:
    """Say how much some queries take from each key that they see."""
    if visible is None:
        ahead = k.size(2) - q.size(2)
        last = torch.arange(some.start, some.stop)[:, None] + ahead
        hidden = torch.arange(seen.start, seen.stop) > last
    else:
        hidden = ~visible[..., some, seen]
    scores = q[:, :, some] @ k[:, :, seen].transpose(-2, -1)
    scores.mul_(1 / math.sqrt(q.size(-1)))
    return scores.masked_fill_(hidden, float("-inf")).softmax(-1)
