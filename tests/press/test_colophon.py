from pathlib import Path

from hornbook.press.colophon import colophon, credits
from hornbook.press.fonts import Glyphs
from hornbook.press.tex_setup import Engine


def test_the_text_is_credited_with_its_licence(
    run_folder: Path,
) -> None:
    assert credits(run_folder, Glyphs()) == ["tales (CC BY 4.0)."]
    card = run_folder / "corpus" / "card.json"
    card.write_text(
        '{"sources": [{"name": "a_b"}, {"name": "c", "licence": "L", '
        '"credit": "by D"}]}',
        encoding="utf-8",
    )
    assert credits(run_folder, Glyphs()) == [
        r"a\_b (licence not stated).",
        "c (L): by D.",
    ]


def test_it_tells_the_steps_and_no_paths(run_folder: Path) -> None:
    text = colophon(run_folder, None, Glyphs())
    assert "hornbook book tiny" in text
    assert "nbconvert" in text
    assert str(run_folder.parent) not in text
    engine = Engine("tectonic", Path("/bin/true"))
    assert "Tectonic into pages" in colophon(
        run_folder, engine, Glyphs()
    )
