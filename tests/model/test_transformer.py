from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hornbook.base.errors import ModelError
from hornbook.model.transformer import Transformer


@settings(max_examples=25)
@given(place=st.integers(1, 15), token=st.integers(0, 39))
def test_a_later_token_leaves_earlier_logits(
    make: Any, form: str, ids: Tensor, place: int, token: int
) -> None:
    model = make(form, kv_heads=2)
    changed = ids.clone()
    changed[0, place] = token
    one, two = model(ids), model(changed)
    torch.testing.assert_close(one[0, :place], two[0, :place])
    torch.testing.assert_close(one[1], two[1])
    same = int(ids[0, place]) == token
    assert torch.allclose(one[0, place:], two[0, place:]) == same


def test_the_order_of_tokens_counts(
    make: Any, form: str, ids: Tensor
) -> None:
    row = ids[:1].clone()
    swapped = row.clone()
    swapped[0, [0, 1]] = row[0, [1, 0]]
    model = make(form)
    last = model(row)[0, -1], model(swapped)[0, -1]
    assert not torch.allclose(*last, atol=1e-4)


def test_a_text_beyond_the_context_is_refused(
    make: Any, form: str
) -> None:
    with pytest.raises(ModelError, match="17 tokens .* holds 16"):
        make(form)(torch.zeros(1, 17, dtype=torch.long))


def test_documents_in_one_row_can_be_kept_apart(
    make: Any, ids: Tensor
) -> None:
    model = make("gpt2")
    document = torch.tensor([0] * 6 + [1] * 10)
    visible = (document[:, None] == document).tril()
    logits = model(ids, visible=visible)
    changed = ids.clone()
    changed[:, :6] = 0
    apart = model(changed, visible=visible)
    torch.testing.assert_close(logits[:, 6:], apart[:, 6:])
    torch.testing.assert_close(logits[:, :6], model(ids[:, :6]))


def test_soft_capped_logits_stay_below_their_cap(
    make: Any, ids: Tensor
) -> None:
    free, capped = (
        make("nanochat", softcap=0.0), make("nanochat", softcap=2.0)
    )
    free.head.weight.mul_(5)
    capped.head.weight.mul_(5)
    wide = free(ids)
    assert wide.abs().max() > 2
    expected = 2 * torch.tanh(wide / 2)
    torch.testing.assert_close(capped(ids), expected)


def test_a_tied_head_is_the_embedding(make: Any, form: str) -> None:
    tied, free = make(form, tied=True), make(form, tied=False)
    assert tied.head.weight is tied.token_emb.weight
    assert free.head.weight is not free.token_emb.weight


def test_half_precision_gives_nearly_the_same_logits(
    make: Any, form: str, ids: Tensor, tmp_path: Any
) -> None:
    model = make(form)
    model.save(tmp_path / "model", "native")
    half = Transformer.load(tmp_path / "model", dtype=torch.bfloat16)
    assert not half.training
    assert {w.dtype for w in half.parameters()} == {torch.bfloat16}
    # Angles rounded to half precision would blur far places
    assert {b.dtype for b in half.buffers()} <= {torch.float32}
    found, wanted = half(ids), model(ids)
    assert found.dtype == torch.float32
    assert (found - wanted).norm() < 0.05 * wanted.norm()
