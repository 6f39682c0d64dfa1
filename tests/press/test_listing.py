import ast
import sys
import textwrap
from pathlib import Path

import pytest

from hornbook.base.errors import DataError
from hornbook.press import listing

SOURCE = '''\
"""A module."""

LIMIT = 3
SIZES: dict[str, int] = {
    "a": 1,
}


def decorate(f):
    return f


@decorate
def work(a):
    """Work.

    At length.
    """
    # Take it apart
    b = a + 1
    # not a step: no blank line before it
    c = b

    # Put it together
    for i in range(3):
        # Look inside
        c += i

        # Look again
        c += 2
    return c


class Thing:
    """A thing."""

    def method(self):
        return 1
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "cutme.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "cutme"


@pytest.mark.parametrize(
    ("target", "head", "foot"),
    [
        ("LIMIT", "LIMIT = 3", "LIMIT = 3"),
        ("SIZES", "SIZES: dict[str, int] = {", "}"),
        ("work", "@decorate", "    return c"),
        ("Thing.method", "    def method(self):", "        return 1"),
        ("work#Take it apart", "    # Take it apart", "    c = b"),
        (
            "work#Put it together",
            "    # Put it together",
            "    return c",
        ),
        ("work#Look inside", "        # Look inside", "        c += i"),
        ("work#Look again", "        # Look again", "        c += 2"),
    ],
)
def test_a_piece_is_cut_by_name_with_the_lines_of_the_file(
    module: str, target: str, head: str, foot: str
) -> None:
    piece = listing.cut(f"{module}:{target}")
    lines = SOURCE.split("\n")
    assert piece.lines[0] == head
    assert piece.lines[-1] == foot
    assert [lines[n - 1] for n in piece.numbers] == list(piece.lines)
    assert piece.file == "cutme.py"


def test_a_module_without_a_symbol_is_cut_whole(module: str) -> None:
    assert "\n".join(listing.cut(module).lines) + "\n" == SOURCE


def test_docstrings_can_stay_out_and_the_numbers_show_it(
    module: str,
) -> None:
    piece = listing.cut(f"{module}:work", docstring=False)
    text = "\n".join(piece.lines)
    assert "At length" not in text
    assert "# Take it apart" in text
    thing = listing.cut(f"{module}:Thing", docstring=False)
    assert [line.strip() for line in thing.lines] == [
        "class Thing:",
        "def method(self):",
        "return 1",
    ]
    hidden = set(range(piece.first, piece.numbers[-1]))
    assert len(hidden - {*piece.numbers}) == 4


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("cutme:gone", "has no 'gone'"),
        ("cutme:Thing.gone", "has no 'Thing.gone'"),
        ("cutme:work#Gone", "stands there 0 times"),
        ("cutme.inner:work", "no module"),
        ("no_such_module:work", "no module"),
    ],
)
def test_what_is_gone_fails_by_name(
    module: str, target: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        listing.cut(target)


def test_a_listing_longer_than_a_page_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "\n".join(f"    a = {i}" for i in range(60))
    path = tmp_path / "longone.py"
    path.write_text(f"def f():\n{body}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DataError, match="61 lines and a page holds 50"):
        listing.cut("longone:f")


def test_cutting_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "inert"
    (folder / "deep").mkdir(parents=True)
    for path in (folder, folder / "deep"):
        text = "raise RuntimeError('imported')\n"
        (path / "__init__.py").write_text(text, encoding="utf-8")
    code = "raise RuntimeError('imported')\n\ndef f():\n    return 1\n"
    (folder / "deep" / "leaf.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    piece = listing.cut("inert.deep.leaf:f")
    assert piece.first == 3
    assert piece.file == "inert/deep/leaf.py"
    assert "inert" not in sys.modules


def test_a_listing_of_torch_code_needs_no_torch() -> None:
    piece = listing.cut("hornbook.model.attention:Attention.forward")
    ast.parse(textwrap.dedent("\n".join(piece.lines)))


def test_a_note_names_exactly_one_line(module: str) -> None:
    piece = listing.cut(f"{module}:work")
    body = "c += i | Later.\nb = a | First."
    notes = listing.match_notes(piece, body, "t")
    assert [note.text for note in notes] == ["First.", "Later."]
    assert [piece.lines[n.line].strip() for n in notes] == [
        "b = a + 1",
        "c += i",
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("c += | Two.", "stands in 2 lines"),
        ("gone | None.", "stands in 0 lines"),
        ("c += i", "not of the form"),
        ("c += i | ", "not of the form"),
    ],
)
def test_a_note_that_names_no_single_line_fails(
    module: str, body: str, words: str
) -> None:
    piece = listing.cut(f"{module}:work")
    with pytest.raises(DataError, match=words):
        listing.match_notes(piece, body, "t")
