"""LoRA: a large model stays as it is, and learns a small change."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hornbook.base.errors import RecipeError
from hornbook.model.low_rank import (
    INSIDE,
    LowRank,
    linear_layers,
    row_lengths,
)
from hornbook.model.nf4 import FourBitLinear
from hornbook.model.transformer import Transformer
from hornbook.tuning.frozen import first_block
from hornbook.tuning.lora_config import LoraConfig

Layer = nn.Linear | FourBitLinear


class LoraLinear(nn.Module):
    """A linear layer W that stays, and a change s B A that learns.

    A begins at random and B at zero, so that nothing is changed at
    first. DoRA learns the lengths m of the rows of W + s B A apart
    from their directions; its slopes take the lengths that rows have
    on their way for given.

    Source: hu2022, section 4.1; liu2024, equation 5 and section 4.3.
    """

    def __init__(
        self, base: Layer, config: LoraConfig, chance: torch.Generator
    ) -> None:
        super().__init__()
        self.base, self.scale = base, config.alpha / config.rank
        rows, columns = base.weight.shape

        # Begin with no change
        self.a = nn.Parameter(torch.empty(config.rank, columns))
        self.b = nn.Parameter(torch.zeros(rows, config.rank))
        bound = 1 / math.sqrt(columns)
        nn.init.uniform_(self.a, -bound, bound, generator=chance)

        # Let the rows be as long as they are
        self.m: nn.Parameter | None = None
        if config.dora:
            self.m = nn.Parameter(row_lengths(base.weight.detach()))

    def forward(
        self, x: Float[Tensor, "*axes columns"]
    ) -> Float[Tensor, "*axes rows"]:
        """Apply the layer as it was, and add what was learnt."""
        y: Tensor = self.base(x)
        change = F.linear(F.linear(x, self.a) * self.scale, self.b)
        if self.m is None:
            return y + change

        # Give the rows their new lengths; a bias is not of them
        bias = self.base.bias
        y = y if bias is None else y - bias
        y = (y + change) * (self.m / self.lengths())
        return y if bias is None else y + bias

    @torch.no_grad()
    def lengths(self) -> Float[Tensor, " rows"]:
        """Measure the rows of W + s B A."""
        with torch.autocast(self.a.device.type, enabled=False):
            changed = self.base.weight + self.scale * (self.b @ self.a)
        return row_lengths(changed)

    @property
    def change(self) -> LowRank:
        """What was learnt."""
        m = None if self.m is None else self.m.detach()
        return LowRank(self.a.detach(), self.b.detach(), self.scale, m)


def attach(
    model: Transformer, config: LoraConfig, blocks: int, seed: int
) -> None:
    """Give the targets of a model's last blocks an adapter each.

    All other weights stay as they are; with ``bits`` the matrices in
    the blocks among them are packed.

    Raises:
        RecipeError: the model has no layer of a target's name.
    """
    # Find the layers, and hold every weight
    layers = linear_layers(model)
    here = {name.rpartition(".")[2] for name in layers}
    for target in config.targets:
        if target not in here:
            raise RecipeError(
                f"lora.targets names {target!r}, and the blocks of "
                f"this model have {', '.join(sorted(here))} alone"
            )
    model.requires_grad_(False)

    # Put the adapters in, each drawn in the order of the names
    chance = torch.Generator().manual_seed(seed)
    first = first_block(model, blocks)
    for name, layer in layers.items():
        new: nn.Module = FourBitLinear(layer) if config.bits else layer
        learns = name.rpartition(".")[2] in (config.targets or here)
        if learns and block_of(name) >= first:
            assert isinstance(new, Layer)
            new = LoraLinear(new, config, chance)
        model.set_submodule(name, new)


def block_of(name: str) -> int:
    """Give the number of the block that a layer lies in.

    >>> block_of("blocks.11.attention.to_q")
    11
    """
    inside = INSIDE.fullmatch(name)
    assert inside is not None
    return int(inside[1])


@torch.no_grad()
def merge(model: Transformer) -> None:
    """Make plain linear layers of a model's adapters again."""
    for name, layer in list(model.named_modules()):
        kinds = (LoraLinear, FourBitLinear)
        if INSIDE.fullmatch(name) and isinstance(layer, kinds):
            model.set_submodule(name, plain(layer))


def plain(layer: LoraLinear | FourBitLinear) -> nn.Linear:
    """Make one linear layer of what a layer computes."""
    weight, bias = layer_weight(layer)
    rows, columns = weight.shape
    made = nn.Linear(
        columns, rows, bias is not None, device=weight.device
    )
    made.weight.copy_(weight)
    if bias is not None:
        made.bias.copy_(bias)
    return made


def layer_weight(
    layer: LoraLinear | FourBitLinear,
) -> tuple[Float[Tensor, "rows columns"], Tensor | None]:
    """Give the matrix and the bias that a layer comes to."""
    if isinstance(layer, FourBitLinear):
        return layer.weight, layer.bias
    return layer.change.applied(layer.base.weight), layer.base.bias
