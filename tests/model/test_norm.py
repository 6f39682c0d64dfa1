import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hornbook.model.config import make_config
from hornbook.model.norm import LayerNorm, RMSNorm, make_norm

SIZES = st.integers(1, 9)


@pytest.mark.parametrize("weight", [True, False])
@settings(max_examples=25)
@given(rows=SIZES, size=SIZES, seed=st.integers(0, 99))
def test_rms_norm_is_torchs_and_the_formula(
    weight: bool, rows: int, size: int, seed: int
) -> None:
    torch.manual_seed(seed)
    ours = RMSNorm(size, 1e-6, weight)
    theirs = nn.RMSNorm(size, 1e-6, elementwise_affine=weight)
    scale = torch.randn(size)
    if ours.weight is not None:
        ours.weight.copy_(scale)
        theirs.weight.copy_(scale)
    x = torch.randn(2, rows, size)
    torch.testing.assert_close(ours(x), theirs(x))
    mean = x.square().mean(-1, keepdim=True)
    formula = x / (mean + 1e-6).sqrt() * (scale if weight else 1)
    torch.testing.assert_close(ours(x), formula)


@pytest.mark.parametrize("bias", [True, False])
@settings(max_examples=25)
@given(rows=SIZES, size=SIZES, seed=st.integers(0, 99))
def test_layer_norm_is_torchs(
    bias: bool, rows: int, size: int, seed: int
) -> None:
    torch.manual_seed(seed)
    ours = LayerNorm(size, 1e-5, bias)
    theirs = nn.LayerNorm(size, 1e-5, bias=bias)
    ours.weight.copy_(torch.randn(size))
    theirs.weight.copy_(ours.weight)
    if ours.bias is not None:
        ours.bias.copy_(torch.randn(size))
        theirs.bias.copy_(ours.bias)
    x = torch.randn(2, rows, size)
    torch.testing.assert_close(ours(x), theirs(x))


def test_the_configuration_names_the_norm() -> None:
    llama = make_norm(make_config(vocab_size=9))
    assert isinstance(llama, RMSNorm) and llama.weight is not None
    plain = make_norm(make_config(form="nanochat", vocab_size=9), 7)
    assert isinstance(plain, RMSNorm) and plain.weight is None
    assert plain.size == 7
    gpt2 = make_norm(make_config(form="gpt2", vocab_size=9))
    assert isinstance(gpt2, LayerNorm) and gpt2.bias is not None
    assert gpt2.eps == 1e-5
