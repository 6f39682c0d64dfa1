import re
from pathlib import Path

import pytest

from hornbook.base.errors import DataError, MissingToolError
from hornbook.press import engine
from hornbook.press.tex_setup import Engine


def test_an_engine_that_is_not_there_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(engine, "find_engine", lambda: None)
    assert engine.choose_engine("auto") is None
    for wish in ("lualatex", "tectonic"):
        with pytest.raises(MissingToolError, match=f"asks for {wish}"):
            engine.choose_engine(wish)


def fake(tmp_path: Path, script: str) -> Engine:
    """A TeX that counts its passes and does what it is told."""
    path = tmp_path / "lualatex"
    head = "#!/bin/sh\necho x >> passes\n"
    path.write_text(head + script, encoding="utf-8")
    path.chmod(0o755)
    return Engine("lualatex", path)


def passes(work: Path) -> int:
    log = work / "passes"
    return len(log.read_text(encoding="utf-8").split())


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("book.tex", "references.bib"):
        (folder / name).write_text("", encoding="utf-8")
    return folder


def test_passes_end_when_nothing_changes(
    work: Path, tmp_path: Path
) -> None:
    settle = (
        "n=$(wc -l < passes); [ $n -gt 3 ] && n=3\n"
        "echo $n > book.aux; echo pdf > book.pdf\n"
    )
    made = fake(tmp_path, settle)
    engine.set_pages(work, made)
    assert passes(work) == 4
    engine.set_pages(work, made)
    assert passes(work) == 4
    (work / "book.tex").write_text("changed", encoding="utf-8")
    engine.set_pages(work, made)
    assert passes(work) > 4


def test_pages_that_never_settle_do_not_loop(
    work: Path, tmp_path: Path
) -> None:
    made = fake(tmp_path, "cp passes book.aux; echo pdf > book.pdf\n")
    engine.set_pages(work, made)
    assert passes(work) == engine.MOST_PASSES


def test_an_error_of_tex_is_raised_with_its_place(
    work: Path, tmp_path: Path
) -> None:
    chapter = "%@ tokens 7\nbad\n"
    (work / "tokens.tex").write_text(chapter, encoding="utf-8")
    made = fake(tmp_path, "echo './tokens.tex:2: Oh dear.'; exit 1\n")
    with pytest.raises(
        DataError, match=r"tokens\.md, line 7: .*Oh dear"
    ):
        engine.set_pages(work, made)


def test_tex_runs_no_programs() -> None:
    for name in ("lualatex", "tectonic"):
        words = engine.command(Engine(name, Path(name)))
        assert {"-no-shell-escape", "--untrusted"} & set(words)


def test_the_first_pass_knows_what_is_cited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(engine, "_run", lambda w, _: ran.append(w))
    (tmp_path / "references.bib").write_text("", encoding="utf-8")
    engine.foretell_works(tmp_path)
    assert not (tmp_path / "book.aux").exists()

    chapter = r"\citet{a1} \citep[p.~3][]{b, c} \cited{no}"
    (tmp_path / "one.tex").write_text(chapter, encoding="utf-8")
    engine.foretell_works(tmp_path)
    aux = (tmp_path / "book.aux").read_text(encoding="utf-8")
    found = re.findall(r"\\citation\{(.*)\}", aux)
    assert found == ["a1", "b", "c"]
    assert ran == [["bibtex", "-terse", "book"]]

    # What an earlier build knows is left alone
    (tmp_path / "one.tex").write_text(r"\citet{z}", encoding="utf-8")
    engine.foretell_works(tmp_path)
    assert len(ran) == 1
