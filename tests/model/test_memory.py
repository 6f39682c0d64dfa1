from typing import Any

import pytest
import torch
from torch import Tensor

from hornbook.model.config import make_config
from hornbook.model.count import parameters, training_bytes
from hornbook.model.memory import (
    FEW_LOGITS,
    feedforward_bytes,
    kept_bytes,
    loss_bytes,
    step_bytes,
)
from hornbook.model.transformer import Transformer

BATCH, TIME = 2, 16


def saved_bytes(model: Transformer, bf16: bool) -> int:
    """Add up what a forward pass keeps, weights and tables apart."""
    own = [*model.parameters(), *model.buffers()]
    known = {t.untyped_storage().data_ptr() for t in own}
    found: dict[int, tuple[Tensor, int]] = {}

    def keep(tensor: Tensor) -> Tensor:
        where = tensor.untyped_storage()
        token = tensor.numel() % (BATCH * TIME) == 0
        rounded = tensor.shape[0] != BATCH and tensor.dim() == 2
        rounded &= tensor.shape[0] != BATCH * TIME
        if where.data_ptr() not in known and token and not rounded:
            # The tensor is held, so that its place is not used again
            found[where.data_ptr()] = (tensor, where.nbytes())
        return tensor

    ids = torch.zeros(BATCH, TIME, dtype=torch.long)
    with (
        torch.enable_grad(),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t),
        torch.autocast("cpu", torch.bfloat16, enabled=bf16),
    ):
        x = model.head(model.hidden(ids))
    assert x.requires_grad
    return sum(
        size for tensor, size in found.values()
        if tensor.dtype.is_floating_point
    )


@pytest.mark.filterwarnings("ignore:Mismatch dtype")
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
@pytest.mark.parametrize(
    "free",
    [
        {"form": "nanochat"},
        {"form": "llama"},
        {"form": "qwen3"},
        {"form": "gpt2"},
        {"form": "nanochat", "kv_heads": 2},
        {"form": "llama", "feedforward": "gelu", "norm_weight": False},
    ],
    ids=str,
)
def test_what_a_block_keeps_is_what_autograd_keeps(
    free: dict[str, Any], attention: str, bf16: bool
) -> None:
    kept = []
    # The difference of two depths is of blocks alone
    for layers in (1, 3):
        config = make_config(
            vocab_size=50, layers=layers, width=40, heads=4, hidden=72,
            context=TIME, attention=attention, **free,
        )
        told = kept_bytes(config, bf16, compiled=False) * BATCH * TIME
        seen = saved_bytes(Transformer(config), bf16)
        kept.append((told, seen))
    told, seen = (b - a for a, b in zip(*kept, strict=True))
    assert told == pytest.approx(seen, rel=0.02)


def test_compiled_keeps_less_and_bf16_half() -> None:
    for form in ("nanochat", "llama", "qwen3"):
        config = make_config(form=form, vocab_size=50, width=64)
        eager = kept_bytes(config, True, compiled=False)
        assert kept_bytes(config, True, compiled=True) < eager
        assert eager < kept_bytes(config, False, compiled=False)
        half = feedforward_bytes(config, True, compiled=True)
        full = feedforward_bytes(config, False, compiled=True)
        assert full == 2 * half


def test_many_logits_are_held_in_part() -> None:
    config = make_config(vocab_size=2**14, width=8, heads=1, layers=1)
    few = FEW_LOGITS // config.vocab_size
    whole = loss_bytes(config, few, True, compiled=False)
    many = loss_bytes(config, 8 * few, True, compiled=False)
    assert whole < many < 4 * whole


def test_muon_needs_more_for_its_step() -> None:
    config = make_config(vocab_size=50, layers=6, width=64)
    with_muon = step_bytes(config, True, muon=True)
    assert with_muon > step_bytes(config, True, muon=False)
    muon = training_bytes(config, 1, optimizer="muon")
    adamw = training_bytes(config, 1, optimizer="adamw")
    mean = training_bytes(config, 1, ema=True)
    assert mean - muon == 4 * parameters(config)["total"]
    assert muon != adamw


def test_pieces_need_less_but_hold_gradients() -> None:
    config = make_config(vocab_size=50, layers=2, width=64)
    whole = training_bytes(config, 32)
    pieces = training_bytes(config, 32, rows=8)
    assert training_bytes(config, 8) < pieces < whole
