"""An adapter serves every method, and stands on every base."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hornbook.base.dialogue import ask
from hornbook.model.adapter import SETTINGS, TENSORS, find_tokenizer
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.grpo import tune_reasoning
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.lora_config import LoraConfig
from hornbook.tuning.problems import Problem
from hornbook.tuning.reasoning import ReasoningConfig
from hornbook.tuning.tune import METHODS, tune_chat

TOK = Tokenizer.train(
    ["What is a hat? A cap. Where is rain? Sky. 0123456789"],
    300,
    "gpt2",
    SPECIALS,
)
TALKS = [ask("What is a hat?", "A cap."), ask("Where is rain?", "Sky.")]
IDS = torch.arange(12)[None]


def settings(**given: Any) -> TuningConfig:
    """A lesson with an adapter, without what takes time."""
    plain = {
        "batch": 2, "lr": 0.02, "optimizer": "adamw", "compile": "off",
        "precision": "fp32", "evaluations": 0,
        "lora": LoraConfig(rank=3, bits=4, dora=True),
    }
    return TuningConfig(**{**plain, **given})


def make_model() -> Transformer:
    shape = make_config(
        vocab_size=TOK.vocab_size, layers=2, width=32, heads=2,
        context=32,
    )
    model = Transformer(shape, seed=1)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a base model that has learnt nothing."""
    make_model().save(tmp_path / "checkpoints/base", "native", TOK)
    return tmp_path


def logits(path: str | Path) -> torch.Tensor:
    return Transformer.load(path)(IDS).detach()


def test_preferences_move_an_adapter(run: Path) -> None:
    file = run / "preferences.jsonl"
    row = {"prompt": "hat?", "chosen": "A cap.", "rejected": "Sky."}
    rows = [{**row, "prompt": f"hat {i}?"} for i in range(8)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    file.write_text(text, encoding="utf-8")
    config = settings(method="dpo", data=str(file), evaluations=1)
    done = METHODS["dpo"](Lesson(run, "taste", config, 20, 1))
    assert 0 < done["learning"] < done["still"]
    # Before, the student is the model that it is measured against
    before, after = done["before"], done["after"]
    assert before["heldout_loss"] == pytest.approx(0.6931, abs=0.001)
    assert after["heldout_loss"] < 0.5
    assert (run / "finetune/taste" / TENSORS).exists()
    moved = logits(f"{run}:taste") - logits(f"{run}:base")
    assert moved.abs().max() > 0.05


def test_verdicts_move_an_adapter(run: Path) -> None:
    problems = [
        Problem(f"{i}", f"{i % 2}", where=f"x:{i}") for i in range(9)
    ]
    config = settings(
        method="grpo",
        batch=16,
        reasoning=ReasoningConfig(group=8, max_tokens=2, kl=0.01),
    )
    lesson = Lesson(run, "odd", config, 3, 1)
    done = tune_reasoning(lesson, problems)
    assert 0 < done["learning"] < done["still"]
    assert (run / "finetune/odd" / TENSORS).exists()
    Transformer.load(f"{run}:odd")


@pytest.mark.parametrize("format", ["hf", "gguf"])
def test_a_base_from_elsewhere_bears_an_adapter(
    format: str, run: Path
) -> None:
    base = run / ("other.gguf" if format == "gguf" else "other")
    make_model().save(base, format, TOK)
    lesson = Lesson(
        run, "chat", settings(base=str(base)), 30, 1, elsewhere=True
    )
    tune_chat(lesson, TALKS)
    before = logits(base)
    assert (logits(f"{run}:chat") - before).abs().max() > 0.05

    # It names its base from where it lies
    table = (run / "finetune/chat" / SETTINGS).read_text("utf-8")
    named = json.loads(table)["base_model_name_or_path"]
    assert named == f"../../{base.name}"


def test_an_adapter_without_a_tokenizer_has_its_bases(
    run: Path,
) -> None:
    tune_chat(Lesson(run, "chat", settings(), 1, 1), TALKS)
    place = run / "finetune" / "chat"
    assert find_tokenizer(place) == place
    (place / "tokenizer.json").unlink()
    found = find_tokenizer(place)
    assert found == run / "checkpoints" / "base"
    assert Tokenizer.load(found).vocab_size == TOK.vocab_size
