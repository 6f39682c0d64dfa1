from pathlib import Path

import pytest

from hornbook.base.errors import ModelError
from hornbook.model.find import find_model, model_digest


def test_the_only_file_of_a_folder_is_its_model(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"one")
    assert find_model(file) == find_model(tmp_path) == file
    (tmp_path / "b.gguf").write_bytes(b"two")
    with pytest.raises(ModelError, match="2 models in GGUF.*a.gguf"):
        find_model(tmp_path)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert find_model(tmp_path) == tmp_path


def test_another_model_has_another_digest(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"one")
    first = model_digest(file)
    file.write_bytes(b"two")
    assert model_digest(file) != first
    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    before = model_digest(folder)
    (folder / "model.safetensors").write_bytes(b"one")
    assert len({before, model_digest(folder), first}) == 3
    assert model_digest(tmp_path / "nowhere") == ""


def test_a_wheel_counts_by_the_digest_in_its_name() -> None:
    name = "wheel:none-such==1.0#sha256=" + 64 * "a"
    assert model_digest(name) == 64 * "a"
