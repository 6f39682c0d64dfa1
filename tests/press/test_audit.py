from pathlib import Path

import pytest

from hornbook.press.audit import (
    Audit,
    Fault,
    find_text,
    read_log,
    summary,
    tex_fault,
    weigh_code,
)

FRAGMENT = """\
%@ tokens 12
\\section{A}
%@ tokens 20
Text with \\ref{fig:gone} and
\\citep{who2001} and \u2603.
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "tokens.tex").write_text(FRAGMENT, encoding="utf-8")
    (tmp_path / "book.tex").write_text("fig:gone", encoding="utf-8")
    return tmp_path


def log(work: Path, text: str) -> Path:
    (work / "book.log").write_text(text, encoding="utf-8")
    return work


def test_what_stops_tex_is_shown_in_the_chapter(work: Path) -> None:
    said = (
        "junk\n./tokens.tex:4: Undefined control sequence.\n"
        "l.4 Text with \\gone\n"
    )
    fault = tex_fault(work, said)
    assert fault.place == "tokens.md, line 20"
    assert "Undefined control sequence" in fault.message
    assert "\\gone" in fault.message


def test_tectonics_errors_are_read_too(work: Path) -> None:
    fault = tex_fault(work, "error: tokens.tex:2: Missing $ inserted\n")
    assert (
        str(fault)
        == "tokens.md, line 12: TeX stops: Missing $ inserted"
    )


@pytest.mark.parametrize("said", ["", "! Emergency stop.\n", "odd"])
def test_an_error_without_a_place_is_still_told(
    work: Path, said: str
) -> None:
    assert tex_fault(work, said).place == "book"


def test_dangling_references_and_citations_fail(work: Path) -> None:
    log(
        work,
        "LaTeX Warning: Reference `fig:gone' on page 3 undefined on "
        "input line 4.\n"
        "Package natbib Warning: Citation `who2001' on page 3 "
        "undefined on input line 5.\n"
        "Output written on book.pdf (17 pages, 1 bytes).\n",
    )
    audit = read_log(work, draft=False)
    assert audit.pages == 17
    assert [str(fault) for fault in audit.fatal] == [
        "tokens.md, line 20: the reference 'fig:gone' leads nowhere",
        "tokens.md, line 20: the citation 'who2001' leads nowhere",
    ]
    draft = read_log(work, draft=True)
    assert [fault.message[:12] for fault in draft.fatal] == [
        "the citation"
    ]


def test_a_missing_glyph_fails_where_it_stands(work: Path) -> None:
    log(
        work,
        "Missing character: There is no \u2603 (U+2603) in font "
        "texgyrepagella!\n",
    )
    (fault,) = read_log(work, draft=False).fatal
    assert fault.place == "tokens.md, line 20"


def test_what_sticks_out_is_told_beyond_five_points(work: Path) -> None:
    log(
        work,
        "(./tokens.tex\n"
        "Overfull \\hbox (4.9pt too wide) in paragraph at lines 4--5\n"
        "Overfull \\hbox (5.1pt too wide) in paragraph at lines 4--5\n"
        "Overfull \\vbox (9.0pt too high) has occurred\n",
    )
    faults = read_log(work, draft=False).faults
    assert [str(fault) for fault in faults] == [
        "tokens.md, line 20: something is 5.1 pt too wide",
        "tokens: something is 9.0 pt too high",
    ]
    assert not any(fault.fatal for fault in faults)


def test_text_is_found_only_where_a_person_wrote_it(work: Path) -> None:
    assert find_text(work, "fig:gone") == "tokens.md, line 20"
    assert find_text(work, "nowhere") == "book"


def test_the_summary_counts_boxes_and_names_every_fault() -> None:
    audit = Audit(
        pages=3,
        faults=[
            Fault("a.md, line 1", "bad"),
            Fault("b", "ugly", False),
        ],
        missing={"\u6f22": 2, "\u2603": 1},
    )
    text = summary(audit, {"setting": 1.25}, [("engine", "x")])
    assert "pages: 3" in text
    assert "characters set as boxes: 3 (U+6F22 2 times" in text
    assert "faults: 1\n  a.md, line 1: bad" in text
    assert "remarks: 1\n  b: ugly" in text


def test_the_share_of_code_is_weighed_and_remarked_on(
    tmp_path: Path,
) -> None:
    block = "Text.\n\\begin{%s}\n" + "x = 1\n" * 20 + "\\end{%s}\n"
    names = ("codein", "codeout", "codelisting")
    text = "".join(block % (name, name) for name in names)
    for name, content in (
        ("chapters", "\\input{one}\n"),
        ("one", text),
        ("old", text),
        ("solutions", block % ("codein", "codein")),
    ):
        (tmp_path / f"{name}.tex").write_text(content, encoding="utf-8")
    few, many = Audit(pages=3), Audit(pages=10)
    weigh_code(few, tmp_path)
    weigh_code(many, tmp_path)
    assert few.code_lines == 80
    assert few.code_share == pytest.approx(80 * 11.1 / (3 * 546))
    assert [str(f) for f in few.faults] == [
        "book: 54% of the pages are code"
    ]
    assert many.faults == []
    assert "listings and output: 16%" in summary(many, {}, [])
