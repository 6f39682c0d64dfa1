"""A change of low rank to a matrix, and the layers that can have one.

The published families store some layers in another way than we do:
GPT-2 keeps queries, keys and values in one, nanochat turns the halves
of a head round. A change is translated as the weights are.
"""

import re
from collections.abc import Sequence

import msgspec
import torch
from jaxtyping import Float
from torch import Tensor, nn

from hornbook.model import families
from hornbook.model.config import ModelConfig


class LowRank(msgspec.Struct, frozen=True):
    """A change to one matrix W: to W + s B A, of low rank.

    Source: hu2022, section 4.1; liu2024, equation 5, for m.
    """

    a: Float[Tensor, "rank columns"]
    b: Float[Tensor, "rows rank"]
    scale: float
    """The factor s."""
    m: Float[Tensor, " rows"] | None = None
    """The lengths that rows have afterwards; None lets them be."""

    def applied(
        self, weight: Float[Tensor, "rows columns"]
    ) -> Float[Tensor, "rows columns"]:
        """Give the changed matrix."""
        changed: Tensor = weight + self.scale * (self.b @ self.a)
        if self.m is None:
            return changed
        return changed * (self.m / row_lengths(changed))[:, None]


def row_lengths(
    weight: Float[Tensor, "rows columns"],
) -> Float[Tensor, " rows"]:
    """Measure a matrix's rows, to divide by: never quite zero."""
    lengths: Tensor = torch.linalg.norm(weight, dim=1)
    return lengths.clamp_min(torch.finfo(lengths.dtype).tiny)


def misfit(
    whole: LowRank, names: Sequence[str], model: nn.Module
) -> str:
    """Say why a change is none of these layers together, or ""."""
    weights = [model.get_parameter(f"{name}.weight") for name in names]
    rows = sum(weight.size(0) for weight in weights)
    wanted = (rows, weights[0].size(1))
    shape = (whole.b.size(0), whole.a.size(-1))
    if shape != wanted or whole.a.size(0) != whole.b.size(-1):
        return f"its {names[0]} has {wanted}, and not {shape}"
    if whole.m is not None and whole.m.numel() != rows:
        return f"its {names[0]} has {rows} rows"
    return ""


def split(
    whole: LowRank, names: Sequence[str], model: nn.Module
) -> dict[str, LowRank]:
    """Give each of our layers its rows of a published layer's change.

    The change must not be a ``misfit``.
    """
    weights = [model.get_parameter(f"{name}.weight") for name in names]
    sizes = [weight.size(0) for weight in weights]
    pieces = whole.b.split(sizes)
    lengths: Sequence[Tensor | None] = [None] * len(sizes)
    if whole.m is not None:
        lengths = whole.m.flatten().split(sizes)
    return {
        name: turned(LowRank(whole.a, b, whole.scale, m), name, model)
        for name, b, m in zip(names, pieces, lengths, strict=True)
    }


def join(parts: Sequence[LowRank]) -> LowRank:
    """Make one change of several to layers that are published as one.

    Their ranks add up: each keeps its own rows and its own A.
    """
    if len(parts) == 1:
        return parts[0]
    lengths = [part.m for part in parts if part.m is not None]
    return LowRank(
        torch.cat([part.a for part in parts]),
        torch.block_diag(*(part.b for part in parts)),
        parts[0].scale,
        torch.cat(lengths) if lengths else None,
    )


def turned(change: LowRank, name: str, model: nn.Module) -> LowRank:
    """Translate a change between our rows and a family's, and back.

    nanochat keeps the halves of each head the other way round.
    """
    config = shape_of(model)
    last = name.rpartition(".")[2]
    if config.form != "nanochat" or last not in ("to_q", "to_k"):
        return change
    m, size = change.m, config.head_dim
    return LowRank(
        change.a,
        families.swap_halves(change.b, size),
        change.scale,
        None if m is None else families.swap_halves(m, size),
    )


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Name the linear layers inside a model's blocks."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if type(layer) is nn.Linear and INSIDE.fullmatch(name)
    }


def layers_of(model: nn.Module) -> dict[str, list[str]]:
    """Say which of our layers make each published linear layer."""
    config = shape_of(model)
    names = families.BLOCK_NAMES
    place = "model.layers"
    if config.form == "nanochat":
        names = families.NANOCHAT_NAMES
    if config.form == "gpt2":
        names, place = GPT2_NAMES, "transformer.h"
    found: dict[str, list[str]] = {}
    for name, _ in model.named_modules():
        inside = INSIDE.fullmatch(name)
        if inside and inside[2] in names:
            theirs = f"{place}.{inside[1]}.{names[inside[2]]}"
            found.setdefault(theirs, []).append(name)
    return found


def shape_of(model: nn.Module) -> ModelConfig:
    """Give the shape that a model was built by."""
    config = model.config
    assert isinstance(config, ModelConfig)
    return config


INSIDE = re.compile(
    r"blocks\.(\d+)\."
    r"(attention\.to_(?:q|k|v|out)|feedforward\.(?:gate|up|down))"
)
"""Our linear layers inside a block."""

GPT2_NAMES = {
    **families.GPT2_NAMES,
    "attention.to_q": "attn.c_attn",
    "attention.to_k": "attn.c_attn",
    "attention.to_v": "attn.c_attn",
}
