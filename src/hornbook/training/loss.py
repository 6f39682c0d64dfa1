"""What training makes smaller."""

from collections.abc import Callable
from functools import partial

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from hornbook.model.transformer import Transformer

IGNORE = -100
"""The target of a place that nothing is to be learnt from."""


def next_token_loss(
    model: Transformer,
    ids: Int[Tensor, "batch time"],
    targets: Int[Tensor, "batch time"],
    visible: Tensor | None = None,
    z_loss: float = 0.0,
) -> Float[Tensor, ""]:
    """Give the mean cross-entropy of the next token.

    Units: nats per token, over the targets that are not ``IGNORE``.

    Source: shannon1948, section 6.
    """
    logits = model(ids, visible=visible)
    loss = F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE
    )
    if z_loss:
        pull = z_loss * log_sum_squared(logits, targets)
        loss = loss + (pull - pull.detach())
    return loss


def log_sum_squared(
    logits: Float[Tensor, "batch time vocab"],
    targets: Int[Tensor, "batch time"],
) -> Float[Tensor, ""]:
    """Give how far the logits have drifted away from chances.

    Adding a number to all logits changes no chance, so the loss lets
    them drift until they are too large for short numbers. The z-loss
    pulls the logarithm of their sum to zero. It is added to the loss
    as a slope without a height: the loss stays in nats per token.

    Source: chowdhery2023, section 5.
    """
    sums = logits.logsumexp(-1)[targets != IGNORE]
    return sums.square().mean()


def language_loss(z_loss: float) -> Callable[..., Tensor]:
    """Give the loss of the next token, with a z-loss if wanted."""
    if not z_loss:
        return next_token_loss
    return partial(next_token_loss, z_loss=z_loss)
