import zipfile
from pathlib import Path

import pytest

from hornbook.corpus.gutenberg import read_book
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.read import read_unit
from hornbook.corpus.sources import find_units

BOOKS = SourceConfig(kind="gutenberg", path="x")

NEWER = """\
The Project Gutenberg eBook of On Hats, by Ann Miller

This eBook is for the use of anyone anywhere.

Title: On Hats
       and Caps

Author: Ann Miller

Release date: June 25, 2008 [eBook #123]
                Most recently updated: January 1, 2021

Language: French

Character set encoding: ISO-8859-1

*** START OF THE PROJECT GUTENBERG EBOOK ON HATS ***

Produced by Joe Typist and the
Distributed Proofreaders

[Transcriber's Note: Errors were
corrected.]

CHAPTER I

Où est le chapeau ?

Transcriber's Notes:

Page 7: "hta" was made "hat".

*** END OF THE PROJECT GUTENBERG EBOOK ON HATS ***

Updated editions will replace the previous one.
"""

OLDER = """\
***The Project Gutenberg Etext of On Caps, by Bob Baker***

Title: On Caps
Author: Bob Baker

January, 1994  [Etext #105]

***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this "Small Print!" statement here?
*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*

A cap is flat.

End of the Project Gutenberg Etext of On Caps
"""

LAST = """\
[The Flat Cap, by Bob Baker 1909]

A cap is flat.

*** END OF THE PROJECT GUTENBERG EBOOK THE FLAT CAP ***
***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN EBOOKS**START***
*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*
"""


def test_a_book_is_freed_of_what_is_around_it() -> None:
    raw = read_book(NEWER.encode("latin-1"), BOOKS)
    assert raw.text == "CHAPTER I\n\nOù est le chapeau ?\n"
    assert (raw.title, raw.description) == (
        "On Hats and Caps", "by Ann Miller",
    )  # fmt: skip
    assert (raw.date, raw.language) == ("2008-06-25", "fr")
    assert raw.url.endswith("/123")
    assert raw.licence == "Public domain in the USA"


@pytest.mark.parametrize("book", [OLDER, LAST])
def test_older_marks_are_known(book: str) -> None:
    for data in (book.encode(), book.replace("\n", "\r\n").encode()):
        assert read_book(data, BOOKS).text == "A cap is flat.\n"


def test_a_line_in_brackets_stands_for_a_header() -> None:
    raw = read_book(LAST.encode(), BOOKS)
    assert (raw.title, raw.description, raw.date) == (
        "The Flat Cap", "by Bob Baker", "1909",
    )  # fmt: skip


def test_a_book_without_marks_is_taken_as_it_is() -> None:
    text = "Only a story, of *** stars and the END OF it.\n"
    assert read_book(text.encode(), BOOKS).text == text


def test_a_wrong_encoding_in_a_header_is_not_believed() -> None:
    told = NEWER.replace("ISO-8859-1", "UTF-99")
    assert "Où est" in read_book(told.encode("utf-8"), BOOKS).text


def test_books_lie_in_folders_and_zips(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "105.zip", "w") as archive:
        archive.writestr("105.txt", OLDER)
    (tmp_path / "1.txt").write_text(LAST, encoding="utf-8")
    source = SourceConfig(kind="gutenberg", path=str(tmp_path))
    titles = [
        raw.title
        for unit in find_units(0, source, tmp_path)
        for raw in read_unit(unit, source)
    ]
    assert titles == ["The Flat Cap", "On Caps"]
