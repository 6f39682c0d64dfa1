import os
import socket
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from hornbook.base.errors import DataError
from hornbook.press import execute


def run_one(
    folder: Path, run: Path, samples: bool = True
) -> NotebookNode:
    (made,) = execute.execute(
        [folder / "one.md"], run, samples, lambda name: None
    )
    return made


def text_of(notebook: NotebookNode) -> str:
    cells = [cell.source for cell in notebook.cells]
    outputs = [
        str(output)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]
    return "\n".join([*cells, *outputs])


def test_a_chapter_is_run_and_its_values_stand_in_the_text(
    chapter: Callable[[str], Path], run_folder: Path
) -> None:
    folder = chapter(
        "Now {value}`run.model.layers` layers, $x_{{value}`1 + 1`}$."
        "\n\n```{code-cell}\nlayers = run.model.layers\n"
        "print('seen')\n```\n\n"
        "Then {value}`layers * 10` and {quoted}`'a*b'`.\n"
    )
    made = run_one(folder, run_folder)
    text = text_of(made)
    assert "Now 2 layers, $x_{2}$." in text
    assert "Then 20 and \ue000a\\*b\ue001." in text
    assert "seen" in text
    assert "figure.answer" not in text


def test_a_failing_cell_names_chapter_line_and_error(
    chapter: Callable[[str], Path], run_folder: Path
) -> None:
    folder = chapter("a\n\n```{code-cell}\n1 / 0\n```")
    lines = (folder / "one.md").read_text(encoding="utf-8").split("\n")
    line = lines.index("1 / 0") + 1
    with pytest.raises(DataError) as caught:
        run_one(folder, run_folder)
    assert f"one.md, line {line}: " in str(caught.value)
    assert "ZeroDivisionError: division by zero" in str(caught.value)


def test_a_failing_value_names_its_place(
    chapter: Callable[[str], Path], run_folder: Path
) -> None:
    folder = chapter("See {value}`nowhere`.")
    with pytest.raises(
        DataError, match=r"one\.md, line \d+.*NameError"
    ):
        run_one(folder, run_folder)


def test_a_colon_in_a_caption_is_pointed_at(
    chapter: Callable[[str], Path], run_folder: Path
) -> None:
    folder = chapter(
        "```{code-cell}\n---\nbook:\n  label: fig:loss\n"
        "  caption: The loss: how it fell\n---\n1\n```"
    )
    lines = (folder / "one.md").read_text(encoding="utf-8").split("\n")
    line = lines.index("```{code-cell}") + 1
    with pytest.raises(DataError) as caught:
        run_one(folder, run_folder)
    assert f"at line {line} could not" in str(caught.value)
    assert "put what holds a colon in quotes" in str(caught.value)


def test_an_unchanged_chapter_is_not_run_again(
    chapter: Callable[[str], Path],
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = chapter("```{code-cell}\nprint('a')\n```")
    first = run_one(folder, run_folder)

    def never(*_: object) -> NotebookNode:
        raise AssertionError("run again")

    monkeypatch.setattr(execute, "run_chapter", never)
    assert nbformat.writes(run_one(folder, run_folder)) == (
        nbformat.writes(first)
    )
    (run_folder / "new.json").write_text("{}", encoding="utf-8")
    with pytest.raises(AssertionError, match="run again"):
        run_one(folder, run_folder)


def test_the_books_own_files_do_not_make_it_stale(
    run_folder: Path,
) -> None:
    record = run_folder / "run.json"
    record.write_text('{"stages": {"plan": {}}}', encoding="utf-8")
    before = execute.run_digest(run_folder)
    (run_folder / "book").mkdir()
    (run_folder / "book" / "x").write_text("x", encoding="utf-8")
    text = '{"stages": {"plan": {}, "book": {"seconds": 3}}}'
    record.write_text(text, encoding="utf-8")
    assert execute.run_digest(run_folder) == before
    record.write_text('{"stages": {"plan": 1}}', encoding="utf-8")
    assert execute.run_digest(run_folder) != before


def test_withheld_samples_are_not_even_computed(
    chapter: Callable[[str], Path], run_folder: Path
) -> None:
    folder = chapter(
        "```{code-cell}\n:tags: [sample]\nprint('sec' + 'ret')\n```\n\n"
        "Quoted {quoted}`'hid' + 'den'`.\n\n"
        "```{code-cell}\nquoted('pri' + 'vate')\n```\n"
    )
    shown = text_of(run_one(folder, run_folder))
    assert "secret" in shown
    assert "hidden" in shown
    assert "private" in shown
    held = text_of(run_one(folder, run_folder, samples=False))
    assert not any(w in held for w in ("secret", "hidden", "private"))
    assert "withheld" in held


def test_the_kernel_is_this_python_and_listens_to_no_network(
    chapter: Callable[[str], Path],
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if os.name != "posix":
        pytest.skip("kernels talk over TCP here")

    def refuse(*_: object) -> None:
        raise AssertionError("bound a network socket")

    bind = socket.socket.bind
    monkeypatch.setattr(socket.socket, "bind", refuse)
    folder = chapter(
        "```{code-cell}\nimport sys\nprint(sys.executable)\n```"
    )
    made = run_one(folder, run_folder)
    monkeypatch.setattr(socket.socket, "bind", bind)
    import sys

    assert sys.executable in text_of(made)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"---\nbad: [\n---\n"])
def test_a_damaged_chapter_fails_in_one_sentence(
    tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "one.md"
    path.write_bytes(data)
    with pytest.raises(DataError, match="one.md"):
        execute.read_chapter(path)


def test_every_cell_knows_the_line_it_stands_on(
    chapter: Callable[[str], Path],
) -> None:
    folder = chapter("a\n\n```{code-cell}\nx = 1\n```\n\nb\n")
    path = folder / "one.md"
    lines = path.read_text(encoding="utf-8").split("\n")
    for cell in execute.read_chapter(path).cells[1:]:
        first = cell.source.split("\n")[0]
        assert lines[cell.metadata["line"] - 1] == first
