import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from hornbook.base.errors import DataError
from hornbook.corpus import hub
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.read import read_unit
from hornbook.corpus.sources import (
    find_units,
    folder_state,
    source_name,
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of two shards in a folder; no network."""
    datasets = pytest.importorskip("datasets")
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "hats"
    folder.mkdir()
    for shard in range(2):
        lines = [
            json.dumps({"body": f"hat {shard} {row}", "name": "Hat"})
            for row in range(5)
        ]
        path = folder / f"train-{shard}.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8")
    return folder


def source_of(path: object, **options: object) -> SourceConfig:
    return SourceConfig(
        kind="huggingface", dataset=str(path), text="body",
        title="name", **options,
    )  # fmt: skip


def read(source: SourceConfig) -> list[Raw]:
    return [
        raw
        for unit in find_units(0, source, Path())
        for raw in read_unit(unit, source)
    ]


def test_a_data_set_is_read_by_shards(data: Path) -> None:
    source = source_of(data)
    assert len(find_units(0, source, Path())) == 2
    raws = read(source)
    assert sorted(raw.text for raw in raws) == sorted(
        f"hat {shard} {row}" for shard in range(2) for row in range(5)
    )
    assert {raw.title for raw in raws} == {"Hat"}
    assert len({raw.digest for raw in raws}) == 10


@pytest.mark.parametrize("most", [1, 3, 4])
def test_no_more_documents_than_asked_for(
    data: Path, most: int
) -> None:
    assert len(read(source_of(data, documents=most))) == most


def test_a_data_set_in_a_folder_is_described(data: Path) -> None:
    assert len(list(folder_state(source_of(data)))) == 2
    assert list(folder_state(source_of("owner/hats"))) == []
    assert source_name(source_of("owner/hats")) == "owner/hats"


def test_what_cannot_be_opened_is_said_in_one_sentence(
    data: Path,
) -> None:
    with pytest.raises(DataError, match="cannot be opened.*network"):
        read(source_of("nobody/nothing-of-the-kind"))
    with pytest.raises(DataError, match="'split'"):
        read(source_of(data, split="nowhere"))


def test_without_the_package_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name == "datasets":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DataError, match=r"hornbook\[hub\]"):
        hub.list_shards(source_of("owner/hats"))
