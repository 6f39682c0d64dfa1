"""Norms: keep the numbers at a size that the next layer expects."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hornbook.model.config import ModelConfig


class RMSNorm(nn.Module):
    """Divide a vector by its root mean square.

    Source: zhang2019, equation 4.
    """

    def __init__(self, size: int, eps: float, weight: bool) -> None:
        super().__init__()
        self.size, self.eps = size, eps
        self.weight = nn.Parameter(torch.ones(size)) if weight else None

    def forward(
        self, x: Float[Tensor, "*axes size"]
    ) -> Float[Tensor, "*axes size"]:
        """Normalise the last axis."""
        return F.rms_norm(x, (self.size,), self.weight, self.eps)


class LayerNorm(nn.Module):
    """Take a vector's mean away, then divide by its deviation.

    Source: ba2016, equation 4.
    """

    def __init__(self, size: int, eps: float, bias: bool) -> None:
        super().__init__()
        self.size, self.eps = size, eps
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None

    def forward(
        self, x: Float[Tensor, "*axes size"]
    ) -> Float[Tensor, "*axes size"]:
        """Normalise the last axis."""
        return F.layer_norm(
            x, (self.size,), self.weight, self.bias, self.eps
        )


def make_norm(config: ModelConfig, size: int = 0) -> nn.Module:
    """Build the norm that the configuration names."""
    size = size or config.width
    if config.norm == "layernorm":
        return LayerNorm(size, config.eps, config.bias)
    return RMSNorm(size, config.eps, config.norm_weight)
