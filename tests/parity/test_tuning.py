"""Our losses of dialogues and of preferences beside trl's."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hornbook.base.dialogue import Message, ask
from hornbook.model import families
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.training.batches import Batch
from hornbook.training.loss import next_token_loss
from hornbook.tuning.dpo import (
    Pairs,
    answer_logprobs,
    encode,
    preference_loss,
)
from hornbook.tuning.preference import Preference, PreferenceConfig
from hornbook.tuning.sft import Dialogues, pack
from hornbook.tuning.sft import encode as encode_talks

pytest.importorskip("trl", reason="a peer")
pytestmark = pytest.mark.parity

TOK = Tokenizer.train(["What is a hat? A cap."], 280, "gpt2", SPECIALS)
TASTES = [
    Preference((Message("user", asked),), better, worse)
    for asked, better, worse in [
        ("What is a hat?", "A cap.", "A dog, perhaps."),
        ("Rain?", "Water, from the sky.", "No."),
        ("Is it warm?", "Yes.", "It is."),
    ]
]


def make(seed: int) -> Transformer:
    """A small model, whose weights are far from zero."""
    shape = make_config(
        vocab_size=280, layers=2, width=32, heads=4, kv_heads=2
    )
    model = Transformer(shape, seed)
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model


def theirs(folder: Path, kind: str, batch: Batch) -> Any:
    """Give trl's loss of a batch, and its model's slopes."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    # Let it make itself ready with rows of its own form
    def load(name: str) -> Any:
        place = folder / name
        return AutoModelForCausalLM.from_pretrained(place)

    model, row = load("model"), {"prompt": "a", "chosen": "b"}
    asked = DPOConfig(
        output_dir=str(folder / "out"), beta=0.2, loss_type=[kind],
        report_to="none", use_cpu=True, bf16=False,
        activation_checkpointing=False,
    )
    trainer = DPOTrainer(
        model, load("reference"), asked,
        train_dataset=Dataset.from_list([{**row, "rejected": "c"}] * 8),
        processing_class=AutoTokenizer.from_pretrained(
            folder / "model", eos_token="<|end|>", pad_token="<|pad|>"
        ),
    )

    # Give it our tokens: it lays the worse below the better
    ids, answer = (
        torch.cat([batch[name][:, 0], batch[name][:, 1]])
        for name in ("ids", "answer")
    )
    given = {"input_ids": ids, "completion_mask": answer.long()}
    given["attention_mask"] = torch.ones_like(ids)
    loss = trainer.compute_loss(trainer.model, given)
    names, weights = zip(*model.named_parameters(), strict=True)
    slopes = torch.autograd.grad(loss, weights)
    return loss, dict(zip(names, slopes, strict=True))


def sft(folder: Path, batch: Batch) -> Any:
    """Give trl's loss of dialogues, and its model's slopes."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    asked = SFTConfig(
        output_dir=str(folder / "out"), report_to="none",
        use_cpu=True, bf16=False, activation_checkpointing=False,
    )
    trainer = SFTTrainer(
        model, asked,
        train_dataset=Dataset.from_list([{"text": "a"}] * 8),
        processing_class=AutoTokenizer.from_pretrained(
            folder / "model", eos_token="<|end|>", pad_token="<|pad|>"
        ),
    )
    labels = torch.full_like(batch["targets"], -100)
    labels[:, 1:] = batch["targets"][:, :-1]
    given = {"input_ids": batch["ids"], "labels": labels}
    given["attention_mask"] = torch.ones_like(batch["ids"])
    loss = trainer.compute_loss(trainer.model, given)
    names, weights = zip(*model.named_parameters(), strict=True)
    slopes = torch.autograd.grad(loss, weights)
    return loss, dict(zip(names, slopes, strict=True))


@pytest.mark.filterwarnings("ignore::FutureWarning:trl")
@pytest.mark.filterwarnings("ignore::FutureWarning:transformers")
def test_trl_gives_our_loss_of_dialogues(tmp_path: Path) -> None:
    model = make(1)
    model.save(tmp_path / "model", "hf", TOK)
    talks = [ask("What is a hat?", "A cap."), ask("Rain?", "Water.")]
    packed = pack(encode_talks(TOK, talks), 28, 0)
    assert len(packed.ids) == 2
    batch = Dialogues(packed, 2, 1)(0)
    loss = next_token_loss(model, **batch)
    names, weights = zip(*model.named_parameters(), strict=True)
    slopes = torch.autograd.grad(loss, weights)
    named = dict(zip(names, slopes, strict=True))
    their_loss, their_slopes = sft(tmp_path, batch)
    same(loss, their_loss)
    found = families.to_hf(named, model.config)
    assert found.keys() == their_slopes.keys()
    for name, slope in found.items():
        same(slope, their_slopes[name])


def ours(model: Transformer, batch: Batch, kind: Any) -> Any:
    """Give our loss, and our slopes by their names."""
    config = PreferenceConfig(loss=kind, beta=0.2)
    loss = preference_loss(model, **batch, config=config)
    names, weights = zip(*model.named_parameters(), strict=True)
    slopes = torch.autograd.grad(loss, weights)
    named = dict(zip(names, slopes, strict=True))
    return loss, families.to_hf(named, model.config)


NAMES = {"dpo": "sigmoid", "ipo": "ipo", "normalised": "sigmoid_norm"}


@pytest.mark.filterwarnings("ignore::FutureWarning:trl")
@pytest.mark.filterwarnings("ignore::FutureWarning:transformers")
@pytest.mark.parametrize("kind", NAMES)
def test_trl_gives_our_loss_and_slopes(
    kind: str, tmp_path: Path
) -> None:
    model, reference = make(1), make(2)
    model.save(tmp_path / "model", "hf", TOK)
    reference.save(tmp_path / "reference", "hf", TOK)

    # Lay the pairs into one table, beside what the reference says
    pairs = encode(TOK, TASTES)
    nothing = torch.zeros(len(pairs), 2).numpy()
    batch = Pairs(pairs, nothing, 3, 1, 0).of(range(3))
    with torch.no_grad():
        said = answer_logprobs(reference, batch["ids"], batch["answer"])
    batch["reference"] = said

    loss, slopes = ours(model, batch, kind)
    their_loss, their_slopes = theirs(tmp_path, NAMES[kind], batch)
    same(loss, their_loss)
    assert slopes.keys() == their_slopes.keys()
    assert max(float(s.abs().max()) for s in slopes.values()) > 1e-3
    for name, slope in slopes.items():
        same(slope, their_slopes[name])


def same(our: Tensor, their: Tensor) -> None:
    torch.testing.assert_close(our, their, rtol=1e-4, atol=1e-4)
