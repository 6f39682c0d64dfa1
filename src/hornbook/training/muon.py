"""Muon: step every matrix equally far in all of its directions."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hornbook.training.adamw import gradients
from hornbook.training.sharded import by_matrix

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


def orthogonalise(
    g: Float[Tensor, "*stack rows columns"],
) -> Float[Tensor, "*stack rows columns"]:
    """Push all singular values of a matrix towards one.

    Each pass maps a singular value s to a s + b s^3 + c s^5, which
    lifts small values fast and holds them near one. Sums and products
    of matrices suffice, so it is quick where products are.

    Source: jordan2024.
    """
    a, b, c = COEFFICIENTS
    tall = g.size(-2) > g.size(-1)
    x: Tensor = g.mT if tall else g
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon:
    """Momentum, made orthogonal, for the matrices inside a model.

    Matrices of one shape are stacked and treated together. The update
    is scaled by sqrt(max(1, rows / columns)), so that one rate serves
    all shapes.

    Source: jordan2024.
    """

    def __init__(
        self,
        weights: Sequence[nn.Parameter],
        lr: float,
        momentum: float,
        decay: float = 0.0,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.lr, self.momentum = lr, momentum
        self.decay, self.precision = decay, precision
        shapes: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for weight in weights:
            shapes.setdefault(tuple(weight.shape), []).append(weight)
        self.groups = list(shapes.values())
        self.means = [
            torch.zeros_like(torch.stack(list(group)))
            for group in self.groups
        ]

    @torch.no_grad()
    def step(self, step: int, rate: float) -> None:
        """Move every matrix."""
        lr = self.lr * rate
        for group, mean in zip(self.groups, self.means, strict=True):
            # Look ahead along the running mean (Nesterov)
            grads = torch.stack(gradients(group))
            mean.lerp_(grads, 1 - self.momentum)
            ahead = grads.lerp(mean, self.momentum)

            # Make every direction count alike
            update = by_matrix(orthogonalise, ahead.to(self.precision))
            update = update.float()
            rows, columns = update.shape[-2:]
            update *= max(1.0, rows / columns) ** 0.5

            # Pull towards zero, then step
            for weight, direction in zip(group, update, strict=True):
                weight.mul_(1 - lr * self.decay)
                weight.add_(direction, alpha=-lr)

    def state(self) -> dict[str, Tensor]:
        """The running means, by name."""
        return {f"mean.{i}": mean for i, mean in enumerate(self.means)}
