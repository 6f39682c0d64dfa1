from typing import Any

import pytest
import torch

from hornbook.base.errors import RecipeError
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training.adamw import AdamW
from hornbook.training.average import Average
from hornbook.training.config import TrainingConfig
from hornbook.training.muon import Muon
from hornbook.training.optimizers import (
    OPTIMIZERS,
    make_optimizers,
    sort_weights,
)

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


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_what_does_not_learn_is_not_moved(name: str) -> None:
    shape = make_config(form="gpt2", vocab_size=9, width=16, layers=2)
    model = Transformer(shape)
    model.requires_grad_(False)
    model.blocks[1].requires_grad_(True)
    config = TrainingConfig(optimizer=name, ema=0.9)
    *parts, mean = make_optimizers(model, config, torch.float32)
    wanted = {id(weight) for weight in model.blocks[1].parameters()}
    assert set().union(*map(moved, parts)) == wanted
    assert isinstance(mean, Average)
    assert {id(weight) for weight in mean.weights} == wanted


def test_muon_moves_the_matrices_of_blocks_alone() -> None:
    shape = make_config(form="gpt2", vocab_size=9, width=16, layers=1)
    model = Transformer(shape)
    first, *rest = OPTIMIZERS["muon"](model, CONFIG, torch.float32)
    blocks = model.blocks.parameters()
    assert moved(first) == {id(w) for w in blocks if w.dim() == 2}
    assert all(isinstance(part, AdamW) for part in rest)


def kinds(name: str, **settings: Any) -> dict[str, AdamW | Muon]:
    """Give the optimiser of each kind of weight of a small model."""
    model = Transformer(make_config(vocab_size=9, width=16, layers=1))
    config = TrainingConfig(**settings)
    parts = OPTIMIZERS[name](model, config, torch.float32)
    return {
        kind: part
        for kind, weights in sort_weights(model).items()
        for part in parts
        if moved(part) == {id(weight) for weight in weights}
    }


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_only_matrices_decay_unless_others_are_named(name: str) -> None:
    usual = kinds(name, weight_decay=0.5)
    assert {k: p.decay for k, p in usual.items()} == {
        "matrix": 0.5, "head": 0.0, "embedding": 0.0, "vector": 0.0,
    }
    named = ("head", "vector")
    other = kinds(name, weight_decay=0.5, decayed=named)
    assert {k for k, p in other.items() if p.decay} == set(named)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_wider_model_takes_narrower_steps(name: str) -> None:
    rates = {"lr": 0.8, "lr_head": 0.4, "lr_embedding": 0.2}
    plain = kinds(name, **rates)
    narrow = kinds(name, base_width=4, **rates)
    found = {k: narrow[k].lr / plain[k].lr for k in plain}
    matrix = 0.25 if name == "adamw" else 1.0
    assert found == {
        "matrix": matrix, "head": 0.25, "embedding": 1.0, "vector": 1.0,
    }
    # At the width of its rates a model takes them as they are
    same = kinds(name, base_width=16, **rates)
    assert all(same[k].lr == plain[k].lr for k in plain)


def test_a_shared_head_cannot_have_a_rate_of_its_own() -> None:
    shape = make_config(form="gpt2", vocab_size=9, width=16, layers=1)
    config = TrainingConfig(base_width=8)
    with pytest.raises(RecipeError, match="model.tied"):
        make_optimizers(Transformer(shape), config, torch.float32)


def test_a_hundred_steps_of_all_kinds_are_torchs() -> None:
    torch.manual_seed(0)
    shape = make_config(form="qwen3", vocab_size=9, width=16, layers=2)
    ours, theirs = Transformer(shape, 1), Transformer(shape, 1)
    config = TrainingConfig(
        optimizer="adamw", lr=0.01, weight_decay=0.1,
        decayed=("matrix", "head"), base_width=8,
    )
    mine = make_optimizers(ours, config, torch.float32)
    groups = [
        {
            "params": weights,
            "lr": 0.005 if kind in ("matrix", "head") else 0.01,
            "weight_decay": 0.1 if kind in ("matrix", "head") else 0.0,
        }
        for kind, weights in sort_weights(theirs).items()
    ]
    peer = torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-10)
    for step in range(100):
        pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
        for one, two in pairs:
            one.grad = torch.randn_like(one)
            two.grad = one.grad.clone()
        for part in mine:
            part.step(step, 1.0)
        peer.step()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    for one, two in pairs:
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_a_mean_is_kept_where_one_is_wanted() -> None:
    model = Transformer(make_config(vocab_size=9, width=16, layers=1))
    for keep, wanted in ((0.0, False), (0.999, True)):
        config = TrainingConfig(ema=keep)
        *_, last = make_optimizers(model, config, torch.float32)
        assert isinstance(last, Average) == wanted
