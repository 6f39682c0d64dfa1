from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hornbook.base.errors import CorruptFileError
from hornbook.model.config import make_config
from hornbook.model.exchange import weights_of
from hornbook.model.transformer import Transformer
from hornbook.training.chance import dice
from hornbook.training.tensors import (
    DICE,
    copied,
    fill,
    named_dice,
    named_weights,
    read_dice,
)


@pytest.mark.parametrize("form", ["gpt2", "nanochat"])
def test_weights_have_the_names_that_a_model_is_saved_by(
    form: str,
) -> None:
    shape = make_config(
        form=form, vocab_size=9, layers=1, width=8, heads=2
    )
    model = Transformer(shape)
    assert set(named_weights(model)) == set(weights_of(model))


def test_a_copy_stays_and_lies_in_one_piece() -> None:
    tensor = torch.arange(6.0).reshape(2, 3).mT
    taken = copied({"a": tensor})["a"]
    before = tensor.clone()
    tensor.zero_()
    assert torch.equal(taken, before) and taken.is_contiguous()


def test_the_dice_are_found_in_whichever_file(tmp_path: Path) -> None:
    saved = named_dice()
    save_file({"a": torch.ones(2)}, tmp_path / "one.safetensors")
    save_file(
        {"b": torch.ones(2), **saved}, tmp_path / "two.safetensors"
    )
    found = read_dice(tmp_path)
    assert found.keys() == dice().keys()
    for name, state in found.items():
        assert torch.equal(state, saved[f"{DICE}{name}"])


@pytest.mark.parametrize("parts", [False, True])
def test_tensors_are_filled_from_a_file_or_from_parts(
    parts: bool, tmp_path: Path
) -> None:
    name = "shard-1" if parts else "model"
    save_file(
        {"a": torch.ones(2), f"{DICE}x": torch.ones(1)},
        tmp_path / f"{name}.safetensors",
    )
    into = {"a": torch.zeros(2)}
    fill(into, tmp_path / "model.safetensors")
    assert into["a"].tolist() == [1, 1]
    with pytest.raises(CorruptFileError):
        fill({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
