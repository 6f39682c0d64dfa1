import pytest
import torch
import torch.optim._muon as peer
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hornbook.training.muon import (
    COEFFICIENTS,
    STEPS,
    Muon,
    orthogonalise,
)

SIZES = st.integers(1, 12)


@settings(max_examples=25)
@given(rows=SIZES, columns=SIZES, seed=st.integers(0, 99))
def test_singular_values_are_pushed_near_one(
    rows: int, columns: int, seed: int
) -> None:
    # A matrix whose directions differ in strength up to tenfold
    torch.manual_seed(seed)
    rank = min(rows, columns)
    left = torch.linalg.qr(torch.randn(rows, rank)).Q
    right = torch.linalg.qr(torch.randn(columns, rank)).Q
    values = 0.1 + 0.9 * torch.rand(rank)
    found = torch.linalg.svdvals(
        orthogonalise(left * values @ right.mT)
    )
    assert (found > 0.6).all() and (found < 1.25).all()


@settings(max_examples=25)
@given(rows=SIZES, columns=SIZES, seed=st.integers(0, 99))
def test_turned_and_stacked_matrices_are_treated_alike(
    rows: int, columns: int, seed: int
) -> None:
    torch.manual_seed(seed)
    stack = torch.randn(3, rows, columns)
    together = orthogonalise(stack)
    for one, matrix in zip(together, stack, strict=True):
        torch.testing.assert_close(
            one, orthogonalise(matrix), atol=1e-4, rtol=1e-4
        )
        torch.testing.assert_close(
            one, orthogonalise(matrix.mT).mT, atol=1e-4, rtol=1e-4
        )


def test_directions_are_kept() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(6, 4)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inside = left.mT @ orthogonalise(matrix) @ right.mT
    off = inside - torch.diag(inside.diagonal())
    assert off.abs().max() < 1e-4


def test_a_matrix_of_zeros_stays_one() -> None:
    assert not orthogonalise(torch.zeros(3, 5)).any()


@pytest.mark.parametrize(("rows", "scale"), [(2, 1.0), (8, 2.0)])
def test_two_steps_by_hand(rows: int, scale: float) -> None:
    torch.manual_seed(0)
    start, first, second = torch.randn(3, rows, 2)
    weight = nn.Parameter(start.clone())
    muon = Muon([weight], 0.1, 0.9, decay=0.5)
    expected = start
    means = [0.1 * first, 0.09 * first + 0.1 * second]
    for step, grad in enumerate([first, second]):
        weight.grad = grad.clone()
        muon.step(step, 0.5)
        # Nesterov: the gradient once more, along the mean
        ahead = 0.1 * grad + 0.9 * means[step]
        expected = expected * (1 - 0.05 * 0.5)
        expected = expected - 0.05 * scale * orthogonalise(ahead)
        torch.testing.assert_close(weight.detach(), expected)


def test_matrices_of_one_shape_do_not_meet() -> None:
    torch.manual_seed(0)
    grads = torch.randn(3, 4, 4)
    together = [nn.Parameter(torch.zeros(4, 4)) for _ in grads]
    alone = [nn.Parameter(torch.zeros(4, 4)) for _ in grads]
    wide = nn.Parameter(torch.zeros(2, 6))
    wide.grad = torch.randn(2, 6)
    for group in (together, alone):
        for weight, grad in zip(group, grads, strict=True):
            weight.grad = grad.clone()
    Muon([*together, wide], 0.1, 0.9).step(0, 1.0)
    for weight in alone:
        Muon([weight], 0.1, 0.9).step(0, 1.0)
    for one, two in zip(together, alone, strict=True):
        torch.testing.assert_close(one, two)


def test_its_means_lie_where_its_weights_do() -> None:
    weights = [nn.Parameter(torch.zeros(2, 3, device="meta"))] * 2
    (mean,) = Muon(weights, 0.1, 0.9).state().values()
    assert mean.device.type == "meta"
    assert mean.shape == (2, 2, 3)


@pytest.mark.parametrize("size", [(4, 4), (9, 4), (4, 9)])
def test_it_comes_near_the_polar_factor(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(
        torch.randn(*size), full_matrices=False
    )
    polar = left @ right
    matrix = left * torch.linspace(0.3, 3, min(size)) @ right
    found = orthogonalise(matrix)
    # All directions agree, none is off by more than a third
    assert torch.linalg.matrix_norm(found - polar, 2) < 0.35
    inside = (found * polar).sum() / polar.norm() / found.norm()
    assert inside > 0.98


@pytest.mark.parametrize("size", [(8, 8), (32, 8), (8, 32)])
def test_short_numbers_give_the_same_directions(
    size: tuple[int, int],
) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(*size)
    short = orthogonalise(matrix.bfloat16())
    assert short.dtype == torch.bfloat16
    exact = orthogonalise(matrix)
    assert (short.float() - exact).norm() < 0.06 * exact.norm()
    torchs = peer._zeropower_via_newtonschulz(
        matrix, COEFFICIENTS, STEPS, 1e-7
    )
    assert (short - torchs).norm() < 0.06 * torchs.norm()


@pytest.mark.parametrize("size", [(8, 8), (24, 6), (6, 24)])
def test_a_hundred_steps_are_torchs(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # torch multiplies in bf16 alone; its steps are held to ours in fp32
    monkeypatch.setattr(
        peer,
        "_zeropower_via_newtonschulz",
        lambda grad, *_: orthogonalise(grad),
    )
    torch.manual_seed(0)
    ours = nn.Parameter(torch.randn(*size))
    theirs = nn.Parameter(ours.detach().clone())
    mine = Muon([ours], 0.02, 0.95, decay=0.1)
    other = torch.optim.Muon(
        [theirs], 0.02, weight_decay=0.1, momentum=0.95
    )
    for step in range(100):
        ours.grad = torch.randn(*size)
        theirs.grad = ours.grad.clone()
        mine.step(step, 1.0)
        other.step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("width", [8, 64])
@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 4)])
def test_what_a_step_does_is_the_same_at_every_width(
    shape: tuple[int, int], width: int
) -> None:
    # An input of size one per number moves the output by about as much
    torch.manual_seed(0)
    rows, columns = shape[0] * width, shape[1] * width
    weight = nn.Parameter(torch.zeros(rows, columns))
    signal = torch.randn(columns)
    weight.grad = torch.outer(torch.randn(rows), signal)
    Muon([weight], 1.0, 0.0).step(0, 1.0)
    moved = weight.detach() @ signal / signal.square().mean().sqrt()
    size = float(moved.square().mean().sqrt())
    longest = max(1.0, shape[1] / shape[0]) ** 0.5
    assert 0.6 * longest < size < 1.3 * longest
