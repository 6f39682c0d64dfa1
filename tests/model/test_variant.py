from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hornbook.base.errors import (
    ModelError,
    RecipeError,
)
from hornbook.inference.look import attention_maps
from hornbook.model import own_code
from hornbook.model.attention import (
    attend,
    attention_weights,
    causal,
    look_through,
)
from hornbook.model.config import ModelConfig, make_config
from hornbook.model.count import parameters
from hornbook.model.inventory import rows, tensors
from hornbook.model.transformer import Transformer
from hornbook.training.precision import has_compiler

FILE = """
import torch
from torch import nn
from hornbook.model.attention import attend

def scaled(q, k, v, visible, by=1.0):
    return by * attend(q, k, v, visible)

class Tilt(nn.Module):
    def __init__(self, config, layer, start=0.5):
        super().__init__()
        self.by = nn.Parameter(torch.full((config.heads, 1, 1), start))
        self.mix = nn.Linear(config.head_dim, config.head_dim)

    def forward(self, q, k, v, visible):
        return attend(q, k, self.mix(v) * self.by, visible)

class Gated(Tilt):
    def forward(self, q, k, v, visible):
        return super().forward(q, k, v, visible).sigmoid()

class Told(Gated):
    def weights(self, q, k, visible):
        return torch.ones(len(q), q.size(1), q.size(2), k.size(2))

class Uneven(Tilt):
    def __init__(self, config, layer):
        super().__init__(config, layer)
        self.more = nn.Parameter(torch.ones(1 + layer))
"""


@pytest.fixture(autouse=True)
def _in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work beside a file of attentions, known to no other process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(own_code, "CODES", {})
    Path("mine.py").write_text(FILE, encoding="utf-8")


def shape(attention: str, **options: Any) -> ModelConfig:
    """A small shape with an attention of one's own."""
    return make_config(
        vocab_size=40, layers=2, width=16, heads=4, context=16,
        attention=attention, options=options,
    )


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what was read."""
    monkeypatch.setattr(own_code, "CODES", {})


def test_options_reach_the_function(ids: Tensor) -> None:
    half = Transformer(shape("mine.py:scaled", by=0.5), seed=1)
    whole = Transformer(shape("mine.py:scaled"), seed=1)
    for model, size in ((half, 2.0), (whole, 1.0)):
        for block in model.blocks:
            torch.nn.init.eye_(block.attention.to_out.weight).mul_(size)
    torch.testing.assert_close(half(ids), whole(ids))


def test_own_weights_keep_their_start_and_are_counted() -> None:
    one, same, other = (
        Transformer(shape("mine.py:Tilt", start=0.25), seed)
        for seed in (1, 1, 2)
    )
    real = {n: tuple(w.shape) for n, w in one.named_parameters()}
    counts = parameters(one.config)
    assert tensors(one.config) == real
    assert counts["total"] == sum(w.numel() for w in one.parameters())
    assert sum(r.count for r in rows(one.config)) == counts["total"]
    first = [m.blocks[0].attention.attend for m in (one, same, other)]
    assert (first[0].by == 0.25).all()
    assert torch.equal(first[0].mix.weight, first[1].mix.weight)
    assert not torch.equal(first[0].mix.weight, first[2].mix.weight)


def test_layers_of_unlike_weights_are_refused() -> None:
    with pytest.raises(RecipeError, match="other weights"):
        parameters(shape("mine.py:Uneven"))


def test_no_family_holds_an_attention_of_ones_own() -> None:
    model = Transformer(shape("mine.py:scaled"))
    with pytest.raises(ModelError, match="use --format native"):
        model.save("saved")


def test_a_map_is_of_what_was_computed() -> None:
    q, k, v = torch.randn(3, 1, 2, 5, 4)
    usual = attention_weights(q, k, causal(5, 5, q.device))
    y = attend(q, k, v, None)
    seen = look_through(attend, q, k, v, None, y)
    torch.testing.assert_close(seen, usual)
    ids = list(range(8))
    model = Transformer(shape("mine.py:scaled", by=0.5))
    sums = attention_maps(model, ids).sum(-1)
    torch.testing.assert_close(sums, torch.full((2, 4, 8), 0.5))
    with pytest.raises(ModelError, match="no map of it"):
        attention_maps(Transformer(shape("mine.py:Gated")), ids)
    told = attention_maps(Transformer(shape("mine.py:Told")), ids)
    assert (told == 1).all()


@pytest.mark.compiled
# torch's compiler warns of torch's own habits
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(
    not has_compiler(), reason="needs a C++ compiler here"
)
@pytest.mark.parametrize("name", ["scaled", "Tilt"])
def test_an_own_attention_is_compiled(
    name: str, ids: Tensor
) -> None:
    model = Transformer(shape(f"mine.py:{name}"))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    torch.testing.assert_close(torch.compile(model)(ids), model(ids))
