"""How the learning rate rises, stays and falls."""

import math

from hornbook.training.config import TrainingConfig


def rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Give the share of the learning rate at a step from 0.

    It climbs over the ``warmup`` share of the steps, stays, and falls
    over the ``decay`` share to ``final``.

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
    share = left / fall
    if config.schedule == "cosine":
        share = (1 - math.cos(math.pi * share)) / 2
    return config.final + (1 - config.final) * share
