import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.press.latex import Latex
from hornbook.press.markdown import escape
from hornbook.press.quoting import (
    WITHHELD,
    escape_quoted,
    escape_value,
    quoted,
    unmark,
)

LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
MARKS = st.sampled_from("ab*_`$[](){}<>|#~\\\"'&:.-!")
PRINTABLE = st.text(st.one_of(MARKS, LETTERS), min_size=1, max_size=40)


@given(PRINTABLE)
def test_markdown_in_a_quotation_stays_text(text: str) -> None:
    shown = Latex("x", {}).inline(escape_quoted(text))
    assert shown == escape(unmark(text))


@given(PRINTABLE)
def test_a_value_cannot_open_markup(text: str) -> None:
    shown = Latex("x", {}).inline("v" + escape_value(text))
    for macro in (r"\emph{", r"\textbf{", r"\code{", r"\href{"):
        assert macro not in shown


def test_numbers_pass_into_maths_unharmed() -> None:
    assert escape_value("1,234.5e-3") == "1,234.5e-3"


def test_withheld_text_never_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = quoted("a secret", "where from")
    monkeypatch.setenv("HORNBOOK_SAMPLES", "0")
    data, about = secret._repr_mimebundle_()
    shown = f"{secret} {data} {about}"
    assert "secret" not in shown
    assert "withheld" in shown
    monkeypatch.setenv("HORNBOOK_SAMPLES", "1")
    assert "a secret" in str(secret)
    assert WITHHELD not in str(secret)
