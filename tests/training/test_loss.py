import math
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training import loss as loss_module
from hornbook.training.loss import (
    IGNORE,
    FrugalLoss,
    language_loss,
    loss_as_written,
    next_token_loss,
)


@pytest.fixture(autouse=True)
def _in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_module, "FEW_LOGITS", 0)


@pytest.fixture(scope="module")
def model() -> Transformer:
    torch.manual_seed(0)
    return rough(
        Transformer(
            make_config(vocab_size=23, width=16, layers=1, context=16)
        )
    )


def rough(model: Transformer) -> Transformer:
    """Shake all weights, so that none is zero."""
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


@pytest.mark.parametrize("form", ["gpt2", "llama", "nanochat"])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_the_frugal_loss_is_the_loss_as_written(
    form: str, rows: int
) -> None:
    torch.manual_seed(rows)
    shape = make_config(
        form=form, vocab_size=23, width=16, layers=1, context=16
    )
    model = rough(Transformer(shape))
    ids = torch.randint(23, (rows, 7))
    targets = torch.randint(23, (rows, 7))
    targets[torch.rand(rows, 7) < 0.3] = IGNORE
    targets[0, 0] = 4
    weights = list(model.parameters())
    found = []
    for objective in (loss_as_written, next_token_loss):
        loss = objective(model, ids, targets)
        found.append([loss, *torch.autograd.grad(3 * loss, weights)])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


def test_a_batch_without_targets_costs_nothing() -> None:
    x = torch.randn(4, 8, requires_grad=True)
    weight = torch.randn(5, 8, requires_grad=True)
    none = torch.full((4,), IGNORE)
    loss = FrugalLoss.apply(x, weight, none, 0.0, 0.1)
    slopes = torch.autograd.grad(loss, (x, weight))
    assert loss == 0 and not any(slope.any() for slope in slopes)


class Made(TorchDispatchMode):
    """Notes the shape of every tensor that is made, views left out."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[torch.Size] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any, kwargs: Any
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor) and not function.is_view:
            self.shapes.append(out.shape)
        return out


def test_all_logits_are_never_held() -> None:
    x = torch.randn(64, 8, requires_grad=True)
    weight = torch.randn(1000, 8, requires_grad=True)
    with Made() as made:
        loss = FrugalLoss.apply(x, weight, torch.arange(64), 15.0, 0.0)
        loss.backward()
    sizes = [shape.numel() for shape in made.shapes]
    assert max(sizes) == 64 * 1000 // 8


def test_what_is_not_learnt_is_not_scored(
    model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[int] = []
    plain = loss_module.surprise

    def counted(scores: torch.Tensor, *rest: Any) -> Any:
        scored.append(len(scores))
        return plain(scores, *rest)

    monkeypatch.setattr(loss_module, "surprise", counted)
    ids = torch.arange(12).reshape(2, 6)
    targets = torch.full_like(ids, IGNORE)
    targets[1, 2:5] = 7
    next_token_loss(model, ids, targets)
    assert sum(scored) == 3


def test_a_head_that_stays_has_no_slope_and_changes_no_other() -> None:
    torch.manual_seed(0)
    x = torch.randn(9, 8, requires_grad=True)
    weight = torch.randn(23, 8)
    targets = torch.randint(23, (9,))
    found = []
    for learns in (True, False):
        head = weight.clone().requires_grad_(learns)
        x.grad = None
        with Made() as made:
            loss = FrugalLoss.apply(x, head, targets, 0.0, 0.0)
            loss.backward()
        assert (head.grad is not None) == learns
        assert (head.shape in made.shapes) == learns
        found.append(x.grad)
    torch.testing.assert_close(*found, rtol=0, atol=0)


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
    x = torch.eye(1)
    weight = torch.full((5, 1), 6.0, requires_grad=True)
    target = torch.zeros(1, dtype=torch.int64)
    loss = FrugalLoss.apply(x, weight, target, 0.0, 0.1)
    (slope,) = torch.autograd.grad(loss, weight)
    # The cross-entropy alone moves no sum of logits
    assert float(slope.sum()) == pytest.approx(
        2 * 0.1 * (6 + math.log(5))
    )
