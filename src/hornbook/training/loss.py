"""What training makes smaller."""

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
) -> Float[Tensor, ""]:
    """Give the mean cross-entropy of the next token.

    Units: nats per token, over the targets that are not ``IGNORE``.

    Source: shannon1948, section 6.
    """
    logits = model(ids, visible=visible)
    return F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE
    )
