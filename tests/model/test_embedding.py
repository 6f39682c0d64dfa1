from typing import Any

import torch
from torch import Tensor

from hornbook.model.embedding import Embedding


def test_learned_places_are_added(make: Any, ids: Tensor) -> None:
    table = make("gpt2").embedding
    x = table(ids[:, :3], start=5)
    place = table.pos_emb.weight[5:8]
    assert torch.equal(x, table.token_emb.weight[ids[:, :3]] + place)


def test_rotary_forms_have_no_table_of_places(
    make: Any, ids: Tensor
) -> None:
    model = make("llama")
    assert model.pos_emb is None
    assert isinstance(model.embedding, Embedding)
    rows = model.token_emb.weight[ids]
    assert torch.equal(model.embedding(ids, 3), rows)
