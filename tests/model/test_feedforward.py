from typing import Any

import pytest
import torch
from torch.nn import functional as F

from hornbook.model.config import make_config
from hornbook.model.feedforward import FEEDFORWARD


def layer(kind: Any, bias: bool) -> Any:
    torch.manual_seed(0)
    config = make_config(
        vocab_size=9, width=8, heads=1, feedforward=kind, bias=bias
    )
    return FEEDFORWARD[kind](config)


@pytest.mark.parametrize("bias", [True, False])
def test_gelu_is_torchs_tanh_form(bias: bool) -> None:
    ours, x = layer("gelu", bias), torch.randn(2, 3, 8)
    bent = torch.nn.GELU("tanh")(ours.up(x))
    torch.testing.assert_close(ours(x), ours.down(bent))


@pytest.mark.parametrize("bias", [True, False])
def test_relu_is_squared(bias: bool) -> None:
    ours, x = layer("relu2", bias), torch.randn(2, 3, 8)
    bent = ours.up(x).clamp(min=0) ** 2
    torch.testing.assert_close(ours(x), ours.down(bent))


@pytest.mark.parametrize("bias", [True, False])
def test_one_half_gates_the_other(bias: bool) -> None:
    ours, x = layer("swiglu", bias), torch.randn(2, 3, 8)
    gate = ours.gate(x)
    passed = gate * F.sigmoid(gate) * ours.up(x)
    torch.testing.assert_close(ours(x), ours.down(passed))


@pytest.mark.parametrize("kind", sorted(FEEDFORWARD))
def test_places_do_not_meet(kind: str) -> None:
    ours, x = layer(kind, True), torch.randn(1, 3, 8)
    alone = ours(x[:, 1:2])
    torch.testing.assert_close(ours(x)[:, 1:2], alone)
