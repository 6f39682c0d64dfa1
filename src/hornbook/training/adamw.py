"""AdamW: a step for each weight, measured by its own gradients."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def gradients(weights: Sequence[Tensor]) -> list[Tensor]:
    """Collect the gradients; a weight without one cannot be moved."""
    found = [w.grad for w in weights if w.grad is not None]
    assert len(found) == len(weights)
    return found


class AdamW:
    """Keep two running means for every weight, and step by their ratio.

    The first, m, is where the gradients point; the second, v, how
    large they usually are. Both start at zero, so early on each is
    divided by what it lacks. Decay pulls weights to zero on its own,
    apart from the gradients.

    Source: kingma2015, algorithm 1; loshchilov2019, algorithm 2.
    """

    def __init__(
        self,
        weights: Sequence[nn.Parameter],
        lr: float,
        beta1: float,
        beta2: float,
        decay: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        self.weights: list[Tensor] = list(weights)
        self.lr, self.decay, self.eps = lr, decay, eps
        self.beta1, self.beta2 = beta1, beta2
        self.m = [torch.zeros_like(w) for w in self.weights]
        self.v = [torch.zeros_like(w) for w in self.weights]

    @torch.no_grad()
    def step(self, step: int, rate: float) -> None:
        """Move every weight; ``step`` counts from 0."""
        grads = gradients(self.weights)
        lr = self.lr * rate

        # Let the means follow the gradients
        torch._foreach_lerp_(self.m, grads, 1 - self.beta1)
        torch._foreach_mul_(self.v, self.beta2)
        torch._foreach_addcmul_(self.v, grads, grads, 1 - self.beta2)

        # Make up for their start at zero
        lack_m = 1 - self.beta1 ** (step + 1)
        lack_v = 1 - self.beta2 ** (step + 1)
        scale = torch._foreach_sqrt(self.v)
        torch._foreach_mul_(scale, lack_v**-0.5)
        torch._foreach_add_(scale, self.eps)

        # Pull towards zero, then step
        if self.decay:
            torch._foreach_mul_(self.weights, 1 - lr * self.decay)
        torch._foreach_addcdiv_(
            self.weights, self.m, scale, -lr / lack_m
        )

    def state(self) -> dict[str, Tensor]:
        """The running means, by name."""
        named = {}
        for i, (m, v) in enumerate(zip(self.m, self.v, strict=True)):
            named[f"m.{i}"], named[f"v.{i}"] = m, v
        return named
