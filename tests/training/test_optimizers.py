from typing import Any

import pytest
import torch

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training.adamw import AdamW
from hornbook.training.config import TrainingConfig
from hornbook.training.muon import Muon
from hornbook.training.optimizers import OPTIMIZERS

CONFIG = TrainingConfig(weight_decay=0.5)


def moved(optimizer: Any) -> set[int]:
    """Name the weights that an optimiser moves."""
    if isinstance(optimizer, AdamW):
        return {id(weight) for weight in optimizer.weights}
    assert isinstance(optimizer, Muon)
    return {id(w) for group in optimizer.groups for w in group}


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
@pytest.mark.parametrize("form", ["gpt2", "llama", "nanochat"])
def test_every_weight_is_moved_by_one(name: str, form: str) -> None:
    shape = make_config(form=form, vocab_size=9, width=16, layers=1)
    model = Transformer(shape)
    parts = OPTIMIZERS[name](model, CONFIG, torch.float32)
    sets = [moved(part) for part in parts]
    assert sum(map(len, sets)) == len(set().union(*sets))
    assert set().union(*sets) == {id(w) for w in model.parameters()}


def test_muon_moves_the_matrices_of_blocks_alone() -> None:
    shape = make_config(form="gpt2", vocab_size=9, width=16, layers=1)
    model = Transformer(shape)
    first, *rest = OPTIMIZERS["muon"](model, CONFIG, torch.float32)
    blocks = model.blocks.parameters()
    assert moved(first) == {id(w) for w in blocks if w.dim() == 2}
    assert all(isinstance(part, AdamW) for part in rest)


def test_vectors_do_not_decay() -> None:
    model = Transformer(make_config(vocab_size=9, width=16, layers=1))
    wide, thin = OPTIMIZERS["adamw"](model, CONFIG, torch.float32)
    assert isinstance(wide, AdamW) and isinstance(thin, AdamW)
    assert (wide.decay, thin.decay) == (0.5, 0.0)
    assert {w.dim() for w in thin.weights} == {1}
