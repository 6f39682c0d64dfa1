import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hornbook.base.errors import HornbookError
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training import checkpoint
from hornbook.training.adamw import AdamW
from hornbook.training.checkpoint import Progress

ASKED = {"lr": 0.1, "steps": 9}


def learner(form: str = "nanochat") -> tuple[Any, list[Any]]:
    """A model and an optimiser that remember something."""
    shape = make_config(
        form=form, vocab_size=9, layers=1, width=8, heads=2
    )
    model = Transformer(shape)
    optimizer = AdamW(list(model.parameters()), 0.1, 0.9, 0.99)
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight)
    optimizer.step(0, 1.0)
    return model, [optimizer]


def save(folder: Path, step: int, keep: int = 2) -> Any:
    model, optimizers = learner()
    progress = Progress(step, step * 8, 1.5, 0.5)
    checkpoint.save(folder, model, optimizers, progress, ASKED, keep)
    return model, optimizers


def state_of(model: nn.Module, optimizers: list[Any]) -> Any:
    memory = [o.state() for o in optimizers]
    return [*model.state_dict().values()] + [
        tensor for part in memory for tensor in part.values()
    ]


@pytest.mark.parametrize("form", ["gpt2", "nanochat"])
def test_all_that_was_saved_comes_back(
    form: str, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    model, optimizers = learner(form)
    before = Progress(3, 24, 1.5, 0.25)
    checkpoint.save(tmp_path, model, optimizers, before, ASKED, 2)
    drawn = torch.rand(3)
    other, fresh = learner(form)
    after = checkpoint.resume(tmp_path, other, fresh, ASKED, 9)
    assert after == before
    assert torch.equal(torch.rand(3), drawn)
    pairs = zip(
        state_of(model, optimizers), state_of(other, fresh), strict=True
    )
    assert all(torch.equal(one, two) for one, two in pairs)
    if form == "gpt2":
        assert other.head.weight is other.token_emb.weight


def test_nothing_saved_is_a_beginning(tmp_path: Path) -> None:
    found = checkpoint.resume(tmp_path / "no", *learner(), ASKED, 9)
    assert found == Progress()


@pytest.mark.parametrize("keep", [1, 3])
def test_the_newest_are_kept(keep: int, tmp_path: Path) -> None:
    for step in (2, 30, 4, 1000, 9):
        save(tmp_path, step, keep)
    names = [path.name for path in checkpoint.found(tmp_path)]
    steps = [9, 30, 1000][-keep:]
    assert names == [f"step-{step:07}" for step in steps]
    progress = checkpoint.resume(tmp_path, *learner(), ASKED, 9)
    assert progress.step == 1000


def test_half_written_folders_are_no_checkpoints(
    tmp_path: Path,
) -> None:
    save(tmp_path, 1)
    half = tmp_path / ".step-0000002.new"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    (tmp_path / "step-0000003").touch()
    progress = checkpoint.resume(tmp_path, *learner(), ASKED, 9)
    assert progress.step == 1


FILES = ["model.safetensors", "optimizer.safetensors", "state.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    save(tmp_path, 1)
    path = tmp_path / "step-0000001" / name
    path.unlink()
    with pytest.raises(HornbookError, match=f"{name} is damaged; dele"):
        checkpoint.resume(tmp_path, *learner(), ASKED, 9)


@pytest.fixture(scope="module")
def saved(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Any]:
    """A checkpoint, and a learner to put it into."""
    folder = tmp_path_factory.mktemp("checkpoints")
    save(folder, 1)
    return folder, learner()


@settings(max_examples=30)
@given(data=st.data())
def test_any_changed_byte_is_noticed(
    saved: tuple[Path, Any], data: st.DataObject
) -> None:
    folder, (model, optimizers) = saved
    name = data.draw(st.sampled_from(FILES[:2]))
    path = folder / "step-0000001" / name
    old = path.read_bytes()
    place = data.draw(st.integers(0, len(old) - 1))
    new = bytes([old[place] ^ data.draw(st.integers(1, 255))])
    path.write_bytes(old[:place] + new + old[place + 1 :])
    try:
        with pytest.raises(HornbookError, match=f"{name} is damaged"):
            checkpoint.resume(folder, model, optimizers, ASKED, 9)
    finally:
        path.write_bytes(old)


BROKEN = st.sampled_from(
    [[], None, 3, "x", {"step": "x"}, {"steps": "x"}, ASKED]
)


@settings(max_examples=30)
@given(
    name=st.sampled_from(["progress", "asked", "digests", ""]),
    value=BROKEN,
)
def test_a_state_of_any_shape_is_taken_or_refused_in_a_sentence(
    saved: tuple[Path, Any], name: str, value: Any
) -> None:
    folder, (model, optimizers) = saved
    path = folder / "step-0000001" / "state.json"
    old = path.read_bytes()
    state = {**json.loads(old), name: value} if name else value
    path.write_text(json.dumps(state), encoding="utf-8")
    try:
        checkpoint.resume(folder, model, optimizers, ASKED, 9)
    except HornbookError as error:
        assert "step-0000001" in str(error)
    else:
        assert name == "asked" and value == ASKED
    finally:
        path.write_bytes(old)


def test_clearing_leaves_other_folders_alone(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "base").mkdir()
    checkpoint.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["base"]
