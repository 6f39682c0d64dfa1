"""Our adapters beside those of peft."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.training.loss import next_token_loss
from hornbook.tuning.adapters import keep_adapter, published
from hornbook.tuning.lora import attach
from hornbook.tuning.lora_config import LoraConfig

transformers = pytest.importorskip("transformers", reason="a peer")
peft = pytest.importorskip("peft", reason="a peer")
pytestmark = [
    pytest.mark.parity,
    # A habit of the peers, between themselves
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`"),
]

FORMS = ["gpt2", "llama", "nanochat", "qwen3"]
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [5, 3, 5, 8, 9, 7, 9, 3]])
TARGETS = torch.tensor(
    [[1, 4, 1, 5, 9, 2, 6, 5], [3, 5, 8, 9, 7, 9, 3, 2]]
)


@pytest.fixture(scope="module")
def tok() -> Tokenizer:
    return Tokenizer.train(["a cap"], 262, "gpt2", SPECIALS)


def shake(model: Any) -> None:
    """Move every weight that learns."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(0.3 * torch.randn_like(weight))


def make_base(form: str, place: Path) -> Transformer:
    """Leave a small model in Hugging Face's layout."""
    more = {} if form == "gpt2" else {"kv_heads": 2, "head_dim": 6}
    shape = make_config(
        form=form, vocab_size=262, layers=2, width=16, heads=4,
        hidden=24, context=16, **more,
    )
    model = Transformer(shape, seed=1).eval()
    shake(model)
    model.save(place, "hf")
    return model


def theirs_on(base: Path, adapter: Path, learning: bool = False) -> Any:
    """Let peft open an adapter of ours."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*(missing|unexpect)")
        warnings.filterwarnings("ignore", message=".*checkpointing")
        return peft.PeftModel.from_pretrained(
            model, adapter, is_trainable=learning
        )


def same(ours: Tensor, theirs: Tensor) -> None:
    assert ours.abs().max() > 1e-3
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("blocks", [0, 1])
@pytest.mark.parametrize("targets", [(), ("to_q", "down")])
@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_peft_opens_our_adapters(
    form: str,
    dora: bool,
    targets: tuple[Any, ...],
    blocks: int,
    tmp_path: Path,
    tok: Tokenizer,
) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    ours = make_base(form, base)
    before = ours(IDS).detach()
    config = LoraConfig(rank=3, dora=dora, targets=targets)
    attach(ours, config, blocks, 1)
    shake(ours)
    keep_adapter(ours, config, base, new, tok)
    theirs = theirs_on(base, new).eval()
    with torch.no_grad():
        logits = ours(IDS)
        assert (logits - before).abs().max() > 0.1
        same(logits, theirs(IDS).logits)


@pytest.mark.parametrize("dora", [False, True])
def test_one_step_has_their_loss_and_gradients(
    dora: bool, tmp_path: Path, tok: Tokenizer
) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    ours = make_base("llama", base)
    config = LoraConfig(rank=3, dora=dora)
    attach(ours, config, 0, 1)
    shake(ours)
    keep_adapter(ours, config, base, new, tok)
    theirs = theirs_on(base, new, learning=True).train()

    # Compare the losses
    loss = next_token_loss(ours.train(), IDS, TARGETS)
    logits = theirs(IDS).logits.flatten(0, 1)
    other = torch.nn.functional.cross_entropy(logits, TARGETS.flatten())
    same(loss.detach(), other.detach())

    # Compare the gradients, each by its name
    loss.backward()
    other.backward()
    slopes = {
        name.replace(".default", "").replace("base_model.model.", ""): w
        for name, w in theirs.named_parameters()
        if w.requires_grad
    }
    names = {"a": "lora_A", "b": "lora_B", "m": "lora_magnitude_vector"}
    modules = dict(ours.named_modules())
    compared = 0
    for name, layer in zip(
        published(ours), lora_layers(modules), strict=True
    ):
        for part, called in names.items():
            weight = getattr(layer, part)
            if weight is not None:
                there = slopes[f"{name}.{called}.weight"].grad
                same(weight.grad, there)
                compared += 1
    assert compared == len(slopes) == 14 * (3 if dora else 2)


def lora_layers(modules: dict[str, Any]) -> list[Any]:
    """List the layers that learn, in the model's order."""
    return [x for x in modules.values() if hasattr(x, "change")]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_dora": True},
        {"use_rslora": True, "lora_alpha": 5},
        {"rank_pattern": {"v_proj": 5}, "alpha_pattern": {"v_proj": 1}},
        {"layers_to_transform": [0]},
    ],
)
def test_an_adapter_of_peft_is_opened_here(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    make_base("llama", base)
    names = ["q_proj", "v_proj", "down_proj"]
    theirs = adapted(base, new, {"target_modules": names, **settings})
    with torch.no_grad():
        same(Transformer.load(new)(IDS), theirs(IDS).logits)


@pytest.mark.parametrize("dora", [False, True])
def test_one_of_gpt2s_joined_layers_is_opened_here(
    dora: bool, tmp_path: Path
) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    make_base("gpt2", base)
    settings = {
        "target_modules": ["c_attn", "c_proj"], "use_dora": dora,
        "fan_in_fan_out": True,
    }
    theirs = adapted(base, new, settings)
    with torch.no_grad():
        same(Transformer.load(new)(IDS), theirs(IDS).logits)


def adapted(base: Path, new: Path, settings: dict[str, Any]) -> Any:
    """Let peft make an adapter, train it by chance, and keep it."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    config = peft.LoraConfig(
        r=3, task_type="CAUSAL_LM", **settings
    )
    theirs = peft.get_peft_model(model, config)
    shake(theirs)
    theirs.save_pretrained(new)
    return theirs.eval()
