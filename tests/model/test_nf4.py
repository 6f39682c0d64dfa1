import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from hornbook.model.nf4 import (
    RUN,
    FourBitLinear,
    levels,
    pack,
    pairs,
    rounded,
    unpack,
)

PUBLISHED = [
    -1.0, -0.69619280, -0.52507305, -0.39491749, -0.28444138,
    -0.18477343, -0.09105004, 0.0, 0.07958030, 0.16093020, 0.24611230,
    0.33791524, 0.44070983, 0.56261700, 0.72295684, 1.0,
]
"""The values in the appendix of the paper, dettmers2023."""


def test_the_levels_are_the_published_ones() -> None:
    assert levels().tolist() == pytest.approx(PUBLISHED, abs=1e-6)
    assert levels()[7] == 0


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_no_number_moves_further_than_half_a_gap(
    rows: int, columns: int, seed: int
) -> None:
    chance = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=chance)
    codes, scales = pack(weight)
    assert len(scales) == -(-rows * columns // RUN)
    assert codes.numel() * 2 == scales.numel() * RUN
    back = unpack(codes, scales, pairs(), (rows, columns))
    most = float(levels().diff().max()) / 2 * float(scales.max())
    assert (back - weight).abs().max() <= most + 1e-6
    # What is on a level stays there
    assert torch.equal(rounded(back), back)


def test_every_number_takes_its_nearest_level() -> None:
    numbers = torch.linspace(-1, 1, RUN)[None]
    nearest = (numbers[..., None] - levels()).abs().argmin(-1)
    torch.testing.assert_close(rounded(numbers), levels()[nearest])


def test_zeros_stay_zeros() -> None:
    assert not rounded(torch.zeros(3, 5)).any()


def test_a_normal_matrix_loses_a_tenth_and_is_a_seventh_as_large() -> (
    None
):
    weight = torch.randn(256, 256, generator=torch.Generator())
    lost = (rounded(weight) - weight).norm() / weight.norm()
    assert 0.08 < float(lost) < 0.1
    codes, scales = pack(weight)
    size = codes.numel() + 4 * scales.numel()
    assert size / (4 * weight.numel()) == pytest.approx(4.5 / 32)


@pytest.mark.parametrize("bias", [False, True])
@torch.enable_grad()
def test_forward_and_backward_are_those_of_the_unpacked_matrix(
    bias: bool,
) -> None:
    packed = FourBitLinear(nn.Linear(12, 7, bias))
    x = torch.randn(2, 3, 12, requires_grad=True)
    same = x.detach().clone().requires_grad_()
    y = packed(x)
    other = F.linear(same, packed.weight, packed.bias)
    torch.testing.assert_close(y, other)
    y.square().sum().backward()
    other.square().sum().backward()
    assert x.grad is not None and same.grad is not None
    torch.testing.assert_close(x.grad, same.grad)


@torch.enable_grad()
def test_the_unpacked_matrix_is_not_kept_for_the_way_back() -> None:
    packed = FourBitLinear(nn.Linear(64, 32))
    kept: list[int] = []

    def look(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel() * tensor.element_size())
        return tensor

    x = torch.randn(1, 64, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(look, lambda t: t):
        packed(x).sum()
    assert kept and max(kept) < 64 * 32 * 4


@torch.enable_grad()
def test_mixed_precision_gives_what_a_linear_layer_gives() -> None:
    layer = nn.Linear(12, 7)
    x = torch.randn(3, 12, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = FourBitLinear(layer)(x)
        assert y.dtype == layer(x).dtype == torch.bfloat16
    y.float().sum().backward()
    assert x.grad is not None and x.grad.dtype == torch.float32
