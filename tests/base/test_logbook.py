from pathlib import Path

from hornbook.base.logbook import Line, Logbook
from hornbook.base.store import read_jsonl


def test_a_reader_hears_of_each_line_while_it_reads(
    tmp_path: Path,
) -> None:
    log, heard = tmp_path / "deep" / "log.jsonl", []

    def reader(source: Path, line: Line) -> None:
        # The file has the line before anybody hears of it
        assert read_jsonl(source)[-1] == line
        heard.append((source, line))

    book = Logbook()
    book.add(log, {"step": 1})
    with book.read_by(reader):
        book.add(log, {"step": 2, "sample": "é"})
    book.add(log, {"step": 3})
    assert heard == [(log, {"step": 2, "sample": "é"})]
    assert [line["step"] for line in read_jsonl(log)] == [1, 2, 3]


def test_a_reader_that_fails_is_gone(tmp_path: Path) -> None:
    def reader(source: Path, line: Line) -> None:
        raise KeyError(line["step"])

    book, log = Logbook(), tmp_path / "log.jsonl"
    try:
        with book.read_by(reader):
            book.add(log, {"step": 1})
    except KeyError:
        book.add(log, {"step": 2})
    assert [line["step"] for line in read_jsonl(log)] == [1, 2]
