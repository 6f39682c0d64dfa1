import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DiskError
from hornbook.corpus import parts, shelf, split
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.parts import (
    FACTS,
    Job,
    Part,
    make_parts,
    plan_parts,
    unit_bytes,
)
from hornbook.corpus.pipeline import curate, read_documents
from hornbook.corpus.privacy import PrivacyConfig
from hornbook.corpus.rules import RULES
from hornbook.corpus.sources import Unit, find_units
from hornbook.corpus.texts import part_file

Sentences = Callable[..., str]
UNITS = st.lists(
    st.integers(1, 3 * parts.PART_BYTES).map(
        lambda size: Unit(0, "far away", "x", start=0, stop=size)
    ),
    min_size=1,
    max_size=30,
)


@given(UNITS)
def test_every_unit_is_in_one_part_in_its_order(
    units: list[Unit],
) -> None:
    made = plan_parts(units)
    assert [unit for part in made for unit in part.units] == units
    for number, part in enumerate(made):
        assert part.number == number
        assert units[part.first] == part.units[0]
        # None is left that would have had room for another
        rest = sum(unit_bytes(unit) for unit in part.units[:-1])
        assert rest < parts.PART_BYTES
    for part in made[:-1]:
        filled = sum(unit_bytes(unit) for unit in part.units)
        assert filled >= parts.PART_BYTES


def test_a_unit_weighs_what_it_reads(tmp_path: Path) -> None:
    for name, weight in (("a.txt", 10), ("a.warc.gz", 40)):
        (tmp_path / name).write_bytes(b"0123456789")
        assert unit_bytes(Unit(0, str(tmp_path / name), "")) == weight
    assert unit_bytes(Unit(0, "s3://far/away", "")) == parts.PART_BYTES
    assert unit_bytes(Unit(0, "gone", "", problem="gone")) == 0


@pytest.fixture
def job(tmp_path: Path, sentences: Sentences) -> Job:
    texts, work = tmp_path / "texts", tmp_path / "work"
    texts.mkdir()
    work.mkdir()
    for n in range(6):
        (texts / f"{n}.txt").write_text(sentences(n), encoding="utf-8")
    config = CorpusConfig((SourceConfig("folder", path=str(texts)),))
    return Job(config, str(work), dict(RULES))


def parts_of(job: Job) -> list[Part]:
    source = job.config.source[0]
    units = find_units(0, source, Path(job.folder))
    return [Part(n, 2 * n, tuple(units[2 * n :][:2])) for n in range(3)]


def test_only_missing_parts_are_made(job: Job) -> None:
    made, folder = parts_of(job), Path(job.folder)
    make_parts(made, job)
    files = sorted(folder.iterdir())
    assert len(files) == 6
    times = {file: file.stat().st_mtime_ns for file in files}
    part_file(folder, 1, FACTS).unlink()
    make_parts(made, job)
    for file, time in times.items():
        anew = file.name.startswith("00001")
        assert (file.stat().st_mtime_ns != time) == anew


def test_rows_tell_unit_and_place(job: Job) -> None:
    made = parts_of(job)
    make_parts(made, job)
    for part in made:
        path = part_file(Path(job.folder), part.number, FACTS)
        rows = pq.read_table(path)["row"].to_pylist()
        assert rows == [part.start, part.start + parts.UNIT_ROWS]


def test_a_full_disk_is_told_in_one_sentence(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts.os, "replace", full)
    with pytest.raises(DiskError, match="the disk is full"):
        make_parts(parts_of(job)[:1], job)
    assert not part_file(Path(job.folder), 0, FACTS).exists()


@pytest.mark.usefixtures("small_limits")
def test_memory_does_not_grow_with_the_corpus(
    tmp_path: Path,
    sentences: Sentences,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four times the text, and the same Python memory."""
    monkeypatch.setattr(parts, "GROUP_CHARACTERS", 50_000)
    monkeypatch.setattr(parts, "PART_BYTES", 10**9)
    monkeypatch.setattr(shelf, "BOX_BYTES", 100_000)
    # One table of a fixed size would hide what grows
    monkeypatch.setattr(split, "SEEN", 2**12)
    monkeypatch.setattr(split, "LOWEST", np.uint64(2**12 - 1))
    peaks = []
    for documents in (2000, 2000, 2000, 8000):
        texts = tmp_path / str(len(peaks)) / "texts"
        texts.mkdir(parents=True)
        lines = (
            f'{{"text": "{sentences(n, 100)}"}}\n'
            for n in range(documents)
        )
        with (texts / "all.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(lines)
        config = CorpusConfig(
            (SourceConfig("folder", path=str(texts)),),
            heldout_documents=20,
        )
        tracemalloc.start()
        curate(config, texts.parent, 0, texts.parent)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The first fills caches
    assert peaks[3] < 1.4 * max(peaks[1:3]), peaks


@pytest.mark.usefixtures("small_limits")
def test_nothing_private_stands_around_a_text(
    tmp_path: Path, sentences: Sentences
) -> None:
    rows = [
        {
            "title": f"Write to ada@hat.org {n}",
            "about": "by bob@hat.org",
            "text": f"eve@hat.org {sentences(n) if n else 'short'}",
        }
        for n in range(3)
    ]
    file = tmp_path / "mail" / "all.jsonl"
    file.parent.mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    file.write_text(lines, encoding="utf-8")
    source = SourceConfig(
        "folder", path=str(file.parent), description="about"
    )
    config = CorpusConfig(
        (source,),
        privacy=PrivacyConfig(kinds=("email",)),
        heldout_documents=0,
        heldout_share=0.0,
    )
    card = curate(config, tmp_path / "run", 1, tmp_path)
    assert card["documents"]["kept"] == 2
    assert card["private"] == {"email": 6}
    made = tmp_path / "run" / "corpus"
    for document in read_documents(made / "train.parquet"):
        assert document.title.startswith("Write to <email>")
        assert document.description == "by <email>"
    assert "hat.org" not in (made / "card.json").read_text("utf-8")
    assert "<email>" in (made / "card.json").read_text("utf-8")
