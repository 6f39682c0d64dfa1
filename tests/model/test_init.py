import math

import torch

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer

SHAPE = {"vocab_size": 64, "layers": 2, "width": 64, "heads": 4}


def state(form: str, seed: int) -> dict[str, torch.Tensor]:
    config = make_config(form=form, **SHAPE)
    return Transformer(config, seed).state_dict()


def test_the_same_seed_gives_the_same_weights(form: str) -> None:
    one = state(form, 3)
    torch.manual_seed(99)
    two, other = state(form, 3), state(form, 4)
    assert all(torch.equal(one[name], two[name]) for name in one)
    name = "blocks.1.attention.to_q.weight"
    assert not torch.equal(one[name], other[name])


def test_at_first_blocks_add_nothing(form: str) -> None:
    weights = state(form, 0)
    for name, weight in weights.items():
        if not name.endswith(("to_out.weight", "down.weight")):
            continue
        if form == "gpt2":
            spread = 0.02 / math.sqrt(2 * SHAPE["layers"])
            assert 0.8 * spread < weight.std() < 1.2 * spread
        else:
            assert not weight.any()


def test_norms_begin_at_one_and_biases_at_zero(form: str) -> None:
    for name, weight in state(form, 0).items():
        if name.endswith("bias"):
            assert not weight.any()
        elif "norm" in name:
            assert (weight == 1).all()


def test_matrices_keep_the_scale_of_their_input() -> None:
    weight = state("llama", 0)["blocks.0.attention.to_q.weight"]
    x = torch.randn(500, 64, generator=torch.Generator().manual_seed(0))
    assert 0.9 < (x @ weight.T).std() < 1.1


def test_the_first_guess_is_nearly_even(form: str) -> None:
    config = make_config(form=form, **SHAPE)
    logits = Transformer(config)(torch.arange(64)[None])
    entropy = torch.distributions.Categorical(logits=logits).entropy()
    assert entropy.mean() > 0.97 * math.log(64)
