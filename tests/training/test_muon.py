import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hornbook.training.muon import Muon, orthogonalise

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
