from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hornbook.base.errors import ModelError
from hornbook.model.cache import Cache

CHUNKS = st.lists(st.integers(1, 6), min_size=1, max_size=16)


@settings(max_examples=25)
@given(chunks=CHUNKS, kv_heads=st.sampled_from([1, 2, 4]))
def test_cached_logits_are_the_uncached(
    make: Any, form: str, ids: Tensor, kv_heads: int, chunks: list[int]
) -> None:
    model = make(form, kv_heads=kv_heads)
    time = min(16, sum(chunks))
    whole = model(ids[:, :time])
    cache, parts = Cache(model.config, batch=2), []
    for size in chunks:
        part = ids[:, cache.length : min(16, cache.length + size)]
        if part.size(1):
            parts.append(model(part, cache))
    assert cache.length == time
    torch.testing.assert_close(
        torch.cat(parts, 1), whole, rtol=1e-4, atol=1e-4
    )


def test_a_full_context_is_an_error(
    make: Any, form: str, ids: Tensor
) -> None:
    model = make(form)
    cache = Cache(model.config, batch=2)
    model(ids[:, :10], cache)
    with pytest.raises(ModelError, match="17 tokens .* holds 16"):
        model(ids[:, :7], cache)
    assert cache.length == 10
    model(ids[:, :6], cache)


def test_a_cache_alone_refuses_what_does_not_fit(make: Any) -> None:
    config = make("llama").config
    cache = Cache(config)
    with pytest.raises(ModelError, match="holds 16"):
        cache.extend(0, *torch.zeros(2, 1, 4, 17, 4))


def test_a_cache_is_as_large_as_counted(make: Any, form: str) -> None:
    from hornbook.model.count import cache_bytes

    config = make(form, kv_heads=2).config
    cache = Cache(config)
    held = cache.keys.numel() + cache.values.numel()
    assert cache_bytes(config, number_bytes=4) == 4 * held
