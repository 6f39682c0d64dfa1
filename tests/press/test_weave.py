import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hornbook.base.errors import DataError
from hornbook.base.record import StageRecord, new_record
from hornbook.press import engine, weave
from hornbook.press.config import PressConfig
from hornbook.press.run_folder import Run
from hornbook.press.tex_setup import tectonic_path
from hornbook.press.weave import chapter_order, make_book, run_line

from .conftest import needs_lualatex, write_run

CONFIG = PressConfig(
    title="A Tiny Book", author="Nobody", link="https://example.org/a_b"
)


def pages(pdf: Path, order: str = "-layout") -> str:
    done = subprocess.run(
        ["pdftotext", order, str(pdf), "-"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def book(shelf: Path) -> Path:
    return make_book(
        shelf / "tiny", CONFIG, source=shelf / "chapters"
    ).parent


@needs_lualatex
def test_the_book_has_all_its_parts(book: Path) -> None:
    text = pages(book / "book.pdf")
    assert "??" not in text
    for words in (
        "A Tiny Book",
        "The run tiny",
        "Contents",
        "It has two layers.",
        "Colophon",
        "Bibliography",
        "Index",
        "Solutions",
        "the sum is 2",
        "A secret of the corpus.",
        "https://example.org/a_b",
        "U+6C49",
    ):
        assert words in text, words
    assert "It has many layers." not in text
    said = (book / "book.log").read_text(encoding="utf-8")
    assert re.search(r"^pages: \d\d$", said, re.MULTILINE)
    assert "faults: 0" in said
    assert "characters set as boxes: 1 (U+6C49 1 times)" in said


@needs_lualatex
def test_notebooks_number_everything_as_the_pages_do(
    book: Path,
) -> None:
    path = book / "notebooks" / "first.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    plain = " ".join("\n".join(cells).replace("*", "").split())
    printed = " ".join(pages(book / "book.pdf", "-raw").split())
    for caption in (
        "Listing 1.1. Notes that must not",
        "Figure 1.1. One of 2 blocks",
        "Figure 1.2. The loss",
        "Table 1.1. The parts",
        "Exercise 1.1. Adding",
        "Listing 1.1, Figure 1.1, Figure 1.2, Table 1.1, Exercise 1.1",
    ):
        assert caption in plain, caption
        assert caption.lower() in printed.lower(), caption


@needs_lualatex
def test_a_second_printing_elsewhere_is_the_same_to_the_byte(
    book: Path, shelf: Path, tmp_path: Path
) -> None:
    run = tmp_path / "elsewhere" / "tiny"
    shutil.copytree(shelf / "tiny", run)
    shutil.rmtree(run / "book" / "tex")
    again = make_book(run, CONFIG, source=shelf / "chapters")
    assert again.read_bytes() == (book / "book.pdf").read_bytes()


@needs_lualatex
def test_no_path_or_name_of_this_machine_stands_in_the_book(
    book: Path, shelf: Path
) -> None:
    names = [str(shelf), sys.prefix, str(Path.cwd())]
    for path in [book / "book.log", *book.glob("notebooks/*")]:
        text = path.read_text(encoding="utf-8")
        assert not any(name in text for name in names), path
    text = pages(book / "book.pdf")
    assert not any(name in text for name in names)
    raw = (book / "book.pdf").read_bytes()
    for name in names:
        assert name.encode() not in raw


@needs_lualatex
def test_without_samples_the_pages_hold_no_text_of_the_run(
    book: Path, shelf: Path, tmp_path: Path
) -> None:
    secret = "A secret of the corpus."
    assert secret in pages(book / "book.pdf")
    run = write_run(tmp_path / "tiny")
    config = PressConfig(title=CONFIG.title, samples=False)
    made = make_book(run, config, source=shelf / "chapters")
    text = pages(made)
    assert secret not in text
    assert "[withheld]" in text


@needs_lualatex
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "See {numref}`fig:no` and {cite:p}`no2000`.",
            ["'fig:no' leads nowhere", "'no2000' leads nowhere"],
        ),
        ("Wrong $\\nomacro$.", ["Undefined control sequence"]),
    ],
)
def test_faults_are_shown_where_they_were_written(
    chapter: Callable[[str], Path],
    run_folder: Path,
    text: str,
    words: list[str],
) -> None:
    source = chapter(f"One.\n\n{text}")
    lines = (source / "one.md").read_text(encoding="utf-8").split("\n")
    line = lines.index(text) + 1
    with pytest.raises(DataError) as caught:
        make_book(run_folder, CONFIG, source=source)
    assert f"one.md, line {line}: " in str(caught.value)
    assert any(word in str(caught.value) for word in words)
    path = run_folder / "book" / "book.log"
    said = path.read_text(encoding="utf-8")
    assert all(word in said for word in words)
    assert f"faults: {len(words)}" in said
    assert not (run_folder / "book" / "book.pdf").exists()


@needs_lualatex
def test_a_wide_line_of_code_and_its_callout_fit_the_page(
    tmp_path: Path,
    chapter: Callable[[str], Path],
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = "wide = '" + "m" * 63 + "'"
    assert len(line) == 72
    (tmp_path / "wide.py").write_text(line + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    source = chapter(
        "```{listing} wide\n:label: lst:a\n:caption: C.\n\n"
        f"wide = | A note.\n```\n\n```python\n{line}\n```"
    )
    make_book(run_folder, CONFIG, source=source)
    said = run_folder / "book" / "book.log"
    assert "remarks: 0" in said.read_text(encoding="utf-8")


def test_without_tex_all_but_the_pdf_is_made(
    chapter: Callable[[str], Path],
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(engine, "find_engine", lambda: None)
    made = make_book(run_folder, CONFIG, source=chapter("Text."))
    book = run_folder / "book"
    assert made == book / "book.log"
    assert "there is no PDF" in made.read_text(encoding="utf-8")
    assert (book / "notebooks" / "one.ipynb").exists()
    assert (book / "tex" / "one.tex").exists()
    assert not (book / "book.pdf").exists()
    said = capsys.readouterr().err
    assert said.count("there is no TeX") == 1
    assert "apt-get" in said


def test_an_unknown_chapter_fails_with_the_known_ones(
    chapter: Callable[[str], Path], run_folder: Path
) -> None:
    source = chapter("Text.")
    with pytest.raises(DataError, match="'two'; known are one"):
        make_book(run_folder, CONFIG, ["two"], source=source)


def test_the_shipped_chapters_all_have_a_place_in_the_order() -> None:
    place = weave.shipped("chapters")
    files = {path.stem for path in place.glob("*.md")}
    assert set(chapter_order(place)) == files


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("xelatex") and shutil.which("pandoc")),
    reason="needs pandoc and texlive-xetex",
)
def test_a_notebook_converts_with_plain_nbconvert(
    shelf: Path, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "tiny")
    make_book(run, CONFIG, source=shelf / "chapters")
    path = run / "book" / "notebooks" / "first.ipynb"
    words = [sys.executable, "-m", "nbconvert", "--to", "pdf"]
    done = subprocess.run(
        [*words, "--output-dir", str(tmp_path), str(path)],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    text = pages(tmp_path / "first.pdf")
    assert "Listing 1.1" in text
    assert "numref" not in text


@pytest.mark.slow
@pytest.mark.skipif(
    not tectonic_path().is_file(),
    reason="needs Tectonic in the cache folder",
)
def test_tectonic_sets_the_same_pages(
    book: Path,
    shelf: Path,
    tex_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(engine.BUNDLE_VARIABLE, str(tex_bundle))
    run = tmp_path / "tiny"
    shutil.copytree(shelf / "tiny", run)
    shutil.rmtree(run / "book" / "tex")
    config = PressConfig(
        title=CONFIG.title, link=CONFIG.link, engine="tectonic"
    )
    made = make_book(run, config, source=shelf / "chapters")
    theirs = pages(book / "book.pdf").split()
    assert len(pages(made).split()) == pytest.approx(
        len(theirs), rel=0.05
    )
    assert "??" not in pages(made)


def test_the_title_page_says_which_run_and_when(
    run_folder: Path,
) -> None:
    run = Run(run_folder)
    assert run_line(run) == "The run tiny"
    record = new_record("tiny", run_folder, 1, {})
    for name, day in (("pretrain", 3), ("export", 4), ("book", 5)):
        made = StageRecord(
            digest="", parts={}, seconds=1.0, peak_memory_bytes=1,
            finished=f"2026-11-0{day}T10:00:00+00:00",
        )
        record = record.with_stage(name, made)
    record.save()
    assert run_line(Run(run_folder)) == "The run tiny, 4 November 2026"
