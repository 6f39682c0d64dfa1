"""Which optimiser moves which weights."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from hornbook.training.adamw import AdamW
from hornbook.training.config import TrainingConfig
from hornbook.training.muon import Muon


@runtime_checkable
class Optimizer(Protocol):
    """Something that moves weights along their gradients."""

    def step(self, step: int, rate: float) -> None:
        """Move the weights; ``rate`` scales the learning rate."""

    def state(self) -> dict[str, Tensor]:
        """The tensors that it remembers, by name."""


def with_muon(
    model: nn.Module, config: TrainingConfig, precision: torch.dtype
) -> Sequence[Optimizer]:
    """Muon for the matrices of the blocks, AdamW for the rest."""
    groups: dict[str, list[nn.Parameter]] = {
        "matrix": [],
        "head": [],
        "embedding": [],
    }
    for name, weight in model.named_parameters():
        if "blocks." in name and weight.dim() == 2:
            groups["matrix"].append(weight)
        elif name.endswith("head.weight"):
            groups["head"].append(weight)
        else:
            groups["embedding"].append(weight)
    found: list[Optimizer] = [
        Muon(
            groups["matrix"],
            config.lr,
            config.momentum,
            config.weight_decay,
            precision,
        )
    ]
    rates = {"head": config.lr_head, "embedding": config.lr_embedding}
    for kind, lr in rates.items():
        if groups[kind]:
            found.append(
                AdamW(groups[kind], lr, config.beta1, config.beta2)
            )
    return found


def with_adamw(
    model: nn.Module, config: TrainingConfig, precision: torch.dtype
) -> Sequence[Optimizer]:
    """AdamW for all; vectors and scales do not decay."""
    weights = list(model.parameters())
    wide = [w for w in weights if w.dim() >= 2]
    thin = [w for w in weights if w.dim() < 2]
    decays = [(wide, config.weight_decay), (thin, 0.0)]
    return [
        AdamW(some, config.lr, config.beta1, config.beta2, decay)
        for some, decay in decays
        if some
    ]


Make = Callable[
    [nn.Module, TrainingConfig, torch.dtype], Sequence[Optimizer]
]

OPTIMIZERS: dict[str, Make] = {"adamw": with_adamw, "muon": with_muon}
