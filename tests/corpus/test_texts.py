from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import CorruptFileError
from hornbook.corpus.texts import (
    FIRST,
    Places,
    Texts,
    TextWriter,
    part_file,
    row_of,
)

GROUPS = st.lists(st.dictionaries(st.integers(0, 99), st.text()))


@given(one=GROUPS, two=GROUPS)
def test_every_text_is_found_by_its_row(
    one: list[dict[int, str]],
    two: list[dict[int, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder, expected = tmp_path_factory.mktemp("parts"), {}
    for number, groups in enumerate((one, two)):
        writer = TextWriter(part_file(folder, number))
        for place, group in enumerate(groups):
            start = number * 10**6 + place * 100
            rows = sorted(group)
            writer.write(
                [start + row for row in rows],
                [group[row] for row in rows],
            )
            expected |= {start + row: group[row] for row in rows}
        writer.close()
    texts = Texts(Places(str(folder), (0, 10**6)))
    for row, text in expected.items():
        assert texts[row] == texts[row - FIRST] == text
    for row in range(0, 300, 7):
        if row not in expected:
            with pytest.raises(KeyError):
                texts[row]


def test_a_rank_is_a_row_or_before_all_rows() -> None:
    assert row_of(5) == row_of(5 - FIRST) == 5


@pytest.mark.parametrize("torn", [b"", b"ARROW1\0\0 and no more"])
def test_a_torn_file_says_what_to_do(
    tmp_path: Path, torn: bytes, lay_down: Callable[..., Places]
) -> None:
    places = lay_down(["a"])
    part_file(tmp_path, 0).write_bytes(torn)
    with pytest.raises(CorruptFileError, match="run 'hornbook curate'"):
        Texts(places)[0]
