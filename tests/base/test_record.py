from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import CorruptFileError, HornbookError
from hornbook.base.record import (
    RunRecord,
    StageRecord,
    load_record,
    named,
    new_record,
)

STAGE = StageRecord(
    digest="0f",
    parts={"recipe": "a"},
    seconds=1.5,
    peak_memory_bytes=3,
    finished="2026-01-01T00:00:00Z",
    result={"steps": 3, "loss": 0.1},
)


def record(folder: Path) -> RunRecord:
    return new_record("demo", folder, 7, {"pretrain": {"steps": 1}})


def test_a_record_comes_back(tmp_path: Path) -> None:
    kept = record(tmp_path).with_stage("pretrain", STAGE)
    kept.save()
    assert load_record(tmp_path) == kept
    assert kept.stages == {"pretrain": STAGE}
    assert record(tmp_path).stages == {}


def test_the_folder_is_never_written(tmp_path: Path) -> None:
    record(tmp_path).save()
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert '"folder": ""' in text
    assert tmp_path.name not in text
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert load_record(moved).path == moved


def test_versions_say_what_the_numbers_rest_on(tmp_path: Path) -> None:
    found = record(tmp_path).versions
    assert {"python", "hornbook", "torch", "numpy"} <= set(found)
    assert all(found.values())


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="is not a run"):
        load_record(tmp_path)


@given(
    place=st.integers(0, 400),
    put=st.binary(max_size=3),
    cut=st.integers(0, 3),
)
def test_a_damaged_record_is_named(
    place: int,
    put: bytes,
    cut: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "run"
    folder.mkdir(exist_ok=True)
    record(folder).with_stage("pretrain", STAGE).save()
    data = (folder / "run.json").read_bytes()
    data = data[:place] + put + data[place + cut :]
    (folder / "run.json").write_bytes(data)
    try:
        found = load_record(folder)
    except HornbookError as error:
        assert "run.json cannot be read" in str(error)
    else:
        assert found.folder == str(folder)


def test_a_run_is_named_by_its_folder_or_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/mine").mkdir(parents=True)
    assert named("mine") == str(Path("runs/mine"))
    assert named("mine:chat") == str(Path("runs/mine:chat"))
    assert named("theirs:chat") == "theirs:chat"
    Path("mine").mkdir()
    assert named("mine") == "mine"
