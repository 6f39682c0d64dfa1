"""How the learning rate rises, stays and falls."""

import math
from collections.abc import Callable

from hornbook.training.config import TrainingConfig


def rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Give the share of the learning rate at a step from 0.

    It climbs over the ``warmup`` share of the steps, stays, and falls
    over the ``decay`` share to ``final``, which it would reach in the
    step after the last. Without a plateau, ``decay = 1 - warmup``, it
    is the plain line or cosine. It depends on the step alone, so that
    a resumed training has the rates of one that never stopped.

    Source: hu2024; loshchilov2017 and hagele2024 for the falls.

    >>> config = TrainingConfig(warmup=0.0, decay=0.5)
    >>> [rate(config, step, 4) for step in range(4)]
    [1.0, 1.0, 1.0, 0.5]
    """
    rise = math.ceil(config.warmup * steps)
    if step < rise:
        return (step + 1) / rise
    fall = config.decay * steps
    left = steps - step
    if left >= fall:
        return 1.0
    share = FALLS[config.schedule](left / fall)
    return config.final + (1 - config.final) * share


FALLS: dict[str, Callable[[float], float]] = {
    "linear": lambda left: left,
    "cosine": lambda left: (1 - math.cos(math.pi * left)) / 2,
    "sqrt": lambda left: 1 - math.sqrt(1 - left),
}
"""What is left of the height when so much is left of the fall."""
