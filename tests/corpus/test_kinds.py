import pytest

from hornbook.corpus.kinds import (
    is_plain,
    is_read,
    kind_of,
    known_kinds,
)
from hornbook.corpus.origin import SourceConfig

FOLDER = SourceConfig(kind="folder", path="x")
CODE = SourceConfig(kind="folder", path="x", code=True)
BOOKS = SourceConfig(kind="gutenberg", path="x")
DUMP = SourceConfig(kind="wikipedia", path="x")


@pytest.mark.parametrize(
    ("kind", "readers"),
    [
        (".txt", (FOLDER, CODE, BOOKS)),
        (".py", (CODE,)),
        (".csv", (FOLDER, CODE)),
        (".zip", (FOLDER, CODE, BOOKS)),
        (".pdf", (FOLDER, CODE)),
        (".xml", (DUMP,)),
        (".png", ()),
    ],
)
def test_each_source_reads_its_kinds(
    kind: str, readers: tuple[SourceConfig, ...]
) -> None:
    every = FOLDER, CODE, BOOKS, DUMP
    assert tuple(s for s in every if is_read(kind, s)) == readers


def test_packing_is_no_kind_but_an_archive_is() -> None:
    names = "a.TXT.gz", "a.tgz", "a.tar.zst", "a.b.zip", "README", ".x"
    assert [kind_of(name) for name in names] == [
        ".txt", ".tar", ".tar", ".zip", "", "",
    ]  # fmt: skip


def test_what_is_plain_can_be_cut_as_it_streams() -> None:
    assert is_plain(".txt", FOLDER) and is_plain(".py", CODE)
    assert not is_plain(".html", FOLDER) and not is_plain(".txt", BOOKS)


def test_a_source_lists_what_it_reads() -> None:
    assert known_kinds(BOOKS) == ".tar .txt .zip"
    assert ".csv" in known_kinds(FOLDER).split()
