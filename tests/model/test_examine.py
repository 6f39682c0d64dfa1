from typing import Any

import pytest
import torch
from torch import nn

from hornbook.base.errors import RecipeError
from hornbook.model.attention import attend, attend_fused, causal
from hornbook.model.config import make_config
from hornbook.model.examine import examine

CONFIG = make_config(
    vocab_size=9, width=8, heads=2, context=12, attention="mine.py:f"
)


def blind(q: Any, k: Any, v: Any, visible: Any) -> Any:
    """See the future."""
    return (q @ k.mT).softmax(-1) @ v


def deaf(q: Any, k: Any, v: Any, visible: Any) -> Any:
    """See all of the past, whatever is hidden."""
    return attend(q, k, v, causal(q.size(2), k.size(2), q.device))


def first(q: Any, k: Any, v: Any, visible: Any) -> Any:
    """Count the places of queries from the first key."""
    queries, keys = q.size(2), k.size(2)
    far = torch.arange(queries)[:, None] - torch.arange(keys)
    past = causal(queries, keys, q.device)
    own = torch.eye(keys, dtype=torch.bool)[-queries:]
    seen = past if visible is None else visible
    return attend(q, k, v, seen & (far < 4) & (far > -9) | own)


def unasked(q: Any, k: Any, v: Any, visible: Any) -> Any:
    """Ask with the keys."""
    return attend(k[:, :, -q.size(2) :], k, v, visible)


def hollow(q: Any, k: Any, v: Any, visible: Any) -> Any:
    """Share out nothing."""
    return attend(q, k, v, visible) / 0.0


class Idle(nn.Module):
    """An attention that has a weight for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.ones(2))

    def forward(self, q: Any, k: Any, v: Any, visible: Any) -> Any:
        """Do as ever."""
        return attend(q, k, v, visible)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (blind, "what comes after it"),
        (deaf, "keys that visible hides"),
        (first, "gives the last 1 of 12 queries another"),
        (unasked, "makes no use of q,"),
        (Idle(), "makes no use of spare,"),
        (hollow, "not finite"),
        (lambda q, k, v, visible: v[0], "vector for every query"),
        (lambda q, k, v, visible: None, "gives NoneType"),
        (lambda q, k, v, visible: q @ v, "stops with RuntimeError"),
    ],
)
def test_what_would_mislead_is_refused(entry: Any, said: str) -> None:
    with pytest.raises(RecipeError, match=said) as told:
        examine(entry, CONFIG)
    assert "the attention 'mine.py:f'" in str(told.value)


@pytest.mark.parametrize("entry", [attend, attend_fused])
def test_ours_pass(entry: Any) -> None:
    state = torch.get_rng_state()
    examine(entry, CONFIG)
    assert torch.equal(torch.get_rng_state(), state)
    examine(entry, make_config(vocab_size=9, context=1))
