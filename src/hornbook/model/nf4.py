"""Four bits a number: matrices that nothing changes, packed small.

A matrix that no longer learns is only read. Its numbers, cut into
runs, are near a normal distribution, so that sixteen levels with equal
shares of one lose little. With a scale of 32 bits to a run of 64, a
number takes four and a half bits, a seventh of what it took.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

RUN = 64
"""Numbers that share one scale."""


def levels() -> Float[Tensor, " levels"]:
    """Give the sixteen numbers that four bits can say.

    Zero is one of them; eight above and seven below part a normal
    distribution into equal shares, and the outermost are 1 and -1.

    Source: dettmers2023, section 3; its appendix E lists them.
    """
    # The outermost share would reach to infinity: it ends halfway
    # between those of fifteen levels and of sixteen
    last = 1 - (1 / 30 + 1 / 32) / 2
    above = torch.linspace(0.5, last, 9, dtype=torch.float64)[1:]
    below = torch.linspace(0.5, last, 8, dtype=torch.float64)[1:]
    high, low = torch.special.ndtri(above), torch.special.ndtri(below)
    found = torch.cat((-low.flip(0), torch.zeros(1), high))
    shares: Tensor = found / high[-1]
    return shares.float()


def pack(
    weight: Float[Tensor, "rows columns"],
) -> tuple[UInt8[Tensor, " bytes"], Float[Tensor, " runs"]]:
    """Round a matrix to four bits a number, and a scale a run.

    Source: dettmers2023, section 3, without its second rounding, of
    the scales.
    """
    # Cut it into runs, and measure each by its largest number
    flat = weight.detach().float().flatten()
    runs = F.pad(flat, (0, -len(flat) % RUN)).view(-1, RUN)
    scales = runs.abs().amax(1)
    smallest = torch.finfo(torch.float32).tiny
    shares = runs / scales.clamp_min(smallest)[:, None]

    # Take the nearest level, and put two into a byte
    known = levels().to(weight.device)
    middles = (known[1:] + known[:-1]) / 2
    codes = torch.bucketize(shares, middles).to(torch.uint8)
    first, second = codes.view(-1, 2).unbind(1)
    return first * 16 + second, scales


def pairs() -> Float[Tensor, "codes 2"]:
    """List the two numbers that each byte stands for."""
    known = levels()
    first = known.repeat_interleave(16)
    return torch.stack((first, known.repeat(16)), 1)


def unpack(
    codes: UInt8[Tensor, " bytes"],
    scales: Float[Tensor, " runs"],
    table: Float[Tensor, "codes 2"],
    shape: tuple[int, int],
) -> Float[Tensor, "rows columns"]:
    """Give back a matrix as the four bits have it."""
    runs = F.embedding(codes.int(), table).view(-1, RUN)
    flat = (runs * scales[:, None]).flatten()
    return flat[: shape[0] * shape[1]].view(shape)


def rounded(
    weight: Float[Tensor, "rows columns"],
) -> Float[Tensor, "rows columns"]:
    """Give a matrix as it is after a passage through four bits."""
    codes, scales = pack(weight)
    rows, columns = weight.shape
    table = pairs().to(weight.device)
    return unpack(codes, scales, table, (rows, columns))


class Product(torch.autograd.Function):
    """Multiply by a packed matrix, and forget what was unpacked.

    torch would keep the whole matrix for the way back. Here it keeps
    the packed one, and unpacks it a second time.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        codes: Tensor,
        scales: Tensor,
        table: Tensor,
        shape: tuple[int, int],
    ) -> Tensor:
        """Give x times the transposed matrix."""
        ctx.save_for_backward(codes, scales, table)
        ctx.shape = shape
        return F.linear(x, unpack(codes, scales, table, shape))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Give the slope of x alone: the matrix does not learn."""
        codes, scales, table = ctx.saved_tensors
        weight = unpack(codes, scales, table, ctx.shape)
        return grad @ weight.to(grad.dtype), None, None, None, None


class FourBitLinear(nn.Module):
    """A linear layer that does not learn, in four bits a number."""

    codes: Tensor
    scales: Tensor
    table: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.shape = (layer.out_features, layer.in_features)
        codes, scales = pack(layer.weight)
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)
        self.register_buffer(
            "table", pairs().to(codes.device), persistent=False
        )
        self.bias = layer.bias

    @property
    def weight(self) -> Float[Tensor, "rows columns"]:
        """The matrix, unpacked."""
        return unpack(self.codes, self.scales, self.table, self.shape)

    def forward(
        self, x: Float[Tensor, "*axes columns"]
    ) -> Float[Tensor, "*axes rows"]:
        """Apply the layer."""
        multiply: Callable[..., Tensor] = Product.apply
        y = multiply(
            x, self.codes, self.scales, self.table, self.shape
        )
        return y if self.bias is None else y + self.bias.to(y.dtype)
