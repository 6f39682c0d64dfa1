"""Attention by pieces is attention, and so are its slopes."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from hornbook.model.attention import attend, attend_fused, causal
from hornbook.model.config import make_config
from hornbook.model.piecewise import (
    PIECE,
    Piecewise,
    compared,
    pieces,
    suits,
)
from hornbook.model.transformer import Transformer

LENGTHS = [1, 5, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 9]


@pytest.fixture(autouse=True)
def _gradients(_no_gradients: None) -> Iterator[None]:
    """All of these tests learn."""
    with torch.enable_grad():
        yield


def draw(
    queries: int, keys: int, dtype: torch.dtype = torch.float32
) -> list[Tensor]:
    """Draw queries, keys, values and the slope of what comes out."""
    torch.manual_seed(queries + keys)
    sizes = (queries, keys, keys, queries)
    drawn = [torch.randn(2, 3, size, 8, dtype=dtype) for size in sizes]
    return [t.requires_grad_() for t in drawn[:3]] + drawn[3:]


def texts(length: int) -> Tensor:
    """Let places see the past of their own text, in rows of many."""
    number = torch.stack(
        [torch.arange(length) // 7, torch.arange(length) // 61]
    )
    same = number[:, None, :, None] == number[:, None, None, :]
    return same.tril()


def assert_same(
    q: Tensor, k: Tensor, v: Tensor, slope: Tensor, visible: Tensor
) -> None:
    """Compare what comes out, and all slopes, with torch's own."""
    found = []
    for y in (
        Piecewise.apply(q, k, v, visible),
        F.scaled_dot_product_attention(q, k, v, visible),
    ):
        found.append([y, *torch.autograd.grad(y, (q, k, v), slope)])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("length", LENGTHS)
def test_rows_of_many_texts(length: int) -> None:
    assert_same(*draw(length, length), texts(length))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("ahead", [0, 3, PIECE])
def test_the_past_is_seen(length: int, ahead: int) -> None:
    q, k, v, slope = draw(length, length + ahead)
    past = causal(length, length + ahead, q.device)
    assert_same(q, k, v, slope, past)
    both = [Piecewise.apply(q, k, v, seen) for seen in (None, past)]
    slopes = [torch.autograd.grad(y, (q, k, v), slope) for y in both]
    torch.testing.assert_close(*both)
    torch.testing.assert_close(*slopes)


def test_keys_that_nobody_sees_are_left_out() -> None:
    q, k, _, _ = draw(2 * PIECE, 2 * PIECE)
    number = torch.arange(2 * PIECE)[None] // (PIECE // 2)
    same = number[:, None, :, None] == number[:, None, None, :]
    assert [keys for _, keys in pieces(q, k, same.tril())] == [
        slice(0, PIECE),
        slice(PIECE, 2 * PIECE),
    ]
    assert [keys.stop for _, keys in pieces(q, k, None)] == [
        PIECE,
        2 * PIECE,
    ]


def test_a_query_that_sees_nothing_is_no_number() -> None:
    q, k, v, _ = draw(4, 4)
    blind = causal(4, 4, q.device)
    blind[0] = False
    y = Piecewise.apply(q, k, v, blind)
    assert y[:, :, 0].isnan().all() and not y[:, :, 1:].isnan().any()


def test_half_numbers_are_about_as_good_as_torchs() -> None:
    q, k, v, slope = draw(300, 300, torch.float64)
    seen = texts(300)
    exact = torch.autograd.grad(attend(q, k, v, seen), (q, k, v), slope)
    short = [t.detach().bfloat16().requires_grad_() for t in (q, k, v)]

    def far(y: Tensor) -> float:
        slopes = torch.autograd.grad(y, short, slope.bfloat16())
        pairs = zip(slopes, exact, strict=True)
        return max(float((a - b).square().mean()) for a, b in pairs)

    theirs = far(F.scaled_dot_product_attention(*short, seen))
    assert far(Piecewise.apply(*short, seen)) < 4 * theirs


def test_it_serves_where_slopes_will_be_asked() -> None:
    q, k, v, _ = draw(9, 9)
    seen = texts(9)[:1]
    still = [t.detach() for t in (q, k, v)]
    assert suits(q, k, v, seen) and not suits(*still, seen)
    assert suits(still[0], k, still[2], seen)
    with torch.no_grad():
        assert not suits(q, k, v, seen)
    name = type(attend_fused(q, k, v, seen).grad_fn).__name__
    assert name == "PiecewiseBackward"

    # Long numbers that see all the past are as fast in torch's kernel
    assert not suits(q, k, v, None)
    with torch.autocast("cpu", torch.bfloat16):
        assert suits(q, k, v, None)
        assert attend_fused(q, k, v, None).dtype == torch.bfloat16


def test_what_is_compared_is_rounded_alike() -> None:
    torch.manual_seed(0)
    shape = make_config(vocab_size=23, layers=2, width=32, context=64)
    model = Transformer(shape)
    for weight in model.parameters():
        weight.data.add_(0.1 * torch.randn_like(weight))
    ids = torch.randint(23, (2, 64))
    with torch.autocast("cpu", torch.bfloat16):
        learning = model(ids)
        with torch.no_grad():
            alone = model(ids)
            with compared():
                beside = model(ids)
    assert torch.equal(learning, beside)
    assert not torch.equal(learning, alone)
    assert not suits(*[torch.zeros(1, 1, 9, 4)] * 3, texts(9)[:1])
