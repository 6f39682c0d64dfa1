from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

import hornbook as hb
from hornbook.base.errors import (
    CorruptFileError,
    ModelError,
    RecipeError,
)
from hornbook.model import own_code
from hornbook.model.attention import attend
from hornbook.model.config import ModelConfig, make_config
from hornbook.model.transformer import Transformer

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


def test_a_saved_model_brings_its_code(
    monkeypatch: pytest.MonkeyPatch, ids: Tensor
) -> None:
    model = Transformer(shape("mine.py:Tilt", start=0.25))
    model.save("saved", "native")
    Path("mine.py").unlink()
    new_process(monkeypatch)
    again = Transformer.load("saved")
    assert again.config == model.config
    assert torch.equal(again(ids), model(ids))
    again.save("further", "native")
    assert Path("further/mine.py").read_text("utf-8") == FILE


def test_a_strange_models_code_is_run_only_if_allowed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = Transformer(shape("mine.py:scaled"))
    model.save("saved", "native")
    new_process(monkeypatch)
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(ModelError, match="program of its own") as told:
        Transformer.load("saved")
    assert own_code.CODES == {}
    name, _, value = str(told.value).split()[-1].partition("=")
    monkeypatch.setenv(name, value)
    assert Transformer.load("saved").config == model.config


@pytest.mark.parametrize("text", [None, FILE + "\n"])
def test_a_model_is_not_opened_with_other_code(
    monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    Transformer(shape("mine.py:scaled")).save("saved", "native")
    copy = Path("saved/mine.py")
    copy.unlink()
    if text:
        copy.write_text(text, encoding="utf-8")
    new_process(monkeypatch)
    with pytest.raises(CorruptFileError, match="put that file back"):
        Transformer.load("saved")


def test_another_function_of_the_same_name_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(hb.ATTENTION, "near", closed(8))
    Transformer(shape("near")).save("saved", "native")
    Transformer.load("saved")
    assert "another attention" not in capsys.readouterr().err
    monkeypatch.setitem(hb.ATTENTION, "near", closed(100))
    Transformer.load("saved")
    assert "another attention" in capsys.readouterr().err


def closed(by: object) -> Any:
    """Make an attention that closes over a value."""

    def near(q: Any, k: Any, v: Any, visible: Any) -> Any:
        return attend(q, k, v, visible) * (by is not None)

    return near


def test_what_a_function_holds_is_digested() -> None:
    def of(entry: Any) -> str:
        return own_code.digest_entry(entry, "near")

    assert of(closed(8)) == of(closed(8)) != of(closed(100))
    assert of(partial(closed(8), by=1)) != of(partial(closed(8), by=2))
    assert of(attend) == ""
    with pytest.raises(RecipeError, match="holds a Tensor"):
        of(closed(torch.ones(2)))


@pytest.mark.parametrize(
    ("attention", "options", "said"),
    [
        ("none.py:f", {}, "names the file 'none.py'"),
        ("mine.py:nothing", {}, "no function or class 'nothing'"),
        ("mine.py:scaled", {"buy": 2}, "unexpected.*'buy'"),
        ("mine.py:Tilt", {"start": "x"}, "cannot be built"),
        ("bad.py:f", {}, "bad.py stops with NameError"),
        ("sdpa", {"by": 2}, "takes no options"),
    ],
)
def test_what_cannot_be_built_is_told(
    attention: str, options: dict[str, Any], said: str
) -> None:
    Path("bad.py").write_text("unknown", encoding="utf-8")
    with pytest.raises(RecipeError, match=said):
        Transformer(shape(attention, **options))


def test_the_digest_is_part_of_the_shape() -> None:
    before = Transformer(shape("mine.py:scaled")).config
    Path("mine.py").write_text(FILE + "#", encoding="utf-8")
    after = Transformer(shape("mine.py:scaled")).config
    assert before != after
    assert before == msgspec.structs.replace(after, code=before.code)
