import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus.clean import (
    GARBLED,
    clean,
    clean_line,
    plain_marks,
)

SPACED = st.text("a\u0301 \n\r\t\xa0\u3000\u200b\x85", max_size=9)
ANY = st.text(st.characters(codec=None)) | SPACED


@given(ANY)
def test_clean_text_is_composed_and_visible(text: str) -> None:
    done = clean(text)
    assert unicodedata.is_normalized("NFC", done)
    done.encode("utf-8")
    hidden = {c for c in done if unicodedata.category(c) == "Cc"}
    assert hidden <= {"\n"}
    assert "\n\n\n" not in done
    assert not any(line.endswith(" ") for line in done.split("\n"))


@given(ANY)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    done = clean(text)
    # What only now looks garbled is not repaired a second time
    if not GARBLED.search(done):
        assert clean(done) == done


def test_garbled_text_is_known_when_seen() -> None:
    assert not GARBLED.search("Âge, São Paulo, Ã, “Â” and £5")
    assert GARBLED.search("cafÃ©")


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd"])))
def test_letters_and_digits_stay(text: str) -> None:
    if not GARBLED.search(text):
        assert clean(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a \t\xa0 b", "a b"),
        ("def f():\n    return 1", "def f():\n    return 1"),
        ("soft\xadhyphen\ufeff\u200b", "softhyphen"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\ud800b", "ab"),
        ("a\0b\x07c", "abc"),
        ("cafÃ© itâ€™s", "café it’s"),
        ("\n\n\n  a\n\n\n\nb\n\n", "  a\n\nb"),
    ],
)
def test_known_cases(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_title_is_one_line() -> None:
    assert clean_line(" The\n Hat\t") == "The Hat"


def test_marks_of_tex_become_plain() -> None:
    assert plain_marks("``a'' -- b --- c") == '"a" – b --- c'
