from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hornbook.base.errors import CorruptFileError
from hornbook.training.sharded import (
    by_matrix,
    divided,
    load_parts,
    number,
)


def test_what_lies_in_one_place_is_worked_on_there() -> None:
    stack = torch.randn(3, 2, 2)
    assert torch.equal(by_matrix(lambda x: x.mT, stack), stack.mT)
    assert not divided([stack])
    assert number(torch.tensor(0.5, requires_grad=True)) == 0.5


def test_tensors_come_from_several_files(tmp_path: Path) -> None:
    save_file({"a": torch.arange(3)}, tmp_path / "one.safetensors")
    save_file({"b": torch.ones(2, 2)}, tmp_path / "two.safetensors")
    found = {
        "a": torch.zeros(3, dtype=torch.int64), "b": torch.zeros(2, 2)
    }
    load_parts(found, tmp_path)
    assert found["a"].tolist() == [0, 1, 2]
    assert torch.equal(found["b"], torch.ones(2, 2))


@pytest.mark.parametrize(
    ("name", "size"), [("a", 4), ("a", 2), ("b", 3)]
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, name: str, size: int
) -> None:
    save_file({"a": torch.ones(3)}, tmp_path / "one.safetensors")
    with pytest.raises(CorruptFileError, match="does not hold"):
        load_parts({name: torch.zeros(size)}, tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.safetensors").write_bytes(b"no tensors")
    with pytest.raises(CorruptFileError, match="does not hold"):
        load_parts({"a": torch.zeros(3)}, tmp_path)
