from collections.abc import Callable
from pathlib import Path

import pytest

from hornbook.base.errors import DataError
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.explain import explain, find_fates
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.pipeline import curate

Sentences = Callable[..., str]


@pytest.fixture
def run(
    tmp_path: Path, sentences: Sentences, small_limits: None
) -> Path:
    texts = tmp_path / "texts"
    texts.mkdir()
    for n in range(40):
        file = texts / f"page {n:02}.txt"
        file.write_text(sentences(n), encoding="utf-8")
    (texts / "short.txt").write_text("No.", encoding="utf-8")
    copy = texts / "page copy.txt"
    copy.write_text(sentences(3), encoding="utf-8")
    source = SourceConfig("folder", path=str(texts), licence="CC0")
    curate(CorpusConfig((source,)), tmp_path, 0, tmp_path)
    return tmp_path


def told(run: Path, document: str) -> dict[str, str]:
    (fate,) = find_fates(run, document)
    return dict(explain(fate))


def test_a_fate_is_told_by_path_title_or_id(run: Path) -> None:
    short = told(run, "short.txt")
    assert short["fate"] == (
        "dropped by too_short: too short to learn from; 3 characters"
    )
    assert short["licence"] == "CC0"
    assert told(run, short["document"]) == short
    assert "exact_duplicate" in told(run, "page copy.txt")["fate"]
    kept = told(run, "page 07.txt")["fate"]
    assert kept.startswith(("kept to learn from", "held out"))


def test_a_part_of_a_name_finds_several(run: Path) -> None:
    assert len(find_fates(run, "page 0")) == 10
    # A whole name goes before its part
    assert len(find_fates(run, "page 01.txt")) == 1


def test_what_is_not_there_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no document of this run"):
        find_fates(run, "nowhere")
    with pytest.raises(DataError, match="run 'hornbook curate'"):
        find_fates(tmp_path / "other", "page")
