import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.base.document import Document, document_id
from hornbook.base.errors import DataError, RecipeError
from hornbook.corpus import config as limits
from hornbook.corpus import engine as engine_room
from hornbook.corpus import parts, pipeline
from hornbook.corpus.config import CorpusConfig, judge_size
from hornbook.corpus.grams import gram_hashes, jaccard
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.pipeline import (
    curate,
    each_reading,
    read_documents,
)
from hornbook.corpus.read import read_unit
from hornbook.corpus.reading import Reading
from hornbook.corpus.rules import RULES, RulesConfig
from hornbook.corpus.sources import find_units

Sentences = Callable[..., str]
Write = Callable[..., Path]

SMOKE = CorpusConfig(
    source=(
        SourceConfig(
            kind="package",
            member="recipes/smoke/articles.jsonl",
            text="extract",
            description="description",
            topic="topic",
        ),
    ),
    heldout_documents=40,
)


def both_sides(run: Path) -> tuple[list[Document], list[Document]]:
    return (
        read_documents(run / "corpus" / "train.parquet"),
        read_documents(run / "corpus" / "heldout.parquet"),
    )


def folder(path: Path, **options: Any) -> SourceConfig:
    return SourceConfig(kind="folder", path=str(path), **options)


def test_the_smoke_text_is_enough(tmp_path: Path) -> None:
    card = curate(SMOKE, tmp_path, 0, tmp_path)
    train, heldout = both_sides(tmp_path)
    assert len(heldout) == 40
    assert card["bytes"]["train"] > 200_000
    assert len({about.topic for about in train}) == 11
    assert all(about.description for about in train + heldout)
    assert len(card["warnings"]) == 1


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        curate(SMOKE, tmp_path / name, 0, tmp_path)
    files = sorted((tmp_path / "one" / "corpus").iterdir())
    assert [file.name for file in files] == [
        "card.json",
        "card.md",
        "fates.parquet",
        "heldout.parquet",
        "train.parquet",
    ]
    for file in files:
        other = tmp_path / "two" / "corpus" / file.name
        assert file.read_bytes() == other.read_bytes()


def test_the_seed_chooses_samples_and_no_text(tmp_path: Path) -> None:
    one = curate(SMOKE, tmp_path / "one", 1, tmp_path)
    two = curate(SMOKE, tmp_path / "two", 2, tmp_path)
    assert one["digest"] == two["digest"]
    assert one["samples"] != two["samples"]


def test_documents_are_sorted_named_and_true(tmp_path: Path) -> None:
    curate(SMOKE, tmp_path, 0, tmp_path)
    for side in both_sides(tmp_path):
        assert [about.id for about in side] == sorted(
            {about.id for about in side}
        )
        for about in side:
            assert about.id == document_id(about.source, about.text)


PIECES = st.sampled_from(
    [
        "A hat is a covering for the head, worn for many reasons.",
        "a hat is a covering for the head -- worn for many reasons",
        "The river runs through the valley and into the cold sea.",
        "Bread is made of flour and water and baked in an oven.",
        "123 456 789 000 ||| 123 456 789 000 ||| 123 456 789 000",
        "short",
        "",
        "caf\ufffd \ufffd\ufffd and the rest of it was lost in a fire",
    ]
)
RECORDS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"text": PIECES | st.text()}),
        st.lists(PIECES, max_size=30).map(
            lambda parts: {"text": "\n".join(parts), "title": "T"}
        ),
        st.just({"wrong": 1}),
    ),
    min_size=1,
    max_size=25,
)


@given(one=RECORDS, two=RECORDS)
@settings(max_examples=12)
def test_the_counts_reconcile(
    one: list[dict[str, str]],
    two: list[dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("run")
    good = "One document that is always there, so that there is one."
    for name, records in (("a", one), ("b", two)):
        (place / name).mkdir()
        lines = map(json.dumps, [*records, {"text": good + name}])
        (place / name / "x.jsonl").write_text(
            "\n".join(lines), encoding="utf-8"
        )
    config = CorpusConfig(
        source=(folder(place / "a"), folder(place / "b")),
        heldout_share=0.2,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "LEAST_TEXT_BYTES", 1)
        patch.setattr(limits, "LEAST_DOCUMENTS", 1)
        card = curate(config, place, 0, place)

    # What came in is what there was to read
    counts = card["documents"]
    given_texts = [r["text"] for r in one + two if "text" in r]
    assert counts["in"] == len(given_texts) + 2
    assert card["passed_over"]["count"] == (
        len(one) + len(two) - len(given_texts)
    )

    # What came in is what stayed and what went
    assert counts["in"] == counts["kept"] + sum(
        counts["dropped"].values()
    )
    train, heldout = both_sides(place)
    assert counts["kept"] == len(train) + len(heldout)
    assert (counts["train"], counts["heldout"]) == (
        len(train), len(heldout),
    )  # fmt: skip
    for name in ("in", "kept"):
        assert counts[name] == sum(s[name] for s in card["sources"])
    for name, side in (("train", train), ("heldout", heldout)):
        texts = [about.full_text for about in side]
        assert card["characters"][name] == sum(map(len, texts))
        assert card["bytes"][name] == sum(
            len(text.encode()) for text in texts
        )


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("near_duplicate", [0.8, 0.0])
def test_nothing_held_out_is_met_again_in_training(
    near_duplicate: float,
    tmp_path: Path,
    write_jsonl: Write,
    sentences: Sentences,
) -> None:
    """Copies, extracts and namesakes of 120 articles lie elsewhere."""
    articles, others = [], []
    for seed in range(120):
        text = sentences(seed, words=120)
        articles.append({"text": text, "title": f"Hat {seed}"})
        words = text.split()
        near = " ".join([*words[:60], "changed", *words[61:]])
        part = " ".join([*words[:70], sentences(seed + 1000)])
        others += [
            {"text": near, "title": f"near {seed}"},
            {"text": part, "title": f"part {seed}"},
            {"text": sentences(seed + 2000), "title": f"HAT {seed}"},
            {"text": sentences(seed + 3000), "title": f"free {seed}"},
        ]
    config = CorpusConfig(
        source=(
            folder(write_jsonl("wiki", articles)),
            folder(write_jsonl("web", others)),
        ),
        near_duplicate=near_duplicate,
        heldout_documents=40,
        heldout_from=("wiki",),
    )
    card = curate(config, tmp_path, 0, tmp_path)
    train, heldout = both_sides(tmp_path)

    # Compare all pairs
    assert {about.source for about in heldout} == {"wiki"}
    grams = [gram_hashes(about.text) for about in heldout]
    for about in train:
        mine = gram_hashes(about.text)
        assert all(jaccard(mine, other) < 0.5 for other in grams)
    names = {about.title.casefold() for about in heldout}
    assert not names & {about.title.casefold() for about in train}

    # Each reason is counted as its own, and the rest stays
    dropped = Counter(card["documents"]["dropped"])
    assert dropped["heldout_title"] == 40
    if near_duplicate:
        assert dropped["near_duplicate"] == 120
        assert dropped["heldout_overlap"] == 40
    else:
        assert dropped["near_duplicate"] == 0
        assert dropped["heldout_overlap"] == 80
    free = sum(about.title.startswith("free") for about in train)
    assert free == 120


@pytest.mark.usefixtures("small_limits")
def test_the_earlier_source_is_preferred(
    tmp_path: Path, write_jsonl: Write, sentences: Sentences
) -> None:
    texts = [{"text": sentences(seed)} for seed in range(20)]
    one, two = write_jsonl("one", texts), write_jsonl("two", texts)
    for first, second in ((one, two), (two, one)):
        config = CorpusConfig(source=(folder(first), folder(second)))
        run = tmp_path / f"run {first.name}"
        card = curate(config, run, 0, tmp_path)
        assert card["documents"]["dropped"] == {"exact_duplicate": 20}
        assert card["sources"][0]["kept"] == 20


@pytest.mark.usefixtures("small_limits")
def test_strict_stops_where_a_file_cannot_be_read(
    tmp_path: Path, sentences: Sentences
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "good.txt").write_text(sentences(1), encoding="utf-8")
    (texts / "bad.txt").write_bytes(b"\xff\xfe\xff")
    (texts / "torn.parquet").write_bytes(b"PAR1 and no more")
    (texts / "film.avi").write_bytes(b"RIFF")
    (texts / "README").write_text("Read me.", encoding="utf-8")
    config = CorpusConfig(source=(folder(texts),))
    card = curate(config, tmp_path / "run", 0, tmp_path)
    assert card["documents"]["in"] == 1
    listed = {item["path"] for item in card["passed_over"]["listed"]}
    assert listed == {"bad.txt", "torn.parquet"}
    kinds = card["passed_over"]["kinds"]
    assert kinds == {".avi": 1, "no extension": 1}
    with pytest.raises(DataError, match="2 files.*bad.txt"):
        curate(config, tmp_path / "strict", 0, tmp_path, strict=True)
    assert not (tmp_path / "strict" / "corpus").exists()

    # A mixed folder may be read strictly once its texts are whole
    (texts / "bad.txt").unlink()
    (texts / "torn.parquet").unlink()
    curate(config, tmp_path / "strict", 0, tmp_path, strict=True)


@pytest.mark.usefixtures("small_limits")
def test_broken_files_are_named_on_the_screen(
    tmp_path: Path,
    sentences: Sentences,
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "good.txt").write_text(sentences(1), encoding="utf-8")
    for number in range(12):
        (texts / f"bad {number:02}.txt").write_bytes(b"\0t\0")
        (texts / f"a {number}.png").write_bytes(b"PNG")
    config = CorpusConfig(source=(folder(texts),))
    curate(config, tmp_path / "run", 0, tmp_path)
    said = capsys.readouterr().err
    assert "12 files or records could not be read" in said
    assert "bad 09.txt: a binary file" in said
    assert "bad 10.txt" not in said and "names the others" in said
    assert "12 files of kinds that are not read: 12 .png" in said


def test_too_little_text_is_refused(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    story = "Once upon a time there was a hat. " * 9
    (texts / "a.txt").write_text(story, encoding="utf-8")
    with pytest.raises(DataError, match="306 bytes|too little"):
        curate(
            CorpusConfig(source=(folder(texts),)), tmp_path, 0, tmp_path
        )
    assert not (tmp_path / "corpus").exists()


def test_the_limits_of_size() -> None:
    assert judge_size(5_000_000, 50) == ""
    assert "little" in judge_size(4_999_999, 50)
    for text_bytes, documents in ((99_999, 50), (100_000, 49)):
        with pytest.raises(DataError, match="too little"):
            judge_size(text_bytes, documents)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CorpusConfig((folder(Path("a")), folder(Path("b/a")))), "two"),
        (
            CorpusConfig((folder(Path("a")),), RulesConfig(("nice",))),
            "no rule 'nice'",
        ),
        (
            CorpusConfig((folder(Path("a")),), heldout_from=("x",)),
            "no source 'x'",
        ),
    ],
)
def test_words_that_lead_nowhere_are_refused(
    config: CorpusConfig, words: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=words):
        curate(config, tmp_path, 0, tmp_path)


def test_a_source_without_any_text_is_refused(
    tmp_path: Path, write_jsonl: Write
) -> None:
    wrong = folder(write_jsonl("texts", [{"body": "A hat."}]))
    with pytest.raises(DataError, match="'texts' gave no document"):
        curate(CorpusConfig(source=(wrong,)), tmp_path, 0, tmp_path)


@pytest.mark.usefixtures("small_limits")
def test_a_rule_of_ones_own(
    tmp_path: Path,
    write_jsonl: Write,
    sentences: Sentences,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hatless(reading: Reading, limits: RulesConfig) -> str:
        return "" if "hat" in reading.text else "no hat"

    monkeypatch.setitem(RULES, "hatless", hatless)
    texts = [
        sentences(seed) + " hat" * (seed % 2) for seed in range(20)
    ]
    source = folder(
        write_jsonl("x", [{"text": text} for text in texts])
    )
    config = CorpusConfig((source,), RulesConfig(names=("hatless",)))
    card = curate(config, tmp_path, 0, tmp_path)
    assert card["documents"]["dropped"] == {"hatless": 10}
    assert "no hat" in (tmp_path / "corpus" / "card.md").read_text(
        encoding="utf-8"
    )


def test_a_failure_leaves_the_old_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curate(SMOKE, tmp_path, 0, tmp_path)
    before = (tmp_path / "corpus" / "card.json").read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pipeline, "write_json", fail)
    with pytest.raises(Exception, match="full"):
        curate(SMOKE, tmp_path, 1, tmp_path)
    assert (tmp_path / "corpus" / "card.json").read_bytes() == before
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"corpus", pipeline.WORK}


@pytest.mark.usefixtures("small_limits")
def test_what_was_held_out_stays_held_out(
    tmp_path: Path, write_jsonl: Write, sentences: Sentences
) -> None:
    """New text, put first, repeats what is held out and what is not."""
    texts = [{"text": sentences(n, words=200)} for n in range(60)]
    old = folder(write_jsonl("old", texts))
    config = CorpusConfig(source=(old,), heldout_documents=20)
    curate(config, tmp_path, 0, tmp_path)
    train, heldout = both_sides(tmp_path)
    held = {about.id for about in heldout}

    # Copies and near-copies of all of it come, and other text
    copies = [about.text for about in (*train, *heldout)]
    near = [f"{text} And so on." for text in copies]
    fresh = [sentences(1000 + n, words=200) for n in range(60)]
    new = [{"text": text} for text in (*copies, *near, *fresh)]
    sources = (folder(write_jsonl("new", new)), old)
    config = CorpusConfig(source=sources, heldout_documents=20)
    card = curate(config, tmp_path, 0, tmp_path)
    train, heldout = both_sides(tmp_path)
    assert {about.id for about in heldout} == held
    assert card["documents"]["dropped"] == {
        "exact_duplicate": 60,
        "near_duplicate": 60,
    }
    kept_texts = {about.text for about in train}
    assert kept_texts.isdisjoint(about.text for about in heldout)
    assert len(train) == 40 + 60

    # Whoever asks for another split gets another one
    config = CorpusConfig(source=sources, heldout_documents=21)
    curate(config, tmp_path, 0, tmp_path)
    assert {about.id for about in both_sides(tmp_path)[1]} != held


@pytest.mark.usefixtures("small_limits")
def test_every_document_meets_its_fate(
    tmp_path: Path, write_jsonl: Write, sentences: Sentences
) -> None:
    import pyarrow.parquet as pq

    texts = [sentences(n, words=200) for n in range(60)]
    texts += ["No.", texts[0], f"{texts[1]} And so on.", "123 " * 99]
    source = folder(write_jsonl("x", [{"text": t} for t in texts]))
    card = curate(CorpusConfig((source,)), tmp_path, 0, tmp_path)
    table = pq.read_table(tmp_path / "corpus" / "fates.parquet")
    fates = table.to_pylist()
    assert len(fates) == card["documents"]["in"] == 64
    assert Counter(f["rule"] for f in fates if f["rule"]) == Counter(
        card["documents"]["dropped"]
    )
    by_side = Counter(f["side"] for f in fates if f["side"])
    for side in ("train", "heldout"):
        assert by_side[side] == card["documents"][side]
    assert all(bool(f["rule"]) != bool(f["side"]) for f in fates)
    assert "100% like" in fates[61]["finding"]


@pytest.mark.usefixtures("small_limits")
def test_a_mixture_reads_documents_as_often_as_it_says(
    tmp_path: Path, write_jsonl: Write, sentences: Sentences
) -> None:
    one, two = (
        folder(
            write_jsonl(
                name,
                [{"text": sentences(n + start)} for n in range(100)],
            ),
            epochs=epochs,
        )
        for name, start, epochs in (("a", 0, 2.0), ("b", 500, 0.5))
    )
    config = CorpusConfig((one, two), heldout_share=0.0)
    card = curate(config, tmp_path, 0, tmp_path)
    path = tmp_path / "corpus" / "train.parquet"
    read = Counter(about.source for about in each_reading(path))
    assert read["a"] == 200
    assert 30 < read["b"] < 70
    assert card["documents"]["dropped"] == {"mixture": 100 - read["b"]}
    assert [s["epochs"] for s in card["sources"]] == [2.0, 0.5]


@pytest.mark.usefixtures("small_limits")
def test_common_paragraphs_stay_in_the_first_document(
    tmp_path: Path, write_jsonl: Write, sentences: Sentences
) -> None:
    notice = "Subscribe to our newsletter, and never miss a hat again!"
    texts = [f"{notice}\n\n{sentences(n)}" for n in range(40)]
    texts[7] = f"{notice}\n\nHats."
    source = folder(write_jsonl("x", [{"text": t} for t in texts]))
    config = CorpusConfig(
        (source,), common_paragraphs=3, heldout_share=0.0
    )
    card = curate(config, tmp_path, 0, tmp_path)
    train, heldout = both_sides(tmp_path)
    told = sum(notice in about.text for about in (*train, *heldout))
    assert told == 1
    assert card["documents"]["dropped"] == {"common_paragraphs": 1}
    assert card["bytes"]["train"] == sum(
        len(about.full_text.encode()) for about in train
    )


def test_curation_goes_on_with_the_parts_that_are_missing(
    tmp_path: Path,
    sentences: Sentences,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped in its third part, it reads the first two no more."""
    monkeypatch.setattr(parts, "PART_BYTES", 1)
    monkeypatch.setattr(engine_room, "cores", lambda: 1)
    texts = tmp_path / "texts"
    texts.mkdir()
    for n in range(60):
        (texts / f"{n:02}.txt").write_text(
            sentences(n, words=400), encoding="utf-8"
        )
    config = CorpusConfig(source=(folder(texts),))
    whole = curate(config, tmp_path / "whole", 0, tmp_path)
    reading, read = parts.read_unit, []

    def stopping(unit: Any, source: SourceConfig) -> Any:
        if unit.label == "20.txt" and len(read) < 40:
            raise RuntimeError("stopped here")
        read.append(unit.label)
        return reading(unit, source)

    monkeypatch.setattr(parts, "read_unit", stopping)
    run = tmp_path / "run"
    with pytest.raises(Exception, match="stopped here"):
        curate(config, run, 0, tmp_path)
    assert not (run / "corpus").exists()
    before = len(read)
    assert before >= 1
    read += [""] * 40
    card = curate(config, run, 0, tmp_path)
    assert len(read) - 40 < 60 + before
    assert card == whole
    for name in ("train", "heldout", "fates"):
        file = f"corpus/{name}.parquet"
        one, two = tmp_path / "whole" / file, run / file
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("hands", [2, 3])
def test_many_processes_write_the_same_bytes_as_one(
    hands: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sentences: Sentences,
) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 100_000)
    texts = tmp_path / "texts"
    texts.mkdir()
    for n in range(30):
        lines = [sentences(n * 50 + m % 40, 50) for m in range(50)]
        (texts / f"{n:02}.jsonl").write_text(
            "\n".join(json.dumps({"text": line}) for line in lines),
            encoding="utf-8",
        )
    config = CorpusConfig(source=(folder(texts),))
    for count in (1, hands):
        monkeypatch.setattr(engine_room, "cores", lambda n=count: n)
        curate(config, tmp_path / str(count), 0, tmp_path)
    for file in (tmp_path / "1" / "corpus").iterdir():
        other = tmp_path / str(hands) / "corpus" / file.name
        assert file.read_bytes() == other.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of Unix")
def test_a_kill_leaves_no_half_corpus(tmp_path: Path) -> None:
    """Killed at several moments, the corpus is absent or whole."""
    code = (
        "import sys; from pathlib import Path; import msgspec;"
        "from hornbook.corpus.config import CorpusConfig;"
        "from hornbook.corpus.pipeline import curate;"
        "config = msgspec.json.decode(sys.argv[1], type=CorpusConfig);"
        "place = Path(sys.argv[2]);"
        "print('ready', flush=True);"
        "curate(config, place, 0, place)"
    )
    import msgspec

    text = msgspec.json.encode(SMOKE).decode()
    for milliseconds in (0, 150, 300, 450, 600):
        place = tmp_path / str(milliseconds)
        process = subprocess.Popen(
            [sys.executable, "-c", code, text, str(place)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"ready"
        time.sleep(milliseconds / 1000)
        process.kill()
        process.communicate()
        if (place / "corpus").exists():
            assert len(list((place / "corpus").iterdir())) == 5
            assert len(both_sides(place)[1]) == 40
    curate(SMOKE, tmp_path / "0", 0, tmp_path)
    assert [p.name for p in (tmp_path / "0").iterdir()] == ["corpus"]


@pytest.mark.usefixtures("small_limits")
def test_no_path_or_user_stands_in_the_corpus(
    tmp_path: Path, sentences: Sentences
) -> None:
    texts = tmp_path / "secret-place" / "texts"
    texts.mkdir(parents=True)
    for seed in range(20):
        file = texts / f"{seed}.txt"
        file.write_text(sentences(seed), encoding="utf-8")
    (texts / "bad.txt").write_bytes(b"\0")
    config = CorpusConfig(source=(folder(texts),))
    curate(config, tmp_path / "run", 0, tmp_path)
    for file in (tmp_path / "run" / "corpus").iterdir():
        assert b"secret-place" not in file.read_bytes()


def test_a_missing_or_torn_table_says_what_to_do(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match="run 'hornbook curate'"):
        read_documents(tmp_path / "train.parquet")
    (tmp_path / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="run 'hornbook curate'"):
        read_documents(tmp_path / "train.parquet")


def test_story_books_become_a_corpus(
    shared_data: Path, tmp_path: Path
) -> None:
    books = folder(
        shared_data / "corpora" / "children", cut_characters=20_000
    )
    card = curate(CorpusConfig(source=(books,)), tmp_path, 0, tmp_path)
    total = card["bytes"]["train"] + card["bytes"]["heldout"]
    assert 14_000_000 < total < 17_000_000
    assert card["passed_over"]["count"] == 0
    assert (
        card["documents"]["heldout"] / card["documents"]["kept"] > 0.02
    )


def test_whole_story_books_have_their_titles(shared_data: Path) -> None:
    path = shared_data / "corpora" / "children"
    source = folder(path)
    titles = {
        raw.title
        for unit in find_units(0, source, path)
        for raw in read_unit(unit, source)
    }
    assert len(titles) == 50
    assert not any(title.startswith("Title") for title in titles)
