from typing import Any

import pytest
import torch
from torch.nn import functional as F

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training.batches import pieces
from hornbook.training.loss import IGNORE
from hornbook.tuning.policy import (
    PolicyLoss,
    advantages,
    divergence,
    log_chances,
    objective,
    shares,
)
from hornbook.tuning.reasoning import ReasoningConfig


def batch_of(**more: torch.Tensor) -> dict[str, Any]:
    """Four answers of one to four tokens, behind a prompt of two."""
    random = torch.Generator().manual_seed(3)
    ids = torch.randint(0, 9, (4, 7), generator=random)
    targets = torch.full((4, 7), IGNORE)
    lengths = torch.tensor([1, 2, 4, 3])
    for row, length in enumerate(lengths):
        for place in range(1, 1 + int(length)):
            targets[row, place] = ids[row, place + 1]
    worth = torch.tensor([1.5, -0.5, 0.25, -1.0])
    share = shares(lengths, 5, "group")
    return {"ids": ids, "targets": targets, "worth": worth,
            "share": share, **more}


@pytest.fixture
def model() -> Transformer:
    """A model of fresh weights."""
    return Transformer(
        make_config(vocab_size=9, layers=1, width=16, heads=2,
                    context=16), seed=4,
    )


# Worked out by hand: means 1/4, 1/2, 1, and deviations sqrt(3)/4,
# 1/2, 0
REWARDS = [[1, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]]
BY_GROUP = [
    [1.7320508, -0.5773503, -0.5773503, -0.5773503],
    [1, -1, 1, -1],
    [0, 0, 0, 0],
]
UNBIASED = [
    [0.75, -0.25, -0.25, -0.25],
    [0.5, -0.5, 0.5, -0.5],
    [0, 0, 0, 0],
]


@pytest.mark.parametrize(
    ("variant", "wanted"),
    [("group", BY_GROUP), ("sequence", BY_GROUP),
     ("unbiased", UNBIASED)],
)
def test_advantages_are_those_worked_out_by_hand(
    variant: str, wanted: list[list[float]]
) -> None:
    found = advantages(torch.tensor(REWARDS).double(), variant)
    assert torch.allclose(found, torch.tensor(wanted).double())


def test_equal_rewards_teach_nothing_whatever_they_are() -> None:
    rewards = torch.full((1, 7), 0.1, dtype=torch.float64)
    assert advantages(rewards, "group").abs().max() < 1e-9


def test_answers_or_tokens_count_the_same() -> None:
    lengths = torch.tensor([2, 6])
    by_answer = shares(lengths, 8, "group")
    assert torch.allclose(by_answer * lengths, torch.tensor([4.0, 4.0]))
    by_token = shares(lengths, 8, "unbiased")
    assert by_token.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("variant", ["group", "unbiased", "sequence"])
def test_at_ratio_one_the_slope_is_the_plain_policy_gradient(
    model: Transformer, variant: str
) -> None:
    batch = batch_of()
    loss = PolicyLoss(ReasoningConfig(variant=variant))
    loss(model, **batch).backward()
    found = [w.grad.clone() for w in model.parameters()]

    # Williams's formula: worth times the slope of the log-chance
    model.zero_grad()
    logits = model(batch["ids"])
    nats = F.cross_entropy(
        logits.flatten(0, 1), batch["targets"].flatten(),
        ignore_index=IGNORE, reduction="none",
    ).view(4, 7)
    weight = batch["worth"] * batch["share"]
    count = (batch["targets"] != IGNORE).sum()
    (nats * weight[:, None]).sum().div(count).backward()
    for slope, weight in zip(found, model.parameters(), strict=True):
        assert torch.allclose(slope, weight.grad, atol=1e-6)


@pytest.mark.parametrize("variant", ["group", "sequence"])
def test_pieces_add_up_to_the_batch(
    model: Transformer, variant: str
) -> None:
    old = torch.randn(4, 7, generator=torch.Generator().manual_seed(1))
    batch = batch_of(old=-old.abs(), reference=-2 * old.abs())
    config = ReasoningConfig(variant=variant, kl=0.3)
    loss = PolicyLoss(config)
    whole = loss(model, **batch).item()
    told = loss.told()
    parts = sum(
        portion * loss(model, **piece).item()
        for piece, portion in pieces(batch, 1)
    )
    assert parts == pytest.approx(whole, rel=1e-5)
    assert loss.told() == pytest.approx(told, rel=1e-4)
    assert set(told) == {"entropy", "clipped", "kl"}


def test_beyond_the_bounds_nothing_more_is_gained() -> None:
    config = ReasoningConfig(clip_low=0.2, clip_high=0.3)
    drift = torch.tensor([[0.9, 0.0, -0.9]])
    learnt = torch.ones_like(drift, dtype=torch.bool)
    zero = torch.zeros_like(drift)

    def gain(worth: float) -> list[float]:
        some = torch.tensor([worth])
        found, _ = objective(drift, zero, some, learnt, config)
        assert found.shape == drift.shape
        return [round(x, 4) for x in found[0].tolist()]

    assert gain(1.0) == [1.3, 1.0, 0.4066]
    assert gain(-1.0) == [-2.4596, -1.0, -0.8]


def test_a_sequence_has_one_ratio_the_mean_of_its_tokens() -> None:
    config = ReasoningConfig(variant="sequence", clip_high=9.0)
    new = torch.tensor([[0.2, 0.4, 7.0], [0.3, 5.0, 5.0]])
    learnt = torch.tensor([[True, True, False], [True, False, False]])
    _, ratio = objective(
        new, torch.zeros_like(new), torch.ones(2), learnt, config
    )
    assert torch.allclose(ratio, torch.tensor(0.3).exp().expand(2, 3))


def test_the_divergence_is_that_of_kullback_and_leibler() -> None:
    p = torch.tensor([0.5, 0.3, 0.2])
    q = torch.tensor([0.2, 0.2, 0.6])
    estimate = divergence(p.log()[None], q.log()[None])[0]
    assert (estimate >= 0).all()
    exact = (p * (p / q).log()).sum()
    assert torch.allclose((p * estimate).sum(), exact, atol=1e-6)


def test_chances_are_those_of_the_targets(model: Transformer) -> None:
    batch = batch_of()
    found, entropy = log_chances(
        model, batch["ids"], batch["targets"], 2.0
    )
    logs = (model(batch["ids"]) / 2).log_softmax(-1)
    for row, place in (batch["targets"] != IGNORE).nonzero().tolist():
        token = batch["targets"][row, place]
        wanted = logs[row, place, token]
        assert torch.allclose(found[row, place], wanted, atol=1e-5)
    assert (found[batch["targets"] == IGNORE] == 0).all()
    learnt = logs[batch["targets"] != IGNORE]
    wanted = -(learnt.exp() * learnt).sum(-1).mean()
    assert torch.allclose(entropy, wanted, atol=1e-5)
