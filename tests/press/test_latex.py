import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.press.directives import DIRECTIVES
from hornbook.press.fonts import Glyphs
from hornbook.press.latex import Latex


def render(text: str, glyphs: Glyphs | None = None) -> str:
    made = Latex("one", DIRECTIVES, glyphs or Glyphs())
    return re.sub(r"%@ .*\n", "", made.document(text, 1)).strip()


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("a *b* **c**", r"a \emph{b} \textbf{c}"),
        ("`a_b`", r"\code{a\_\allowbreak{}b}"),
        ("5 % of $x_1$ & #", r"5 \% of $x_1$ \& \#"),
        ('"so" -- it\'s', "“so” -- it’s"),
        ("{numref}`fig:a`", r"\hyperref[fig:a]{Figure~\ref*{fig:a}}"),
        ("{eq}`eq:a`", r"\eqref{eq:a}"),
        ("{cite:p}`a, b`", r"\citep{a,b}"),
        ("{cite:t}`a`", r"\citet{a}"),
        ("w{idx}`loss!of *x*`", r"w\index{loss!of \emph{x}}"),
        ("{margin}`A $x$.`", r"\marginnote{A $x$.}"),
        (
            "{margin}``See {cite:p}`a`.``",
            r"\marginnote{See \citep{a}.}",
        ),
        ("[a](http://b.c/d%20#e)", r"\href{http://b.c/d\%20\#e}{a}"),
        ("(sec:a)=\n## B", r"\section{B}\label{sec:a}"),
        (
            "$$\na\n$$ (eq:a)",
            "\\begin{equation}\\label{eq:a}\na\n\\end{equation}",
        ),
    ],
)
def test_markdown_becomes_latex(source: str, wanted: str) -> None:
    assert render(source) == wanted


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{nope}`x`", "no role 'nope'"),
        ("```{nope} x\n```", "no directive 'nope'"),
        ("{numref}`bad:x`", "must begin with one of"),
        ("#### deep", "headings go down"),
        ("![a](b.png)", "no 'image'"),
        ("{margin}`so {cite:p}`a` it is`", "two backticks"),
        ("| a |\n|---|\n| b |\n\n: Caption", "needs a label"),
        ("(ch:a)=\n# A\n\n(ch:a)=\n## B", "given twice"),
        ("```{exercise}\nNo label\n```", "a label is missing"),
    ],
)
def test_what_the_book_has_not_fails(source: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        render(source)


def test_an_error_says_the_line_of_the_chapter() -> None:
    text = "fine\n\nfine\n\n{nope}`x`"
    with pytest.raises(DataError, match=r"one\.md, line 44: "):
        Latex("one", {}).document(text, 40)


def test_prose_must_do_with_our_face_and_quotations_need_not() -> None:
    ascii_only = frozenset(range(32, 127))
    glyphs = Glyphs(ascii_only, ascii_only)
    with pytest.raises(DataError, match=r"no 'λ' \(U\+03BB\)"):
        render("a λ", glyphs)
    assert render("a \ue000λ\ue001 b", glyphs) == (
        "a \\missingglyph{03BB} b"
    )
    assert glyphs.missing == {"λ": 1}


@given(st.text(max_size=80))
def test_no_text_breaks_out_of_the_prose(text: str) -> None:
    made = Latex("x", {}).prose(text.replace("{", "").replace("`", ""))
    bare = re.sub(r"\\text[a-z]+\{\}|\\[{}$&#_%,]", "", made)
    assert not set(bare) & set("\\{}$&#_%^")


def test_a_wide_table_wraps_its_long_column_alone() -> None:
    long = "words " * 15
    text = f"| a | b | c |\n|:--|:--|--:|\n| x | {long} | 1 |\n"
    assert "{@{}lLr@{}}" in render(text + "\n: C {#tab:a}")


def test_an_empty_row_of_a_table_is_a_thin_rule() -> None:
    made = render("| a | b |\n|--|--|\n| 1 | |\n| | |\n| 2 | 3 |\n")
    lines = made.splitlines()
    at = lines.index(r"\midrule[.2pt]")
    assert lines[at - 1].startswith("1 &")
    assert lines[at + 1] == r"2 & 3 \\"


def test_a_table_in_the_text_needs_no_caption() -> None:
    assert render("| a |\n|---|\n| b |").startswith("\\plaintable{")


def test_a_listing_has_numbers_notes_and_discs() -> None:
    made = render(
        "```{listing} hornbook.press.margin:spread\n"
        ":label: lst:a\n:caption: C.\n\n"
        "limit = bottom | Second.\nlimit = top | First.\n```"
    )
    first = made.index("\\callout{1}")
    assert first < made.index("\\callout{2}")
    assert "\\notetext{1}{First.}\\notetext{2}{Second.}" in made
    number = re.search(r"firstnumber=(\d+)", made)
    assert number
    assert int(number[1]) > 1


def test_a_listing_that_fails_names_chapter_and_line() -> None:
    text = "\n\n```{listing} hornbook.press.margin:gone\n```"
    with pytest.raises(DataError, match=r"one\.md, line 3: .*'gone'"):
        render(text)


def test_solutions_wait_for_the_end() -> None:
    made = Latex("one", DIRECTIVES)
    text = made.document("```{solution} ex:a\nTwo.\n```", 1)
    assert "Two" not in text
    assert made.solutions == {"ex:a": ["Two.\n\n"]}
