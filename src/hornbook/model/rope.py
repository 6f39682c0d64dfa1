"""Rotary positions: a place is an angle."""

import torch
from jaxtyping import Float
from torch import Tensor


def rotation_tables(
    context: int, head_dim: int, theta: float
) -> tuple[
    Float[Tensor, "context half"], Float[Tensor, "context half"]
]:
    """Give cosine and sine of every angle at every place.

    Pair number i of a head turns by ``place * theta ** (-2i /
    head_dim)``: the first pairs turn fast and tell neighbours apart,
    the last turn slowly and tell far from near.

    Source: su2021, equation 15.
    """
    pairs = torch.arange(0, head_dim, 2, dtype=torch.float32)
    speeds = theta ** (-pairs / head_dim)
    places = torch.arange(context, dtype=torch.float32)
    angles = torch.outer(places, speeds)
    return angles.cos(), angles.sin()


def rotate(
    x: Float[Tensor, "batch heads time head_dim"],
    cos: Float[Tensor, "*rest time half"],
    sin: Float[Tensor, "*rest time half"],
) -> Float[Tensor, "batch heads time head_dim"]:
    """Turn each pair (x_i, x_{i + half}) by the angle of its place.

    A query turned by angle m and a key turned by angle n meet in a
    product that knows only m - n: how far apart they stand.
    """
    first, second = x.float().chunk(2, dim=-1)
    turned = torch.cat(
        (first * cos - second * sin, second * cos + first * sin),
        dim=-1,
    )
    return turned.type_as(x)
