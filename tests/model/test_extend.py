import pytest
import torch

from hornbook.base.errors import ModelError
from hornbook.model.config import make_config
from hornbook.model.extend import extend_model
from hornbook.model.transformer import Transformer


def small(tied: bool) -> Transformer:
    """Make a model of ten tokens."""
    config = make_config(
        layers=1, width=16, heads=2, context=8, vocab_size=10, tied=tied
    )
    return Transformer(config, seed=3).eval()


@pytest.mark.parametrize("tied", [True, False])
def test_new_tokens_are_the_mean_of_their_parts(tied: bool) -> None:
    model = small(tied)
    larger = extend_model(model, {10: [1, 2], 12: [4]})
    assert larger.config.vocab_size == 13
    ids = torch.tensor([[1, 2, 4, 9]])
    with torch.no_grad():
        before, after = model(ids), larger(ids)
    torch.testing.assert_close(after[..., :10], before)
    joined = before[..., [1, 2]].mean(-1)
    torch.testing.assert_close(after[..., 10], joined)
    torch.testing.assert_close(after[..., 12], before[..., 4])
    rows = larger.token_emb.weight
    torch.testing.assert_close(rows[10], rows[[1, 2]].mean(0))
    assert not larger.training
    assert (larger.head.weight is rows) == tied


def test_rows_that_wait_are_filled() -> None:
    larger = extend_model(small(False), {8: [0, 1, 1]})
    assert larger.config.vocab_size == 10
    rows = larger.token_emb.weight
    torch.testing.assert_close(rows[8], rows[[0, 1, 1]].mean(0))
    assert extend_model(small(True), {}).config == small(True).config


@pytest.mark.parametrize("parts", [{10: []}, {10: [10]}, {-1: [0]}])
def test_parts_must_be_there(parts: dict[int, list[int]]) -> None:
    with pytest.raises(ModelError, match="is made of"):
        extend_model(small(True), parts)
