import math

import pytest
import torch

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training.loss import (
    IGNORE,
    language_loss,
    next_token_loss,
)


@pytest.fixture(scope="module")
def model() -> Transformer:
    torch.manual_seed(0)
    model = Transformer(
        make_config(vocab_size=23, width=16, layers=1, context=16)
    )
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return model


def test_the_loss_is_the_mean_surprise(model: Transformer) -> None:
    ids = torch.arange(12).reshape(2, 6)
    loss = float(next_token_loss(model, ids, ids + 1).detach())
    chances = model(ids).detach().softmax(-1)
    surprises = [
        -math.log(float(chances[row, place, ids[row, place] + 1]))
        for row in range(2)
        for place in range(6)
    ]
    assert loss == pytest.approx(sum(surprises) / 12, rel=1e-5)


def test_ignored_places_teach_nothing(model: Transformer) -> None:
    ids = torch.arange(12).reshape(2, 6)
    targets = ids + 1
    targets[:, :4] = IGNORE
    kept = model(ids)[:, 4:].log_softmax(-1)
    wanted = -kept.gather(-1, ids[:, 4:, None] + 1).mean()
    loss = next_token_loss(model, ids, targets)
    torch.testing.assert_close(loss, wanted)
    bias = torch.zeros(2, 6, 23, requires_grad=True)
    real = model.forward

    def nudged(*args: object, **more: object) -> torch.Tensor:
        return real(*args, **more) + bias

    model.forward = nudged  # a gradient for every place
    try:
        next_token_loss(model, ids, targets).backward()
    finally:
        model.forward = real
    assert bias.grad is not None
    assert not bias.grad[:, :4].any()
    assert (bias.grad[:, 4:] != 0).all()


def test_a_mask_reaches_the_model(model: Transformer) -> None:
    ids = torch.arange(12).reshape(2, 6)
    own = torch.eye(6, dtype=torch.bool)
    free = next_token_loss(model, ids, ids + 1)
    alone = next_token_loss(model, ids, ids + 1, own)
    assert not torch.equal(free, alone)


def test_the_z_loss_is_a_slope_without_a_height(
    model: Transformer,
) -> None:
    ids = torch.arange(12).reshape(2, 6)
    targets = ids + 1
    targets[0, :4] = IGNORE
    weight = model.head.weight
    slopes = []
    for z in (0.0, 0.5):
        loss = language_loss(z)(model, ids, targets)
        assert loss == next_token_loss(model, ids, targets)
        slopes.append(torch.autograd.grad(loss, weight)[0])

    # By definition: z times the mean of the squared log of the sum
    logits = model(ids)
    sums = logits.exp().sum(-1).log()[targets != IGNORE]
    (pull,) = torch.autograd.grad((0.5 * sums**2).mean(), weight)
    torch.testing.assert_close(slopes[1] - slopes[0], pull)
    assert language_loss(0.0) is next_token_loss


def test_the_z_loss_pulls_drifted_logits_back() -> None:
    logits = torch.nn.Parameter(torch.full((1, 1, 5), 6.0))

    def drifted(ids: object, visible: object = None) -> torch.Tensor:
        return logits

    target = torch.zeros(1, 1, dtype=torch.int64)
    loss = next_token_loss(drifted, target, target, z_loss=0.1)
    (slope,) = torch.autograd.grad(loss, logits)
    # The cross-entropy alone moves no sum of logits
    assert float(slope.sum()) == pytest.approx(
        2 * 0.1 * (6 + math.log(5))
    )
