import hashlib
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.corpus import sources, tables
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.read import read_unit
from hornbook.corpus.sources import Unit, find_units


def read_folder(path: Path, **options: object) -> list[Raw]:
    source = SourceConfig(kind="folder", path=str(path), **options)
    return [
        raw
        for unit in find_units(0, source, path)
        for raw in read_unit(unit, source)
    ]


def read_file(path: Path, data: bytes, **options: object) -> list[Raw]:
    path.write_bytes(data)
    return read_folder(path.parent, **options)


@given(
    lines=st.lists(st.text(max_size=40), max_size=30),
    share=st.integers(1, 90),
    end=st.sampled_from(["", "\n", "\r\n"]),
)
def test_shares_give_each_line_once(
    lines: list[str],
    share: int,
    end: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    records = [json.dumps({"text": line}) for line in lines]
    text = ("\r\n" if "\r" in end else "\n").join(records) + end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "SHARE_BYTES", share)
        raws = read_file(folder / "a.jsonl", text.encode())
    assert [raw.text for raw in raws] == lines


def test_bad_lines_are_named_and_good_ones_kept(tmp_path: Path) -> None:
    lines = [
        b'{"text": "good"}',
        b"{broken",
        b'{"text": "\xff"}',
        b"[" * 100_000,
        b'{"other": 1}',
        b"3",
        b"",
        b'{"text": "also good", "title": 1984}',
        b'{"text": "torn',
    ]
    raws = read_file(tmp_path / "a.jsonl", b"\n".join(lines))
    assert [r.text for r in raws if not r.problem] == [
        "good", "also good",
    ]  # fmt: skip
    problems = [(r.place, r.problem) for r in raws if r.problem]
    assert len(problems) == 6
    assert problems[0] == ("byte 17", "a line not JSON")


def test_a_line_without_end_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "LONGEST_LINE_BYTES", 1000)
    long = b'{"text": "' + b"x" * 5_000_000 + b'"}\n{"text": "good"}'
    raws = read_file(tmp_path / "a.jsonl", long)
    assert [r.problem for r in raws] == ["a line too long", ""]
    assert raws[1].text == "good"


@given(
    data=st.binary(max_size=200),
    suffix=st.sampled_from(
        [".txt", ".md", ".html", ".jsonl", ".parquet", ".json"]
    ),
)
def test_reading_never_fails(
    data: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    path.write_bytes(data)
    source = SourceConfig(kind="folder", path=str(path.parent))
    for raw in read_unit(Unit(0, str(path), path.name), source):
        assert isinstance(raw, Raw)


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A hat.", encoding="utf-8")
    source = SourceConfig(kind="folder", path=str(tmp_path))
    (unit,) = find_units(0, source, tmp_path)
    (tmp_path / "a.txt").unlink()
    (raw,) = read_unit(unit, source)
    assert raw.problem == "No such file or directory"


def test_a_file_too_large_is_named(tmp_path: Path) -> None:
    (raw,) = read_file(
        tmp_path / "a.txt", b"A hat." * 9, largest_file_bytes=50
    )
    assert raw.problem == "larger than 50 bytes"


def test_parquet_whole_and_torn(tmp_path: Path) -> None:
    table = pa.table({"text": ["A hat.", None], "title": ["Hat", "x"]})
    pq.write_table(table, tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    good, bad = read_folder(tmp_path)
    assert (good.text, good.title) == ("A hat.", "Hat")
    assert bad.place == "row 2"
    (torn,) = read_file(tmp_path / "a.parquet", whole[:-20])
    assert torn.problem == "not a whole Parquet file"


def test_a_table_without_the_text_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "a.parquet")
    (raw,) = read_folder(tmp_path)
    assert raw.problem == "a table without 'text'"


@pytest.mark.parametrize(
    "content",
    ['[{"text": "A hat.", "title": "Hat"}]', '{"Hat": "A hat."}',
     '{"k": {"text": "A hat.", "title": "Hat"}}'],
)  # fmt: skip
def test_json_of_a_wheel(tmp_path: Path, content: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("d/all.json", content)
    source = SourceConfig(kind="package", member="unused")
    unit = Unit(0, str(tmp_path / "a.whl"), "d/all.json", "d/all.json")
    (raw,) = read_unit(unit, source)
    assert (raw.text, raw.title) == ("A hat.", "Hat")


def test_titles_of_files(tmp_path: Path) -> None:
    for name in ("the_red-hat.txt", "00017.txt"):
        (tmp_path / name).write_text("A hat.", encoding="utf-8")
    assert [raw.title for raw in read_folder(tmp_path)] == [
        "", "the red hat",
    ]  # fmt: skip


def test_a_file_of_many_documents(tmp_path: Path) -> None:
    text = b"One story.\n\n\nTwo stories.\n\n\n\n"
    raws = read_file(tmp_path / "all.txt", text, separator="\n\n\n")
    assert [raw.text.strip() for raw in raws] == [
        "One story.", "Two stories.",
    ]  # fmt: skip
    assert {raw.title for raw in raws} == {""}
    raws = read_folder(tmp_path, cut_characters=12)
    assert all(len(raw.text) <= 12 for raw in raws)
    assert len(raws) > 2


def test_pieces_of_a_titled_file_have_no_title(tmp_path: Path) -> None:
    text = b"# All stories\n\nOne story.\n***\nTwo stories."
    raws = read_file(tmp_path / "all.md", text, separator="***")
    assert len(raws) == 2
    assert {raw.title for raw in raws} == {""}


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("A hat.", encoding="utf-8")
    source = SourceConfig(kind="folder", path=str(tmp_path))
    (unit,) = find_units(0, source, tmp_path)
    path.unlink()
    path.mkdir()
    (raw,) = read_unit(unit, source)
    assert raw.problem == "Is a directory"


def test_each_document_has_the_digest_of_what_it_was_read_from(
    tmp_path: Path,
) -> None:
    data = b"Ein sch\xf6ner Hut"
    (raw,) = read_file(tmp_path / "a.txt", data, encoding="latin-1")
    assert raw.digest == hashlib.sha256(data).hexdigest()
    line = b'{"text": "A hat."}'
    raws = read_file(tmp_path / "b.jsonl", line + b"\n" + line)
    assert {r.digest for r in raws[1:]} == {
        hashlib.sha256(line).hexdigest()
    }


def test_code_is_read_where_the_source_says(tmp_path: Path) -> None:
    (tmp_path / "hat.py").write_text("HAT = 1\n", encoding="utf-8")
    (raw,) = read_folder(tmp_path, code=True)
    assert (raw.text, raw.title) == ("HAT = 1\n", "")
    with pytest.raises(DataError, match="no file that can be read"):
        read_folder(tmp_path)
