import os
import zipfile
from pathlib import Path

import pytest

from hornbook.base.errors import DataError
from hornbook.base.store import digest_file
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.sources import find_units, source_name


def folder_source(path: Path) -> SourceConfig:
    return SourceConfig(kind="folder", path=str(path))


def labels(path: Path) -> list[str]:
    units = find_units(0, folder_source(path), path)
    return [unit.label for unit in units]


def test_a_folder_is_read_to_its_depth_in_order(tmp_path: Path) -> None:
    names = "b.txt", "a/z.md", "a/b/c.HTML", ".git/x.txt", ".h.md"
    for name in names:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("A hat.", encoding="utf-8")
    assert labels(tmp_path) == ["a/b/c.HTML", "a/z.md", "b.txt"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("A hat.", encoding="utf-8")
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in" / "self")
    (tmp_path / "again").symlink_to(tmp_path / "in")
    assert len([n for n in labels(tmp_path) if "a.txt" in n]) == 1


def test_what_is_no_readable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("A hat.", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    units = find_units(0, folder_source(tmp_path), tmp_path)
    problems = {unit.label: unit.problem for unit in units}
    assert problems.pop("good.txt") == ""
    assert "png" in problems["picture.png"]
    assert "No such file" in problems["gone.txt"]
    assert "regular" in problems["pipe.txt"]


def test_an_empty_or_missing_folder_says_what_to_do(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match="no folder.*correct"):
        labels(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no file.*put text"):
        labels(tmp_path)
    (tmp_path / "a.txt").write_text("A hat.", encoding="utf-8")
    with pytest.raises(DataError, match="is a file.*the folder that"):
        labels(tmp_path / "a.txt")


def test_several_sub_folders_are_topics(tmp_path: Path) -> None:
    for name in ("hats/a.txt", "hats/deep/b.txt", "top.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("A hat.", encoding="utf-8")

    def topics() -> dict[str, str]:
        units = find_units(0, folder_source(tmp_path), tmp_path)
        return {unit.label: unit.topic for unit in units}

    assert set(topics().values()) == {""}
    (tmp_path / "caps").mkdir()
    (tmp_path / "caps" / "c.txt").write_text("A cap.", encoding="utf-8")
    assert topics() == {
        "caps/c.txt": "caps",
        "hats/a.txt": "hats",
        "hats/deep/b.txt": "hats",
        "top.txt": "",
    }


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on Unix")
def test_a_name_that_is_no_text_can_be_printed(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/h\xff.txt"
    with open(name, "wb") as file:
        file.write(b"A hat.")
    (label,) = labels(tmp_path)
    assert label.encode("utf-8") == b"h?.txt"


def test_a_wheel_without_the_member_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    wheel = tmp_path / "wheels" / "hats-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("hats/all.jsonl", "{}")
    source = SourceConfig(
        kind="wheel", package="hats", version="1.0",
        sha256=digest_file(wheel), member="hats/al.jsonl",
    )  # fmt: skip
    with pytest.raises(DataError, match="mean 'hats/all.jsonl'"):
        find_units(0, source, tmp_path)


def test_data_that_hornbook_does_not_ship(tmp_path: Path) -> None:
    source = SourceConfig(kind="package", member="recipes/none.jsonl")
    with pytest.raises(DataError, match="ships no"):
        find_units(0, source, tmp_path)


def test_a_source_is_called_by_its_folder(tmp_path: Path) -> None:
    assert source_name(folder_source(tmp_path / "Hats")) == "Hats"
