"""What training makes smaller."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from hornbook.model.memory import FEW_LOGITS, PIECES
from hornbook.model.transformer import Transformer

IGNORE = -100
"""The target of a place that nothing is to be learnt from."""


def loss_as_written(
    model: Transformer,
    ids: Int[Tensor, "batch time"],
    targets: Int[Tensor, "batch time"],
    visible: Tensor | None = None,
) -> Float[Tensor, ""]:
    """Give the mean cross-entropy of the next token, from all logits.

    Units: nats per token, over the targets that are not ``IGNORE``.

    Source: shannon1948, section 6.
    """
    logits = model(ids, visible=visible)
    return F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE
    )


def next_token_loss(
    model: Transformer,
    ids: Int[Tensor, "batch time"],
    targets: Int[Tensor, "batch time"],
    visible: Tensor | None = None,
    z_loss: float = 0.0,
) -> Float[Tensor, ""]:
    """Give the same loss; hold but a piece of many logits at a time.

    Places that nothing is learnt from are not scored, save where the
    loss is compiled, which wants tables of one size.
    """
    logits = ids.numel() * model.config.vocab_size
    if logits <= FEW_LOGITS and not z_loss:
        return loss_as_written(model, ids, targets, visible)
    x = model.hidden(ids, visible=visible).flatten(0, 1)
    targets = targets.flatten()
    if not torch.compiler.is_compiling():
        learnt = targets != IGNORE
        x, targets = x[learnt], targets[learnt]
    frugal: Callable[..., Tensor] = FrugalLoss.apply
    head, softcap = model.head.weight, model.config.softcap
    return frugal(x, head, targets, softcap, z_loss)


def language_loss(z_loss: float) -> Callable[..., Tensor]:
    """Give the loss of the next token, with a z-loss if wanted."""
    if not z_loss:
        return next_token_loss
    return partial(next_token_loss, z_loss=z_loss)


class FrugalLoss(torch.autograd.Function):
    """A head and its loss in one, which never hold all the logits.

    Logits are the largest thing in a small model's training: for each
    place a number for every token. Their slope can be had as soon as
    they are there, so both are made piece by piece, used, and dropped.

    Source: wijmans2025.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "tokens width"],
        weight: Float[Tensor, "vocab width"],
        targets: Int[Tensor, " tokens"],
        softcap: float,
        z_loss: float,
    ) -> Float[Tensor, ""]:
        """Give the mean loss, and find its slopes on the way."""
        # Cut the places into pieces
        size = max(-(-len(x) // PIECES), FEW_LOGITS // len(weight))
        pieces = zip(x.split(size), targets.split(size), strict=True)
        count = (targets != IGNORE).sum().clamp_min(1)
        loss = torch.zeros((), device=x.device)
        learns, to_x = ctx.needs_input_grad[1], []
        to_weight = None
        if learns:
            to_weight = torch.zeros_like(weight, dtype=torch.float32)

        # Score a piece, and pass its slope on at once
        for piece, wanted in pieces:
            scores = F.linear(piece, weight)
            cost, slope = surprise(scores, wanted, softcap, z_loss)
            slope = (slope / count).to(scores.dtype)
            loss = loss + cost
            to_x.append(F.linear(slope, weight.t()).to(x.dtype))
            if to_weight is not None:
                to_weight = to_weight + F.linear(slope.t(), piece.t())
        ctx.save_for_backward(torch.cat(to_x), to_weight)
        return loss / count

    @staticmethod
    def backward(
        ctx: Any, slope: Float[Tensor, ""]
    ) -> tuple[Tensor, Tensor | None, None, None, None]:
        """Give the slopes that were found."""
        to_x, to_weight = ctx.saved_tensors
        if to_weight is not None:
            to_weight = slope * to_weight
        return slope * to_x, to_weight, None, None, None


def surprise(
    scores: Float[Tensor, "tokens vocab"],
    wanted: Int[Tensor, " tokens"],
    softcap: float,
    z_loss: float,
) -> tuple[Float[Tensor, ""], Float[Tensor, "tokens vocab"]]:
    """Give the summed surprise of some places, and its slope.

    The slope by a logit is the chance that its token was given, less
    one for the token that came. Adding a number to all logits changes
    no chance, so they may drift until they are too large for short
    numbers: the z-loss pulls the log of their sum to zero. It is a
    slope without a height, so that the loss stays in nats.

    Source: chowdhery2023, section 5, for the z-loss.
    """
    # Cap the scores, and make chances of them
    logits = scores.float()
    bend = torch.ones((), device=scores.device)
    if softcap:
        tanh = torch.tanh(logits / softcap)
        logits, bend = softcap * tanh, 1 - tanh.square()
    sums = logits.logsumexp(-1, keepdim=True)
    chances = (logits - sums).exp()

    # Look up what came
    learnt = (wanted != IGNORE).unsqueeze(-1)
    came = wanted.clamp_min(0).unsqueeze(-1)
    cost = learnt * (sums - logits.gather(-1, came))

    # Go down from what was thought to what came
    every = torch.arange(scores.size(-1), device=scores.device)
    slope = chances * (1 + 2 * z_loss * sums) - (every == came).float()
    return cost.sum(), slope * learnt * bend
