"""The chapters: what they name exists; they say what the run says."""

import re
from pathlib import Path

import msgspec
import pytest

from hornbook.press import execute, listing
from hornbook.press.weave import chapter_order, shipped

PLACE = shipped("chapters")
NAMES = chapter_order(PLACE)
TEXTS = {
    name: (PLACE / f"{name}.md").read_text(encoding="utf-8")
    for name in NAMES
}
FENCE = re.compile(
    r"^(`{3,})\{([\w-]+)\}[ ]*(.*?)\n(.*?)^\1$",
    re.MULTILINE | re.DOTALL,
)


def fences(text: str, kind: str) -> list[tuple[str, str]]:
    """Give the argument and the body of each directive of a kind."""
    found = []
    for match in FENCE.finditer(text):
        if match[2] == kind:
            found.append((match[3], match[4]))
        elif match[2] == "when":
            found += fences(match[4], kind)
    return found


def prose(text: str) -> str:
    """The words of a chapter that stand outside code and values."""
    body = text.split("---\n", 2)[2]
    for hidden in (
        r"(?ms)^```\{code-cell\}.*?^```$",
        r"(?ms)^\$\$.*?^\$\$[^\n]*$",
        r"(?m)^`{3,}\{[^\n]*$|^:\w+:[^\n]*$",
        r"\{[\w:]+\}`[^`]*`",
        r"`[^`\n]*`|\$[^$]*\$",
    ):
        body = re.sub(hidden, "", body)
    return body


@pytest.mark.parametrize("name", NAMES)
def test_every_listing_and_its_notes_stand_in_the_source(
    name: str,
) -> None:
    for target, body in fences(TEXTS[name], "listing"):
        lines = body.splitlines()
        options = [x for x in lines if x.startswith(":")]
        notes = [x for x in lines if not x.startswith(":")]
        whole = ":docstring: no" not in options
        piece = listing.cut(target, whole)
        found = listing.match_notes(piece, "\n".join(notes), target)
        assert len(found) == sum(" | " in note for note in notes)


def test_a_moved_line_is_noticed() -> None:
    piece = listing.cut("hornbook.model.rope:rotate")
    with pytest.raises(Exception, match="lines"):
        listing.match_notes(piece, "no such line | A note.", "x")


def test_every_reference_has_its_label() -> None:
    text = "\n".join(TEXTS.values())
    labels = set(re.findall(r"^\(([\w:.-]+)\)=$", text, re.M))
    labels |= set(re.findall(r"^\s*:?label: ([\w:.-]+)$", text, re.M))
    labels |= set(re.findall(r"\$\$ \((eq:[\w.-]+)\)", text))
    wanted = set(re.findall(r"\{(?:numref|eq|ref)\}`([^`]+)`", text))
    wanted |= set(re.findall(r"^`+\{solution\} (\S+)$", text, re.M))
    wanted |= set(re.findall(r'solution: "([^"]+)"', text))
    assert len(wanted) > 60
    assert wanted <= labels


def test_every_citation_is_in_the_bibliography() -> None:
    bib = shipped("references.bib").read_text(encoding="utf-8")
    keys = set(re.findall(r"^@\w+\{([\w-]+),$", bib, re.M))
    text = "\n".join(TEXTS.values())
    cited = {
        key.strip()
        for group in re.findall(r"\{cite(?::[pt])?\}`([^`]+)`", text)
        for key in group.split(",")
    }
    assert len(cited) >= 25
    assert cited <= keys


@pytest.mark.parametrize("name", NAMES)
def test_no_number_of_the_run_is_typed_by_hand(name: str) -> None:
    """What stays are dates and constants; each is listed here."""
    allowed = {
        "1625", "1751", "1784", "1865",  # years of the epigraphs
        "1890", "1926", "1948", "1950", "1962", "1997",
        "6", "12", "124", "768", "1024", "50257",  # of GPT-2's count
        "0", "1", "2", "3", "5", "8", "16", "32",  # of arithmetic
        "0.6", "1.3",  # Shannon's estimate, cited
        "65,536",  # two bytes
        "1,024",  # the example of the split
        "95",  # per cent: what an interval means
    }
    words = re.sub(r"\b[A-Z]+-?\d+\b", "", prose(TEXTS[name]))
    found = set(re.findall(r"\d[\d.,]*\d|\d", words))
    assert found <= allowed


@pytest.mark.parametrize("name", NAMES)
def test_exercises_have_solutions(name: str) -> None:
    asked = re.findall(
        r"^`+\{exercise\}[^\n]*\n:label: (\S+)$", TEXTS[name], re.M
    )
    solved = re.findall(r"^`+\{solution\} (\S+)$", TEXTS[name], re.M)
    ran = re.findall(r'solution: "([^"]+)"', TEXTS[name])
    assert sorted(asked) == sorted(solved)
    assert set(ran) == set(asked)


@pytest.mark.parametrize("name", NAMES)
def test_printed_code_fits_the_page(name: str) -> None:
    cells = fences(TEXTS[name], "code-cell")
    assert cells
    for _, cell in cells:
        parted = re.match(r"---\n(.*?)\n---\n(.*)", cell, re.DOTALL)
        head, body = parted.groups() if parted else ("", cell)
        if "hide-input" not in head and "remove-cell" not in head:
            wide = [x for x in body.splitlines() if len(x) > 72]
            assert wide == []


def make_run(run: Path, steps: int) -> Path:
    """Make a run of the shipped articles, trained for a few steps."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    from hornbook.base.record import new_record
    from hornbook.base.store import append_jsonl, write_json
    from hornbook.corpus.config import CorpusConfig, SourceConfig
    from hornbook.corpus.pipeline import curate, read_documents
    from hornbook.model.config import make_config
    from hornbook.model.count import describe
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.config import SPECIALS
    from hornbook.tokenizer.shards import TokenShard, write_shard
    from hornbook.tokenizer.tokenizer import Tokenizer

    # Curate and tokenize as the road does
    source = SourceConfig(
        kind="package",
        member="recipes/smoke/articles.jsonl",
        text="extract",
    )
    curate(CorpusConfig(source=(source,)), run, 0, run)
    texts = {
        part: [
            document.text
            for document in read_documents(
                run / f"corpus/{part}.parquet"
            )
        ]
        for part in ("train", "heldout")
    }
    tok = Tokenizer.train(texts["train"], 600, "gpt2", SPECIALS)
    tok.save(run / "tokenizer")
    for part, documents in texts.items():
        write_shard(run / "tokens" / part, documents, tok)

    # Train a very small model for a very short time
    config = make_config(
        form="nanochat", vocab_size=600, layers=2, width=64, heads=2,
        context=64,
    )
    write_json(run / "model.json", describe(config))
    model = Transformer(config)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    ids = np.asarray(TokenShard.open(run / "tokens/train").tokens)
    chance = np.random.default_rng(0)
    for step in range(max(steps, 1)):
        starts = chance.integers(0, len(ids) - 65, 16)
        rows = np.stack([ids[s : s + 65] for s in starts]).astype(int)
        batch = torch.from_numpy(rows)
        logits = model(batch[:, :-1])
        loss = F.cross_entropy(
            logits.flatten(0, 1), batch[:, 1:].flatten()
        )
        seen = {"loss": loss.item(), "tokens": 1024 * step}
        append_jsonl(run / "metrics.jsonl", {"step": step, **seen})
        if steps:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    # Keep it with a score and a record
    bpb = {"step": steps, "heldout_bpb": 9.0 if not steps else 0.5}
    append_jsonl(run / "metrics.jsonl", bpb)
    model.eval().save(run / "checkpoints/base", format="native")
    new_record(run.name, run, 0, {"name": run.name}).save()
    return run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two small runs of one shape: one trained, one fresh."""
    folder = tmp_path_factory.mktemp("runs")
    made = {}
    for name, steps in (("trained", 300), ("fresh", 0)):
        (folder / name).mkdir()
        made[name] = make_run(folder / name, steps)
    return made


def said(run: Path, name: str) -> str:
    """Everything that a chapter tells about a run, as text."""
    path = PLACE / f"{name}.md"
    parts = []
    for cell in execute.run_chapter(path, run, True).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts += [
            output["data"]["text/markdown"]
            for output in cell.outputs
            if "text/markdown" in output.get("data", {})
        ]
    return "\n".join(parts)


@pytest.mark.slow
def test_the_words_follow_the_weights(runs: dict[str, Path]) -> None:
    trained = said(runs["trained"], "attention")
    fresh = said(runs["fresh"], "attention")
    assert "Training has hardly touched" in fresh
    assert "Training has hardly touched" not in trained
    assert "No head of this run cares" in fresh
    assert "No head of this run cares" not in trained
    assert "No head is missed" in fresh


@pytest.mark.slow
def test_the_opening_says_how_the_run_compares(
    runs: dict[str, Path],
) -> None:
    fresh, trained = said(runs["fresh"], "opening"), said(
        runs["trained"], "opening"
    )
    assert "It has yet to earn its keep" in fresh
    assert "more order in the language" in trained


def foretold(run: Path, copy: Path, loss: float, came: float) -> Path:
    """Copy a run, and give it a sweep, a forecast and its score."""
    import shutil

    from hornbook.base.store import write_json
    from hornbook.scaling.forecast import enter, foretell, score
    from hornbook.scaling.law import ScalingLaw

    # Let the law be known, and its intervals be narrow
    shutil.copytree(run, copy)
    numbers = (1.0, 300.0, 900.0, 0.4, 0.4)
    law = ScalingLaw(
        E=1.0, A=300.0, B=900.0, alpha=0.4, beta=0.4,
        interval=dict.fromkeys(
            ("E", "A", "B", "alpha", "beta"), (0.1, 0.9)
        ),
        identified=True, draws=(numbers,) * 50, spread=0.01,
    )
    made = foretell("fitted", law, 300_000, 2_000_000, 0.4)
    ends = {"loss": loss, "low": loss - 0.1, "high": loss + 0.1}
    made = msgspec.structs.replace(made, **ends)
    points = [
        {"parameters": n, "tokens": d, "loss": law.predict(n, d)}
        for n in (5e4, 1e5, 3e5) for d in (1e5, 3e5, 9e5)
    ]
    write_json(copy / "scaling" / "fit.json", {
        "kind": "fitted", "points": points,
        "law": msgspec.to_builtins(law),
        "free": msgspec.to_builtins(law),
        "forecast": msgspec.to_builtins(made),
    })
    enter(copy, made)
    score(copy, {"heldout_loss": came, "heldout_bpb": came * 0.4,
                 "tokens": 2_000_000})
    return copy


@pytest.mark.slow
def test_the_forecast_is_told_as_it_was_scored(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    none = said(runs["fresh"], "scaling")
    assert "This run has entered no forecast" in none
    assert "Nothing has come to score it by" in none
    good = foretold(runs["fresh"], tmp_path / "good", 5.0, 5.05)
    bad = foretold(runs["fresh"], tmp_path / "bad", 5.0, 6.0)
    right, wrong = said(good, "scaling"), said(bad, "scaling")
    assert "The truth lies inside the interval" in right
    assert "too low by 0.050 nats" in right
    assert "The truth lies outside the interval" in wrong
    assert "This run has entered no forecast" not in right


@pytest.mark.slow
def test_generating_says_how_sure_the_model_is(
    runs: dict[str, Path],
) -> None:
    fresh, trained = said(runs["fresh"], "generating"), said(
        runs["trained"], "generating"
    )
    assert "a great part of the vocabulary" in fresh
    assert "rule most of its vocabulary out" in trained
    for text in (fresh, trained):
        assert "That is rounding: sums" in text
        assert "believe no sample" not in text
        assert "base model" in text


@pytest.mark.slow
def test_nothing_in_the_chapters_contradicts_itself(
    runs: dict[str, Path],
) -> None:
    for name in ("tokens", "attention"):
        text = said(runs["trained"], name)
        assert "which must not be" not in text
        assert "which is a fault" not in text
        assert "wants an explanation" not in " ".join(text.split())


@pytest.mark.slow
def test_the_vectors_and_the_stream_are_told_as_they_are(
    runs: dict[str, Path],
) -> None:
    for name, words in (
        ("vectors", "In this run nothing has moved"),
        ("transformer", "the tributaries are dry"),
        ("transformer", "Here no block helps"),
    ):
        assert words in said(runs["fresh"], name)
        assert words not in said(runs["trained"], name)


def taught(run: Path, copy: Path, before: int, after: int) -> Path:
    """Copy a run, and give it a fine-tuning by verdicts."""
    import shutil

    from hornbook.base.record import StageRecord, load_record
    from hornbook.base.store import append_jsonl

    shutil.copytree(run, copy)
    for step in range(1, 9):
        line = {"step": step, "loss": 0.0, "reward": step / 10,
                "entropy": 1 / step, "no_signal": 0.5}
        append_jsonl(copy / "finetune" / "sums.jsonl", line)
    done = StageRecord("", {}, 1.0, 1, "", {
        "problems": 800, "steps": 8, "heldout_problems": 100,
        "right_before": before, "right_after": after,
        "faults": {"regex took too long": 3},
    })
    record = load_record(copy)
    stages = {**record.stages, "finetune.sums": done}
    msgspec.structs.replace(record, stages=stages).save()
    return copy


@pytest.mark.slow
def test_the_practice_is_told_as_it_went(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    none = said(runs["fresh"], "reasoning")
    good = said(
        taught(runs["fresh"], tmp_path / "good", 10, 80), "reasoning"
    )
    flat = said(
        taught(runs["fresh"], tmp_path / "flat", 10, 12), "reasoning"
    )
    assert "learned nothing from verdicts" in none
    assert "could practise here" in none
    assert "problems that it never practised" not in none
    assert "solve what it was never shown" in good
    assert "regex took too long (3)" in good
    assert "The intervals overlap" in flat
    assert "learned nothing from verdicts" not in good
