"""The mean of the weights over the last steps, as they went by."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Follow the weights with a running mean of them.

    It stands last among the optimisers, moves nothing, and keeps the
    mean in its state, so that it is saved and resumed as they are. A
    mean over more steps than there were would still hold the weights
    of the beginning: early on it forgets faster.

    Source: polyak1992, for averages of the iterates.
    """

    def __init__(
        self, weights: Sequence[nn.Parameter], keep: float
    ) -> None:
        self.weights: list[Tensor] = list(weights)
        self.keep = keep
        self.means = [w.detach().clone() for w in self.weights]

    @torch.no_grad()
    def step(self, step: int, rate: float) -> None:
        """Let the mean follow; ``step`` counts from 0."""
        keep = min(self.keep, (step + 1) / (step + 10))
        torch._foreach_lerp_(self.means, self.weights, 1 - keep)

    @torch.no_grad()
    def swap(self) -> None:
        """Let weights and mean change places."""
        for weight, mean in zip(self.weights, self.means, strict=True):
            held = weight.clone()
            weight.copy_(mean)
            mean.copy_(held)

    def state(self) -> dict[str, Tensor]:
        """The means, by name."""
        return {f"mean.{i}": mean for i, mean in enumerate(self.means)}


@contextmanager
def averaged(optimizers: Sequence[object]) -> Iterator[None]:
    """Let a model be its mean for a while, where one is kept."""
    exchange(optimizers)
    try:
        yield
    finally:
        exchange(optimizers)


def exchange(optimizers: Sequence[object]) -> None:
    """Let weights and their mean change places, where one is kept."""
    for optimizer in optimizers:
        if isinstance(optimizer, Average):
            optimizer.swap()
