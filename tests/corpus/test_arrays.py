from pathlib import Path

import msgspec
import numpy as np
import pytest

from hornbook.base.errors import CorruptFileError
from hornbook.corpus.arrays import load_arrays, save_arrays


class One(msgspec.Struct, tag="one"):
    names: list[str]


class Two(msgspec.Struct, tag="two"):
    names: list[str]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    arrays = {"a": np.array([2**64 - 1], np.uint64), "b": np.eye(2)}
    save_arrays(tmp_path / "x", One(["é"]), arrays)
    about, found = load_arrays(tmp_path / "x", One)
    assert about == One(["é"])
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


def test_equal_arrays_are_equal_files(tmp_path: Path) -> None:
    for name in "xy":
        save_arrays(tmp_path / name, One([]), {"a": np.arange(9)})
    assert (tmp_path / "x").read_bytes() == (
        tmp_path / "y"
    ).read_bytes()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_arrays(tmp_path / "x", One([]), {})
    with pytest.raises(CorruptFileError, match="curate again"):
        load_arrays(tmp_path / "x", Two)
