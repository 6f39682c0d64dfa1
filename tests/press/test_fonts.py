from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.press import fonts
from hornbook.press.fonts import Face, Glyphs

EVERYTHING = frozenset(range(0x110000))
OWN = frozenset(map(ord, "abcé"))
GREEK = Face(Path("Greek.ttf"), frozenset(map(ord, "αβγ")))
FIXED = Face(Path("Mono.ttf"), frozenset(map(ord, "αω")), fixed=True)


def glyphs() -> Glyphs:
    mono = frozenset(OWN)
    return Glyphs(frozenset([*OWN]), mono, (GREEK, FIXED))


def test_runs_of_one_face_are_set_together() -> None:
    book = glyphs()
    set_text = book.wrap("aαβcω漢漢", book.text)
    assert set_text == (
        "a\\otherfaceA{αβ}c\\otherfaceB{ω}"
        "\\missingglyph{6F22}\\missingglyph{6F22}"
    )
    assert book.missing == {"漢": 2}
    assert book.used == {0, 1}


def test_code_takes_a_face_of_even_width_first() -> None:
    book = Glyphs(OWN, frozenset(map(ord, "xyz")), (GREEK, FIXED))
    assert book.wrap("α", book.mono) == "\\otherfaceB{α}"
    assert book.wrap("α", book.text) == "\\otherfaceA{α}"


@pytest.mark.parametrize("codes", [OWN, EVERYTHING, None])
def test_the_mark_of_lost_bytes_stands_by_its_number(
    codes: frozenset[int] | None,
) -> None:
    lost = Face(Path("lost.ttf"), frozenset({0xFFFD}))
    book = Glyphs(codes, codes, (lost,))
    assert "\N{REPLACEMENT CHARACTER}" not in book.wrap(
        "a\N{REPLACEMENT CHARACTER}b", book.text
    )


@pytest.mark.parametrize("codes", [OWN, EVERYTHING, None])
@pytest.mark.parametrize("control", ["\x00", "\x07", "\x1b", "\x7f"])
def test_what_has_no_shape_does_not_reach_tex(
    codes: frozenset[int] | None, control: str
) -> None:
    book = Glyphs(codes, codes, (Face(Path("l.ttf"), EVERYTHING),))
    made = book.wrap(f"a{control}b\tc\n", codes)
    assert control not in made and 'char"FFFD' in made
    assert made.startswith("a") and made.endswith("b\tc\n")


@given(
    st.text(
        st.characters(
            exclude_characters="\N{REPLACEMENT CHARACTER}",
            exclude_categories=["Cc", "Cs"],
        ),
        max_size=50,
    )
)
def test_characters_that_we_have_are_left_alone(text: str) -> None:
    book = Glyphs(EVERYTHING, EVERYTHING)
    assert book.wrap(text, book.text) == text
    assert book.lacks(text) == ""


def test_lacking_characters_are_named() -> None:
    assert glyphs().lacks("abc☃é\n") == "☃"


def test_letters_number_faces_without_digits() -> None:
    names = [fonts.letter(n) for n in range(800)]
    assert names[:2] == ["A", "B"]
    assert len(set(names)) == 800
    assert all(name.isalpha() for name in names)


def test_our_code_face_has_the_marks_of_tokens() -> None:
    path = fonts.mono_folder() / "IBMPlexMono-Regular.ttf"
    assert {ord("Ġ"), 0x2581, ord("¶")} <= fonts.coverage(path)


def test_a_text_face_becomes_truetype_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fontTools.ttLib import TTFont

    found = fonts.find(f"{fonts.TEXT}-italic.otf")
    if found is None:
        pytest.skip("needs TeX Gyre Pagella")
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path))
    made = fonts.as_truetype(found)
    with TTFont(made) as font:
        assert "glyf" in font
        assert "CFF " not in font
        assert font["name"].getDebugName(1) == fonts.FIGURE_FAMILY
    assert fonts.coverage(made) == fonts.coverage(found)


def test_a_word_is_not_set_in_two_faces() -> None:
    own = frozenset(map(ord, "aα"))
    book = Glyphs(own, own, (GREEK,))
    assert book.wrap("aα αβ", book.text) == "aα \\otherfaceA{αβ}"
    assert book.wrap("α漢", book.text) == "α\\missingglyph{6F22}"
