import csv
import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus import tables
from hornbook.corpus.extract import Raw, Unreadable
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.tables import read_csv, record_digest, split_lines

FOLDER = SourceConfig(kind="folder", path="x")


def rows(text: str, source: SourceConfig = FOLDER) -> list[Raw]:
    return list(read_csv(io.BytesIO(text.encode("utf-8")), source))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_is_read_by_its_head(mark: str) -> None:
    table = 'title|text\nHat|"It is\nwarm."\n\nCap|Flat\n'
    table = table.replace("|", mark)
    raws = rows(table)
    assert [(r.title, r.text) for r in raws] == [
        ("Hat", "It is\nwarm."), ("Cap", "Flat"),
    ]  # fmt: skip


def test_rows_without_text_are_named() -> None:
    bad, good = rows("title,text\nHat\nCap,Flat\n")
    assert bad.problem == "a record without text in 'text'"
    assert good.text == "Flat"
    with pytest.raises(Unreadable, match="a table without 'text'"):
        rows("a,b\n1,2\n")
    with pytest.raises(Unreadable, match="a table without"):
        rows("")


@pytest.fixture
def short_fields() -> Iterator[None]:
    """Let csv refuse long fields, and forget it afterwards."""
    before = csv.field_size_limit(100)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("short_fields")
def test_a_quotation_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "LONGEST_LINE_BYTES", 100)
    with pytest.raises(Unreadable, match="not a whole table"):
        rows('text\n"' + "never closed\n" * 50)
    with pytest.raises(Unreadable, match="a line too long"):
        rows("text\n" + "x" * 2_000_000)


@pytest.mark.usefixtures("short_fields")
def test_the_limit_of_fields_is_raised_alone() -> None:
    assert rows("text\n" + "x" * 1_000)[0].text == "x" * 1_000
    assert csv.field_size_limit() == tables.LONGEST_LINE_BYTES
    csv.field_size_limit(2 * tables.LONGEST_LINE_BYTES)
    rows("text\nshort\n")
    assert csv.field_size_limit() == 2 * tables.LONGEST_LINE_BYTES


@given(
    st.lists(st.text("ab,\"'\n\t;", max_size=9), max_size=5),
    st.integers(1, 9),
)
def test_lines_come_whole_from_chunks(
    texts: list[str], size: int
) -> None:
    text = "\n".join(texts)
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join(split_lines(chunks)) == text
    ends = [line[-1] for line in split_lines(chunks)]
    assert ends.count("\n") == text.count("\n")


def test_a_record_is_digested_whatever_its_order() -> None:
    one = record_digest({"a": 1, "b": [2]})
    assert one == record_digest({"b": [2], "a": 1})
    assert one != record_digest(json.loads('{"a": 1, "b": [3]}'))
