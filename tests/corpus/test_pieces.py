from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus import read as reading
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.pieces import split_stream, split_text
from hornbook.corpus.read import read_unit
from hornbook.corpus.sources import find_units


def source_of(path: str, **options: object) -> SourceConfig:
    return SourceConfig(kind="folder", path=path, **options)


@given(
    text=st.text(alphabet="ab* \n", max_size=300),
    size=st.integers(1, 40),
    longest=st.sampled_from([0, 1, 7, 30]),
    mark=st.sampled_from(["", "*", "**", "\n*\n"]),
)
def test_a_stream_gives_the_pieces_of_the_whole(
    text: str, size: int, longest: int, mark: str
) -> None:
    source = source_of("x", cut_characters=longest, separator=mark)
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    found = list(split_stream(chunks, source))
    assert found == split_text(text, source)


def test_a_piece_without_end_is_passed_over() -> None:
    source = source_of("x", separator="--", largest_file_bytes=10)
    chunks = ["one--", *["xxxx"] * 9, "-", "-two--three"]
    found = list(split_stream(chunks, source))
    assert found == ["one", None, "two", "three"]


def test_a_text_too_large_is_streamed_where_it_may_be_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK_BYTES", 64)
    words = "a hat and a cap " * 200
    (tmp_path / "a.txt").write_text(words, encoding="utf-8")

    def read(**options: object) -> list[str]:
        source = source_of(
            str(tmp_path), largest_file_bytes=100, **options
        )
        (unit,) = find_units(0, source, tmp_path)
        return [r.problem or r.text for r in read_unit(unit, source)]

    assert read() == ["larger than 100 bytes"]
    pieces = read(cut_characters=50)
    assert "".join(pieces) == words
    assert max(map(len, pieces)) <= 50
