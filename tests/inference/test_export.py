import sys
from pathlib import Path

import pytest
import torch

from hornbook.base.errors import ModelError
from hornbook.inference.export import export
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

TOK = Tokenizer.train(["a hat"], 270, "gpt2", SPECIALS)
SHAPE = make_config(
    vocab_size=270, layers=1, width=16, heads=2, context=16
)
IDS = torch.arange(12)[None]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work as where transformers is not installed."""
    monkeypatch.setitem(sys.modules, "transformers", None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished model with its tokenizer."""
    model = Transformer(SHAPE, seed=2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    model.save(tmp_path / "model", "native", TOK)
    return tmp_path / "model"


@torch.no_grad()
def logits(folder: Path) -> torch.Tensor:
    """What the model of a folder makes of some ids."""
    return Transformer.load(folder)(IDS)


@pytest.mark.parametrize(
    ("format", "verdict"),
    [("native", "verified"), ("hf", "not verified in transformers")],
)
def test_what_is_exported_gives_equal_logits(
    folder: Path, tmp_path: Path, format: str, verdict: str
) -> None:
    given = export(folder, tmp_path / "out", format)
    assert verdict in given["verdict"] and given["format"] == format
    assert torch.allclose(
        logits(tmp_path / "out"), logits(folder), atol=1e-5
    )
    text = "a hat, a 🎩"
    there = Tokenizer.load(tmp_path / "out")
    assert there.encode(text) == TOK.encode(text)


def test_a_card_lies_beside_the_weights_as_readme(
    folder: Path, tmp_path: Path
) -> None:
    to = tmp_path / "out"
    export(folder, to, "hf", "# A hat\n")
    assert (to / "README.md").read_text("utf-8") == "# A hat\n"
    export(folder, to, "native")
    assert not (to / "README.md").exists()


def test_an_earlier_export_is_replaced(
    folder: Path, tmp_path: Path
) -> None:
    to = tmp_path / "out"
    to.mkdir()
    export(folder, to, "hf")
    export(folder, to, "native")
    assert torch.equal(logits(to), logits(folder))


@pytest.mark.parametrize("names", [["notes.txt"], ["config.json"]])
def test_a_folder_that_is_no_model_is_left_alone(
    folder: Path, tmp_path: Path, names: list[str]
) -> None:
    to = tmp_path / "mine"
    to.mkdir()
    for name in names:
        (to / name).write_text("mine", encoding="utf-8")
    with pytest.raises(ModelError, match="choose a new"):
        export(folder, to)
    assert sorted(path.name for path in to.iterdir()) == names
    assert (to / names[0]).read_text(encoding="utf-8") == "mine"


def test_a_file_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(ModelError, match="choose a new"):
        export(folder, tmp_path / "file")


def test_the_model_itself_is_left_alone(folder: Path) -> None:
    before = logits(folder)
    with pytest.raises(ModelError, match="model itself"):
        export(folder, folder / ".." / "model")
    assert torch.equal(logits(folder), before)


def test_an_unknown_format_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="known are hf"):
        export(folder, tmp_path / "out", "pickle")
    assert not (tmp_path / "out").exists()


def test_an_export_with_other_logits_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Transformer(SHAPE, seed=9)
    with torch.no_grad():
        other.token_emb.weight.normal_()
    monkeypatch.setattr(
        "hornbook.model.exchange.load_model", lambda path: other
    )
    monkeypatch.setattr(
        "hornbook.inference.export.Transformer.load",
        lambda path: Transformer(SHAPE, seed=2),
    )
    with pytest.raises(ModelError, match="other logits"):
        export(folder, tmp_path / "out", "native")
