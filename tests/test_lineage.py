import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hornbook import lineage
from hornbook.base.record import StageRecord
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.origin import SourceConfig
from hornbook.lineage import (
    PARTS,
    data_digest,
    files_digest,
    imports,
    section_digest,
    settings,
    source_digest,
    text_digest,
    whole_digest,
    why_stale,
)
from hornbook.recipe import load_recipe
from hornbook.training.pretrain import UNASKED

PLAIN = {"recipe": "a", "source": "b", "before": "c"}


def made(**parts: str) -> StageRecord:
    """A stage that was made from these parts."""
    return StageRecord(
        digest="",
        parts={**PLAIN, **parts},
        seconds=1.0,
        peak_memory_bytes=1,
        finished="",
    )


def test_what_is_unchanged_is_not_stale() -> None:
    assert why_stale(made(), PLAIN, []) == ""


@pytest.mark.parametrize("part", PARTS)
def test_a_changed_part_is_named(part: str) -> None:
    assert why_stale(made(**{part: "x"}), PLAIN, []) == PARTS[part]


def test_every_reason_is_told() -> None:
    why = why_stale(made(recipe="x", before="x"), PLAIN, [])
    assert why == f"{PARTS['recipe']} and {PARTS['before']}"
    assert why_stale(None, PLAIN, []) == "not made yet"
    assert "a.json is missing" in why_stale(made(), PLAIN, ["a.json"])


def test_the_whole_digest_depends_on_every_part() -> None:
    digests = {whole_digest(PLAIN)}
    digests |= {whole_digest({**PLAIN, part: "x"}) for part in PARTS}
    assert len(digests) == 1 + len(PARTS)


def test_imports_are_found_also_inside_functions() -> None:
    found = imports("hornbook.stages")
    assert "hornbook.corpus.pipeline" in found
    assert "hornbook.recipe" in found
    assert "hornbook.stages" in imports("hornbook.road")
    assert not [name for name in found if "torch" in name]


def test_source_counts_with_all_that_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "hornbook.top": "from hornbook.middle import x\n",
        "hornbook.middle": "def f():\n    import hornbook.low\n",
        "hornbook.low": "import hornbook.top\n",
        "hornbook.other": "",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(
        lineage, "module_file", lambda m: tmp_path / f"{m}.py"
    )
    monkeypatch.setattr(lineage, "imports", lineage.imports.__wrapped__)
    before = source_digest(["hornbook.top"])
    for name, counts in [("other", False), ("low", True)]:
        path = tmp_path / f"hornbook.{name}.py"
        path.write_text("x = 1\n", encoding="utf-8")
        assert (source_digest(["hornbook.top"]) != before) is counts


def test_a_section_counts_alone() -> None:
    plain = load_recipe("smoke")
    tuned = load_recipe("smoke", ["finetune.chat.lr=0.5"])

    def differ(*names: str) -> bool:
        return section_digest(plain, names) != section_digest(
            tuned, names
        )

    assert differ("finetune.chat") and differ("finetune")
    assert not differ("finetune.topic", "seed", "pretrain")


def test_the_name_of_a_tuning_may_hold_a_point() -> None:
    recipe = load_recipe("smoke")
    tunings = {"a.b": recipe.finetune["chat"]}
    recipe = msgspec.structs.replace(recipe, finetune=tunings)
    found = section_digest(recipe, ["finetune.a.b"])
    assert found != section_digest(recipe, ["finetune"])


def text_of(folder: Path) -> str:
    """Digest a corpus of one folder."""
    source = SourceConfig(kind="folder", path=str(folder))
    return text_digest(CorpusConfig(source=(source,)))


def test_a_folder_of_text_counts_by_its_files(tmp_path: Path) -> None:
    file = tmp_path / "in" / "a.txt"
    file.parent.mkdir()
    file.write_text("hat", encoding="utf-8")
    states = [text_of(tmp_path)]
    # Nothing changed: nothing is told
    assert text_of(tmp_path) == states[0]
    file.write_text("coats", encoding="utf-8")
    states.append(text_of(tmp_path))
    os.utime(file, ns=(5, 5))
    states.append(text_of(tmp_path))
    (tmp_path / "b.txt").write_text("hat", encoding="utf-8")
    states.append(text_of(tmp_path))
    file.unlink()
    states.append(text_of(tmp_path))
    assert len(set(states)) == 5


def test_what_reading_would_see_changes_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, aside = tmp_path / "text", tmp_path / "aside"
    for folder in (text / "in", aside):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("hat", encoding="utf-8")
    states = [text_of(text)]

    # A right is taken away: neither size nor time changes
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)
        states.append(text_of(text))

    # Text comes in by a link
    (text / "link").symlink_to(aside)
    states.append(text_of(text))
    (aside / "b.txt").write_text("cap", encoding="utf-8")
    states.append(text_of(text))

    # A folder that may not be entered is noticed as well
    walk = os.walk

    def refuse(root: Path, onerror: Any, **options: Any) -> Any:
        yield from walk(root, **options)
        onerror(PermissionError(13, "Permission denied", "locked"))

    monkeypatch.setattr(os, "walk", refuse)
    states.append(text_of(text))
    assert len(set(states)) == 5


def test_the_home_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    before = text_of(Path("~"))
    (tmp_path / "a.txt").write_text("hat", encoding="utf-8")
    assert text_of(Path("~")) != before


def test_text_inside_hornbook_counts_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SourceConfig(kind="package", member="text.jsonl")
    config = CorpusConfig(source=(source,))
    monkeypatch.setattr(lineage, "__file__", str(tmp_path / "x.py"))
    text = tmp_path / "text.jsonl"
    text.write_text("a", encoding="utf-8")
    before = text_digest(config)
    os.utime(text, ns=(5, 5))
    assert text_digest(config) == before
    text.write_text("b", encoding="utf-8")
    assert text_digest(config) != before


def test_files_count_by_content_and_by_absence(tmp_path: Path) -> None:
    def state() -> str:
        return files_digest(tmp_path, ["a"])

    missing = state()
    (tmp_path / "a").write_text("x", encoding="utf-8")
    first = state()
    (tmp_path / "a").write_text("y", encoding="utf-8")
    assert len({missing, first, state()}) == 3


def test_examples_count_by_their_content(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert data_digest("") == data_digest(str(path)) == ""
    path.write_text("x", encoding="utf-8")
    first = data_digest(str(path))
    path.write_text("y", encoding="utf-8")
    assert data_digest(str(path)) != first != ""


def test_unfinished_pretraining_rests_on_what_its_losses_do() -> None:
    tables = msgspec.to_builtins(load_recipe("smoke"))
    rests = {k for k in settings(tables) if k.startswith("pretrain.")}
    free = {f"pretrain.{key}" for key in UNASKED - {"minutes"}}
    assert "pretrain.minutes" in rests and not rests & free
    assert rests | free == {f"pretrain.{k}" for k in tables["pretrain"]}
