"""Which optimiser moves which weights, and how fast."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from hornbook.base.errors import RecipeError
from hornbook.training.adamw import AdamW
from hornbook.training.average import Average
from hornbook.training.config import TrainingConfig
from hornbook.training.muon import Muon

Weights = Mapping[str, list[nn.Parameter]]


@runtime_checkable
class Optimizer(Protocol):
    """Something that moves weights along their gradients."""

    def step(self, step: int, rate: float) -> None:
        """Move the weights; ``rate`` scales the learning rate."""

    def state(self) -> dict[str, Tensor]:
        """The tensors that it remembers, by name."""


def make_optimizers(
    model: nn.Module, config: TrainingConfig, precision: torch.dtype
) -> list[Optimizer]:
    """Give what moves a model's weights, and their mean if wanted.

    ``precision`` is the format of Muon's matrix products.
    """
    made = OPTIMIZERS[config.optimizer](model, config, precision)
    if config.ema:
        return [*made, Average(learning(model), config.ema)]
    return list(made)


def learning(model: nn.Module) -> list[nn.Parameter]:
    """List the weights of a model that learn."""
    return [w for w in model.parameters() if w.requires_grad]


def with_muon(
    model: nn.Module, config: TrainingConfig, precision: torch.dtype
) -> Sequence[Optimizer]:
    """Muon for the matrices of the blocks, AdamW for the rest."""
    weights = sort_weights(model)
    muon = Muon(
        weights["matrix"],
        config.lr,
        config.momentum,
        decay_of("matrix", config),
        precision,
    )
    rates = {
        "head": config.lr_head * narrowing(weights, config),
        "embedding": config.lr_embedding,
        "vector": config.lr_embedding,
    }
    return [muon, *adamw(weights, rates, config)]


def with_adamw(
    model: nn.Module, config: TrainingConfig, precision: torch.dtype
) -> Sequence[Optimizer]:
    """AdamW for all."""
    weights = sort_weights(model)
    narrow = config.lr * narrowing(weights, config)
    rates = {
        "matrix": narrow,
        "head": narrow,
        "embedding": config.lr,
        "vector": config.lr,
    }
    return adamw(weights, rates, config)


def adamw(
    weights: Weights, rates: Mapping[str, float], config: TrainingConfig
) -> list[Optimizer]:
    """Build an AdamW for each kind of weight that there is."""
    return [
        AdamW(
            weights[kind],
            lr,
            config.beta1,
            config.beta2,
            decay_of(kind, config),
        )
        for kind, lr in rates.items()
        if weights[kind]
    ]


def sort_weights(model: nn.Module) -> Weights:
    """Sort the weights that learn by what they are.

    A ``matrix`` maps vectors to vectors inside a block, the ``head``
    maps the last one to scores, an ``embedding`` is a table of
    vectors, and a ``vector`` is a scale or a bias. A head that shares
    the embedding's table counts as embedding.
    """
    kinds: dict[str, list[nn.Parameter]] = {
        "matrix": [],
        "head": [],
        "embedding": [],
        "vector": [],
    }
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        if weight.dim() < 2:
            kinds["vector"].append(weight)
        elif "blocks." in name:
            kinds["matrix"].append(weight)
        elif name.endswith("head.weight"):
            kinds["head"].append(weight)
        else:
            kinds["embedding"].append(weight)
    return kinds


def decay_of(kind: str, config: TrainingConfig) -> float:
    """Give the weight decay of a kind of weight."""
    return config.weight_decay if kind in config.decayed else 0.0


def narrowing(weights: Weights, config: TrainingConfig) -> float:
    """Give by how much AdamW's steps shrink in a wider model.

    A step of AdamW is as long for every number. What a matrix does to
    a vector is a sum over the width, in which such steps add up, so
    that their rate has to fall as one over the width. Muon's steps
    have a length as a whole, and need none of this.

    Source: yang2021, table 3.

    Raises:
        RecipeError: head and embedding are one, and want two rates.
    """
    if not config.base_width:
        return 1.0
    if not weights["head"]:
        raise RecipeError(
            "base_width asks for a rate of the head's own, and this "
            "head shares the embedding's matrix; set model.tied to "
            "false, or base_width to 0"
        )
    return config.base_width / weights["head"][0].size(1)


Make = Callable[
    [nn.Module, TrainingConfig, torch.dtype], Sequence[Optimizer]
]

OPTIMIZERS: dict[str, Make] = {"adamw": with_adamw, "muon": with_muon}
