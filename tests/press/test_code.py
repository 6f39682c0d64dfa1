import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.press import code
from hornbook.press.fonts import Glyphs

NONE = Glyphs()


def test_a_line_wider_than_the_page_fails_by_its_number() -> None:
    good = "x = " + "1" * 68
    assert len(code.highlight(good, "python", "here", NONE)) == 1
    with pytest.raises(DataError, match=r"here: line 2 .* 73 columns"):
        code.highlight(f"a\n{good}1", "python", "here", NONE)


def test_an_unknown_language_fails() -> None:
    with pytest.raises(DataError, match="no language"):
        code.block("x", "klingon", "here", NONE)


@given(st.lists(st.sampled_from(["", "a = 1", "  # c", "'s'", "{"])))
def test_every_line_of_code_is_one_line_of_the_block(
    lines: list[str],
) -> None:
    text = "\n".join(lines)
    wanted = text.rstrip("\n").split("\n")
    assert len(code.highlight(text, "python", "here", NONE)) == len(
        wanted
    )


@given(st.text(max_size=300))
def test_output_fits_the_page_and_loses_no_letter(text: str) -> None:
    plain = code.plain_output(text)
    for line in plain.split("\n"):
        pieces = code.fold(line)
        assert all(len(p) <= code.COLUMNS - 2 for p in pieces)
        assert "".join("".join(pieces).split()) == "".join(line.split())


def test_terminal_colours_and_redrawn_lines_are_dropped() -> None:
    text = "\x1b[31mred\x1b[0m\nold\rnew\n"
    assert code.plain_output(text) == "red\nnew"


def test_output_cannot_speak_tex() -> None:
    shown = code.printed(r"\input{secret} {x}", NONE)
    assert r"\textbackslash{}input\{secret\} \{x\}" in shown


def test_output_stays_with_its_code_unless_it_is_long() -> None:
    source = code.block("x = 1\n" * 20, "python", "here", NONE, 3)
    assert "\\codehold" in source
    assert "\\codehold" not in code.block("x = 1", "python", "", NONE)
    short = code.printed("1\n2", NONE, joined=True)
    long = code.printed("1\n" * 30, NONE, joined=True)
    assert "\\codejoin" in short
    assert "\\codejoin" not in long
