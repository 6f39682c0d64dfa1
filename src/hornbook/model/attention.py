"""Attention: every place looks back and takes what it needs.

Your own is one function, called as ``mine(q, k, v, visible,
**options)`` for all heads at once; it gives a vector for each query.
``visible`` says which keys a query may see and is spread over the
scores, of shape (batch, heads, queries, keys); None means a place
itself and all before it. With a cache there are fewer queries than
keys: the last query stands at the last key.

An attention with weights of its own is a ``nn.Module``, built for
every layer as ``Mine(config, layer, **options)`` and called alike; it
begins with the weights that it gives itself.

Put it into a file and name it in the recipe::

    [model]
    attention = "mine.py:window"
    [model.options]
    window = 16

The file goes into the run and beside every model that is saved, so it
must need no other file of yours. Inside Hornbook it is a line of the
dictionary at the foot. ``model/own_code.py`` tells how it is found,
``model/examine.py`` what it has to hold.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from hornbook.base.errors import ModelError
from hornbook.model import piecewise
from hornbook.model.cache import Cache
from hornbook.model.config import ModelConfig
from hornbook.model.norm import RMSNorm
from hornbook.model.own_code import Attend
from hornbook.model.rope import rotate
from hornbook.model.variant import build

Tables = tuple[Tensor, Tensor]


def attention_weights(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    visible: Bool[Tensor, "*rest queries keys"],
) -> Float[Tensor, "batch heads queries keys"]:
    """Say how much each query takes from each key; rows sum to one.

    Source: vaswani2017, equation 1, with a mask M for the future.
    """
    # Score every query against every key
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))

    # Hide the future
    mask = torch.zeros_like(visible, dtype=scores.dtype)
    mask = mask.masked_fill(~visible, float("-inf"))

    # Share out one unit of attention per query
    return F.softmax(scores + mask, dim=-1)


def attend(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    v: Float[Tensor, "batch heads keys head_dim"],
    visible: Bool[Tensor, "*rest queries keys"] | None,
) -> Float[Tensor, "batch heads queries head_dim"]:
    """Compute softmax(q k^T / sqrt(d_k) + M) v as it is written.

    ``visible`` says which keys a query may see; None means its own
    place and all before it.
    """
    if visible is None:
        visible = causal(q.size(2), k.size(2), q.device)
    return attention_weights(q, k, visible) @ v


def attend_fused(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    v: Float[Tensor, "batch heads keys head_dim"],
    visible: Bool[Tensor, "*rest queries keys"] | None,
) -> Float[Tensor, "batch heads queries head_dim"]:
    """Compute the same without ever holding the whole table.

    Source: dao2022.
    """
    if piecewise.suits(q, k, v, visible):
        return piecewise.attend_piecewise(q, k, v, visible)
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=visible, is_causal=visible is None
    )


def causal(
    queries: int, keys: int, device: torch.device
) -> Bool[Tensor, "queries keys"]:
    """Let each of the last ``queries`` places see itself and the past.

    >>> causal(2, 3, torch.device("cpu")).tolist()
    [[True, True, False], [True, True, True]]
    """
    ones = torch.ones(queries, keys, dtype=torch.bool, device=device)
    return ones.tril(keys - queries)


class Attention(nn.Module):
    """Multi-head attention with rotary positions and a cache.

    Source: vaswani2017, section 3.2.2; ainslie2023 for groups of
    queries that share keys; henry2020 for normalised queries.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.config, self.layer = config, layer
        self.watch: list[Tensor] | None = None
        queries = config.heads * config.head_dim
        shared = config.kv_heads * config.head_dim

        # Make queries, keys and values, and a way back
        self.to_q = nn.Linear(config.width, queries, config.bias)
        self.to_k = nn.Linear(config.width, shared, config.bias)
        self.to_v = nn.Linear(config.width, shared, config.bias)
        self.to_out = nn.Linear(queries, config.width, config.bias)
        weight = config.qk_norm == "weight"
        self.norm_q = RMSNorm(config.head_dim, config.eps, weight)
        self.norm_k = RMSNorm(config.head_dim, config.eps, weight)
        self.attend = build(config, layer)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        tables: Tables | None,
        visible: Bool[Tensor, "*rest time all_time"] | None = None,
        cache: Cache | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """Mix into every place what it takes from those it may see."""
        # Cut the vectors into heads
        q = self.heads(self.to_q(x))
        k = self.heads(self.to_k(x))
        v = self.heads(self.to_v(x))

        # Tell queries and keys where they stand
        if self.config.qk_norm == "weight":
            q, k = self.norm_q(q), self.norm_k(k)
        if tables is not None:
            q, k = rotate(q, *tables), rotate(k, *tables)
        if self.config.qk_norm == "plain":
            q, k = self.norm_q(q), self.norm_k(k)

        # Remember the past, and share keys among groups of queries
        if cache is not None:
            k, v = cache.extend(self.layer, k, v)
        groups = self.config.heads // self.config.kv_heads
        if groups > 1:
            k = k.repeat_interleave(groups, dim=1)
            v = v.repeat_interleave(groups, dim=1)

        # Look back, and join the heads again
        y = self.attend(q, k, v, visible)
        if self.watch is not None:
            seen = look_through(self.attend, q, k, v, visible, y)
            self.watch.append(seen.detach())
        joined: Tensor = self.to_out(y.transpose(1, 2).flatten(2))
        return joined

    def heads(
        self, x: Float[Tensor, "batch time all_heads"]
    ) -> Float[Tensor, "batch heads time head_dim"]:
        """Cut each vector into heads and put the heads first."""
        cut: Tensor = x.unflatten(-1, (-1, self.config.head_dim))
        return cut.transpose(1, 2)


@contextmanager
def record_attention(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the attention weights of every layer of a model.

    The list that is given fills with one tensor of (batch, heads,
    queries, keys) per layer whenever the model runs inside the block.
    """
    layers = [m for m in model.modules() if isinstance(m, Attention)]
    maps: list[Tensor] = []
    for layer in layers:
        layer.watch = maps
    try:
        yield maps
    finally:
        for layer in layers:
            layer.watch = None


def look_through(
    attend: Attend,
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    v: Float[Tensor, "batch heads keys head_dim"],
    visible: Bool[Tensor, "*rest queries keys"] | None,
    y: Float[Tensor, "batch heads queries head_dim"],
) -> Float[Tensor, "batch heads queries keys"]:
    """Give what each query takes from each key, whatever the formula.

    If every key hands over a vector that is its own place in a row of
    zeros, what comes out are the weights. They must explain ``y``. An
    attention that gives no weighted sums of the values may have a
    function ``weights(q, k, visible)`` instead.

    Raises:
        ModelError: it has none, so that there is nothing to look at.
    """
    told = getattr(attend, "weights", None)
    if told is not None:
        given: Tensor = told(q, k, visible)
        return given

    # Let every key hand over its own place, cut to a value's width
    keys, width = k.size(2), v.size(-1)
    places = torch.eye(keys, dtype=v.dtype, device=v.device)
    pieces = F.pad(places, (0, -keys % width)).split(width, dim=-1)
    parts = [
        attend(q, k, piece.expand_as(v), visible) for piece in pieces
    ]
    seen = torch.cat(parts, dim=-1)[..., :keys]

    # What comes out must explain what the layer gave
    gap = float((seen @ v - y).nan_to_num().abs().max())
    if not gap <= 0.02 * max(1.0, float(y.nan_to_num().abs().max())):
        raise ModelError(
            "this attention does not give weighted sums of the values, "
            "so there is no map of it; give it a function "
            "'weights(q, k, visible)'"
        )
    return seen


ATTENTION: dict[str, Attend] = {
    "explicit": attend,
    "sdpa": attend_fused,
}
