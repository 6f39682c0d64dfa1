"""The policy: what an answer was worth, and how to learn from it.

A model that answers is a *policy*: it gives every next token a chance.
Nobody tells it a right answer. It answers a problem several times, each
answer is judged, and what was judged above the group's mean is made
likelier, what was below it less likely.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hornbook.model.transformer import Transformer
from hornbook.training.loss import IGNORE
from hornbook.tuning.reasoning import ReasoningConfig

LEAST_SPREAD = 1e-6


def advantages(
    rewards: Float[Tensor, "problems answers"], variant: str
) -> Float[Tensor, "problems answers"]:
    """Say how far each answer is above the mean of its group.

    In units of the group's standard deviation; ``unbiased`` leaves the
    difference as it is, for the division gives most weight to problems
    that are almost always solved, or almost never.

    >>> advantages(torch.tensor([[1.0, 0.0, 0.0, 1.0]]), "group")
    tensor([[ 1., -1., -1.,  1.]])

    Source: shao2024, section 4.1.2; liu2025, section 3.
    """
    above = rewards - rewards.mean(1, keepdim=True)
    if variant == "unbiased":
        return above
    spread = rewards.std(1, correction=0, keepdim=True)
    return above / spread.clamp_min(LEAST_SPREAD)


def shares(
    lengths: Int[Tensor, " batch"], most: int, variant: str
) -> Float[Tensor, " batch"]:
    """Give the weight of a token in each answer; their mean is taken.

    Every answer counts the same, so that a token of a long one counts
    less. ``unbiased`` weighs all tokens alike, by the ``most`` that an
    answer could have: else a wrong answer would cost less by the token
    the longer it is.

    Source: liu2025, section 3.
    """
    own = lengths.new_full(lengths.shape, most)
    if variant != "unbiased":
        own = lengths
    return lengths.float().mean() / own


def objective(
    new: Float[Tensor, "batch time"],
    old: Float[Tensor, "batch time"],
    worth: Float[Tensor, " batch"],
    learnt: Bool[Tensor, "batch time"],
    config: ReasoningConfig,
) -> tuple[Float[Tensor, "batch time"], Float[Tensor, "batch time"]]:
    """Give what each token gains, and the ratio that it gains by.

    ``new`` and ``old`` are log-chances: now, and when the answer was
    given. A ratio that has left the bounds in the direction that pays
    gains nothing more. ``sequence`` compares whole answers: by the
    geometric mean of their tokens' ratios.

    Source: schulman2017, equation 7; zheng2025, equations 5 and 7.
    """
    # Compare the policy with the one that answered
    drift = torch.where(learnt, new - old, 0.0)
    if config.variant == "sequence":
        count = learnt.sum(1, keepdim=True).clamp_min(1)
        drift = (drift.sum(1, keepdim=True) / count).expand_as(new)
    ratio = drift.exp()

    # Gain no more beyond the bounds
    near = ratio.clamp(1 - config.clip_low, 1 + config.clip_high)
    gain = worth[:, None]
    return torch.minimum(ratio * gain, near * gain), ratio


def divergence(
    new: Float[Tensor, "batch time"],
    reference: Float[Tensor, "batch time"],
) -> Float[Tensor, "batch time"]:
    """Estimate how far the policy has left the reference.

    Units: nats. Never negative, and in the mean the Kullback-Leibler
    divergence.

    Source: shao2024, equation 4.
    """
    apart = reference - new
    return apart.exp() - apart - 1


def log_chances(
    model: Transformer,
    ids: Int[Tensor, "batch time"],
    targets: Int[Tensor, "batch time"],
    temperature: float,
) -> tuple[Float[Tensor, "batch time"], Float[Tensor, ""]]:
    """Give the log-chance of every target, and the mean entropy.

    Units: nats. Places without a target have 0.
    """
    # Score the places of the answers alone
    learnt = targets != IGNORE
    scores = model.logits(model.hidden(ids)[learnt])
    chances = torch.log_softmax(scores / max(temperature, 1e-6), -1)
    came = chances.gather(-1, targets[learnt][:, None]).squeeze(-1)

    # Put them back into their rows
    table = torch.zeros(ids.shape, device=ids.device)
    spread = -(chances.exp() * chances).sum(-1).mean()
    return table.masked_scatter(learnt, came), spread.detach()


class PolicyLoss:
    """The loss of a batch of judged answers; keeps what it saw."""

    def __init__(self, config: ReasoningConfig) -> None:
        self.config = config
        self.seen: dict[str, float] = {}
        self.tokens = 0

    def __call__(
        self,
        model: Transformer,
        ids: Int[Tensor, "batch time"],
        targets: Int[Tensor, "batch time"],
        worth: Float[Tensor, " batch"],
        share: Float[Tensor, " batch"],
        old: Float[Tensor, "batch time"] | None = None,
        reference: Float[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, ""]:
        """Give the loss; ``old`` is missing where it is ``new``."""
        # Weigh what each token gains
        config, learnt = self.config, targets != IGNORE
        new, entropy = log_chances(
            model, ids, targets, config.temperature
        )
        before = new.detach() if old is None else old
        gain, ratio = objective(new, before, worth, learnt, config)
        seen: dict[str, Any] = {"entropy": entropy}
        low, high = 1 - config.clip_low, 1 + config.clip_high
        out = (ratio < low) | (ratio > high)
        seen["clipped"] = out[learnt].float().mean()

        # Hold it near the reference
        if reference is not None:
            apart = divergence(new, reference)
            gain = gain - config.kl * apart
            seen["kl"] = apart[learnt].mean().detach()
        self.keep(seen, int(learnt.sum()))
        return -(share[:, None] * gain)[learnt].mean()

    def keep(self, seen: dict[str, Any], tokens: int) -> None:
        """Add up what was seen, by the token."""
        for name, value in seen.items():
            sum_ = self.seen.get(name, 0.0) + float(value) * tokens
            self.seen[name] = sum_
        self.tokens += tokens

    def told(self) -> dict[str, float]:
        """Give what was seen since this was last asked."""
        count = max(self.tokens, 1)
        told = {name: sum_ / count for name, sum_ in self.seen.items()}
        self.seen, self.tokens = {}, 0
        return told
