"""Our models beside those of transformers."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hornbook.model.config import make_config
from hornbook.model.exchange import verify
from hornbook.model.transformer import Transformer

transformers = pytest.importorskip("transformers", reason="a peer")
pytestmark = pytest.mark.parity

FORMS = ["gpt2", "llama", "qwen3", "nanochat"]
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [5, 3, 5, 8, 9, 7, 9, 3]])


def random_weights(model: Any) -> None:
    """Fill every weight, so that a lost one would be seen."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            noise = 0.3 * torch.randn_like(weight)
            weight.copy_((weight.dim() < 2) + noise)


def same(ours: Tensor, theirs: Tensor) -> None:
    assert ours.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_transformers_gives_our_logits(
    form: str, tied: bool, tmp_path: Path
) -> None:
    more = {} if form == "gpt2" else {"kv_heads": 2, "head_dim": 6}
    config = make_config(
        form=form, vocab_size=20, layers=2, width=16, heads=4,
        hidden=24, context=16, tied=tied, **more,
    )
    ours = Transformer(config).eval()
    random_weights(ours)
    ours.save(tmp_path, "hf")
    theirs, notes = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert not notes["missing_keys"] and not notes["unexpected_keys"]
    with torch.no_grad():
        same(ours(IDS), theirs.eval()(IDS).logits)
        assert "in transformers" in verify(ours, tmp_path)


def their_model(form: str, tied: bool) -> Any:
    """Let transformers make a small model with its own defaults."""
    common: dict[str, Any] = {
        "vocab_size": 20,
        "tie_word_embeddings": tied,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": None,
    }
    if form == "gpt2":
        shape = {"n_embd": 16, "n_layer": 2, "n_head": 4}
        config = transformers.GPT2Config(
            n_positions=16, **shape, **common
        )
        return transformers.GPT2LMHeadModel(config)
    kind = {"llama": "Llama", "qwen3": "Qwen3", "nanochat": "NanoChat"}
    shape = {
        "hidden_size": 16,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 16,
    }
    if form == "qwen3":
        shape["head_dim"] = 6
    config = getattr(transformers, f"{kind[form]}Config")(
        **shape, **common
    )
    return getattr(transformers, f"{kind[form]}ForCausalLM")(config)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_their_models_load_here(
    form: str, tied: bool, tmp_path: Path
) -> None:
    theirs = their_model(form, tied).eval()
    random_weights(theirs)
    theirs.save_pretrained(tmp_path)
    ours = Transformer.load(tmp_path)
    assert ours.config.form == form
    assert ours.config.tied == tied
    with torch.no_grad():
        same(ours(IDS), theirs(IDS).logits)


def test_their_long_models_load_from_several_files(
    tmp_path: Path,
) -> None:
    theirs = their_model("llama", False).eval()
    random_weights(theirs)
    theirs.save_pretrained(tmp_path, max_shard_size="8KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    with torch.no_grad():
        same(Transformer.load(tmp_path)(IDS), theirs(IDS).logits)
