import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base import store
from hornbook.base.errors import CorruptFileError, DiskError
from hornbook.base.store import (
    append_jsonl,
    atomic_folder,
    flush,
    need_disk,
    read_json,
    read_jsonl,
    remove_folder,
    sweep,
    write_bytes,
    write_json,
    write_text,
)

RECORDS = [{"step": 1, "text": "déjà"}, {"step": 2, "text": "vu\n"}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Kill(BaseException):
    """Ends a process where it stands, without any tidying."""


def names(folder: Path) -> set[str]:
    """Name everything in a folder, the hidden included."""
    return {path.name for path in folder.iterdir()}


def fail(*args: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@given(value=JSON)
def test_json_comes_back(
    value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "some" / "value.json"
    write_json(path, value)
    assert read_json(path) == value
    assert names(path.parent) == {"value.json"}


def test_text_keeps_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "é\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\n"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    write_bytes(path, b"old")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(DiskError, match="disk is full: run.json"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"run.json"}


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(store.tempfile, "mkstemp", refuse)
    with pytest.raises(DiskError, match="run.json cannot be written"):
        write_bytes(tmp_path / "run.json", b"new")


def test_other_errors_of_the_system_are_not_taken_for_the_disk(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_bytes(tmp_path / "file", b"new")
    assert names(tmp_path) == {"file"}


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"{'a': 1}"])
def test_what_is_not_json_is_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match="plan.json cannot"):
        read_json(path)


def test_a_missing_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="plan.json is missing"):
        read_json(tmp_path / "plan.json")


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_jsonl(tmp_path / "log.jsonl") == []


@given(data=st.data())
def test_a_log_cut_anywhere_gives_its_whole_lines(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "log.jsonl"
    path.unlink(missing_ok=True)
    for record in RECORDS:
        append_jsonl(path, record)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    ends = [i for i, byte in enumerate(whole) if byte == 10]
    # A line that lacks its line end alone is whole
    kept = sum(end <= cut for end in ends)
    assert read_jsonl(path) == RECORDS[:kept]


@pytest.mark.parametrize("line", [b"{", b"\xff", b"12", b'"text"'])
def test_a_bad_line_in_the_middle_is_an_error(
    line: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"a": 2}\n')
    with pytest.raises(CorruptFileError, match="log.jsonl, line 2,"):
        read_jsonl(path)


def make(path: Path, text: str) -> None:
    """Replace a folder by one that holds ``text``."""
    with atomic_folder(path) as fresh:
        write_text(fresh / "text", text)


def text_of(path: Path) -> str:
    return (path / "text").read_text(encoding="utf-8")


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "model"
    make(path, "old")
    (path / "more").mkdir()
    make(path, "new")
    assert text_of(path) == "new"
    assert names(path) == {"text"}
    assert names(path.parent) == {"model"}


def test_a_failing_block_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    make(path, "old")
    with pytest.raises(KeyError), atomic_folder(path) as fresh:
        write_text(fresh / "text", "half")
        raise KeyError
    assert text_of(path) == "old"
    assert names(tmp_path) == {"model"}


def test_a_full_disk_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    make(path, "old")
    real = os.replace

    def full(source: Path, target: Path) -> None:
        if Path(source).name == ".model.new":
            fail()
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with (
        pytest.raises(DiskError, match="model could not be written"),
        atomic_folder(path) as fresh,
    ):
        (fresh / "text").write_text("new", encoding="utf-8")
    assert text_of(path) == "old"


@pytest.mark.parametrize("renames", [0, 1])
def test_a_kill_while_folders_are_swapped_loses_nothing(
    renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    make(path, "old")
    real, left = os.replace, [renames]

    def die(source: Path, target: Path) -> None:
        if not left[0]:
            raise Kill
        left[0] -= 1
        real(source, target)

    with (
        monkeypatch.context() as patch,
        pytest.raises(Kill),
        atomic_folder(path) as fresh,
    ):
        write_text(fresh / "text", "new")
        patch.setattr(os, "replace", die)
    # The next call puts the old folder back before all else
    with pytest.raises(KeyError), atomic_folder(path):
        assert text_of(path) == "old"
        raise KeyError
    make(path, "newer")
    assert text_of(path) == "newer"
    assert names(tmp_path) == {"model"}


@pytest.mark.parametrize("call", ["replace", "rmtree"])
def test_a_kill_never_leaves_a_folder_half_deleted(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some"
    make(path, "whole")
    with monkeypatch.context() as patch:
        home = store.os if call == "replace" else store.shutil
        real = getattr(home, call)

        def killed(*args: Any, **options: Any) -> None:
            if Path(args[0]).exists():
                raise Kill
            real(*args, **options)

        patch.setattr(home, call, killed)
        with pytest.raises(Kill):
            remove_folder(path)
    assert path.exists() is (call == "replace")
    assert not path.exists() or text_of(path) == "whole"
    sweep(tmp_path)
    assert names(tmp_path) <= {"some"}
    if path.exists():
        remove_folder(path)
    assert names(tmp_path) == set()


def test_sweeping_mends_what_killed_processes_left(
    tmp_path: Path,
) -> None:
    sweep(tmp_path / "nowhere")
    make(tmp_path / "a", "new")
    for name in (".a.old", ".b.old", ".c.new", ".d.gone", ".kept"):
        make(tmp_path / name, name)
    sweep(tmp_path)
    assert names(tmp_path) == {"a", "b", ".kept"}
    assert text_of(tmp_path / "a") == "new"
    assert text_of(tmp_path / "b") == ".b.old"


def test_files_and_folders_can_be_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some").write_bytes(b"text")
    for path in (tmp_path, tmp_path / "some"):
        flush(path)
    monkeypatch.setattr(store.os, "fsync", fail)
    with pytest.raises(OSError):
        flush(tmp_path / "some")


def test_too_small_a_disk_is_refused_beforehand(
    tmp_path: Path,
) -> None:
    need_disk(tmp_path / "not" / "there" / "yet", 1)
    with pytest.raises(DiskError, match=r"needs 1000000000\.0 TB"):
        need_disk(tmp_path / "not" / "there" / "yet", 10**21)


def test_digests_tell_texts_apart(tmp_path: Path) -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb924"
    empty += "27ae41e4649b934ca495991b7852b855"
    (tmp_path / "empty").touch()
    assert store.digest_file(tmp_path / "empty") == empty
    assert store.digest_text("") == store.digest_bytes(b"") == empty
    assert store.digest_text("\ud800") != empty


def test_digests_of_tables_ignore_the_order_of_keys() -> None:
    one = store.digest_json({"a": 1, "b": [1, 2]})
    assert store.digest_json({"b": [1, 2], "a": 1}) == one
    assert store.digest_json({"b": [2, 1], "a": 1}) != one
