from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import to_builtins

from hornbook.base.document import Document
from hornbook.base.errors import CorruptFileError, RecipeError
from hornbook.base.store import read_jsonl, write_json
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.origin import SourceConfig
from hornbook.model.config import make_config
from hornbook.tokenizer.config import TokenizerConfig
from hornbook.tokenizer.shards import TokenShard, write_shard
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tokenizer.train import train
from hornbook.training import ablation
from hornbook.training.ablation import (
    Shared,
    cost,
    load_ablation,
    make_variant,
    try_variants,
    with_steps,
)
from hornbook.training.config import TrainingConfig
from hornbook.training.trials import Text, Trial

CLEAN = [f"a hat is a head covering {n}" for n in range(40)]
DIRTY = [f"#{n}%{n * 7 % 11}|{n * 5 % 13}~" * 4 for n in range(40)]
CELL = Trial(
    name="all",
    shape=make_config(
        layers=1, width=16, heads=2, context=16, vocab_size=300
    ),
    training=TrainingConfig(
        steps=20, batch=4, precision="fp32", compile="off"
    ),
)


@pytest.fixture(scope="module")
def tok() -> Tokenizer:
    """A vocabulary of bytes and a few more."""
    asked = TokenizerConfig(vocab_size=300, min_frequency=2)
    return Tokenizer(train(CLEAN, asked))


def shard(folder: Path, texts: list[str], tok: Tokenizer) -> TokenShard:
    path = folder / f"{len(list(folder.iterdir()))}.bin"
    write_shard(path, texts, tok)
    return TokenShard.open(path, tok)


def test_variants_are_measured_on_one_text_at_equal_tokens(
    tmp_path: Path, tok: Tokenizer
) -> None:
    raw = shard(tmp_path, DIRTY + CLEAN[:4], tok)
    again = shard(tmp_path, DIRTY + CLEAN[:4], tok)
    clean = shard(tmp_path, CLEAN[:30], tok)
    heldout = shard(tmp_path, CLEAN[30:], tok)
    limit = int(heldout.document_bytes[:6].sum())
    log = tmp_path / "log.jsonl"
    shards = {"raw": raw, "idle": again, "all": clean}
    text = Text(clean, heldout, limit)
    found = try_variants(CELL, shards, text, 3, log)

    # What is cleaner is better; the same text is the same
    first, idle, best = found.contest.entries
    assert first.behind is None and first.bits is not None
    assert idle.bits == first.bits and found.variants[1].same
    assert best.behind is not None and best.verdict == "better"
    assert best.behind.seeds == 3 and best.behind.value < -0.05
    assert {e.steps for e in found.contest.entries} == {20}
    assert found.heldout_documents == 6
    assert found.heldout_bytes == limit
    assert found.tokens == 20 * 4 * 16
    for variant, own in zip(
        found.variants, shards.values(), strict=True
    ):
        assert variant.documents == own.documents
        epochs = found.tokens / own.info.tokens
        assert variant.epochs == pytest.approx(epochs, abs=1e-4)

    # The table says all of it, and nothing is tried twice
    table = str(found).splitlines()
    assert len(table) == 6 and table[0].startswith("variant")
    assert table[2].endswith("the same text")
    assert table[3].endswith("better") and "30" in table[3]
    lines = read_jsonl(log)
    assert try_variants(CELL, shards, text, 3, log) == found
    assert read_jsonl(log) == lines and len(lines) == 6


def test_a_variant_is_curated_once(
    tmp_path: Path, tok: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def curate(*given: Any, **more: Any) -> None:
        made.append((given[1].name, more["held"]))

    read = [Document(f"{n}", text) for n, text in enumerate(CLEAN)]
    monkeypatch.setattr(ablation, "curate", curate)
    monkeypatch.setattr(ablation, "each_reading", lambda _: read)
    held = (Document("held", "a hat"),)
    shared = Shared(1, tmp_path, (), held, tok, "source", "digest")
    config = CorpusConfig(source=(SourceConfig("folder", path="x"),))
    for _ in range(2):
        own = make_variant(config, tmp_path / "raw", shared)
        assert own.documents == len(CLEAN)
    assert made == [("raw", held)]

    # Another recipe, text or held-out text is another variant
    other = CorpusConfig(source=config.source, near_duplicate=0.0)
    make_variant(other, tmp_path / "raw", shared)
    for change in ({"digest": "new"}, {"held": ()}):
        changed = ablation.replace(shared, **change)
        make_variant(other, tmp_path / "raw", changed)
    assert len(made) == 4


def test_what_is_shipped_is_what_the_command_writes(
    tmp_path: Path,
) -> None:
    found = load_ablation()
    names = [each.name for each in found.variants]
    assert names == [each.name for each in found.contest.entries]
    assert names[0] == found.contest.reference == "raw"
    for entry in found.contest.entries:
        assert entry.bits is not None and entry.bits.seeds == 3
    kept = tmp_path / "kept.json"
    write_json(kept, to_builtins(found))
    assert load_ablation(kept) == found
    write_json(kept, {"variants": []})
    with pytest.raises(CorruptFileError, match="--ablate' again"):
        load_ablation(kept)


def test_minutes_become_steps() -> None:
    each = 2 * 60 * 640 / 6 / 64
    made = with_steps(CELL, 2, 6, 640)
    assert made.training.steps == int(each) == 200
    with pytest.raises(RecipeError, match="give 1 minutes or more"):
        with_steps(CELL, 0.1, 6, 640)
    told = cost(made, 2, 3, 640, 7.0)
    assert "200 steps (12,800 tokens)" in told
    assert "2:00 to train" in told and "0:07 to curate" in told
    assert np.isclose(2 * 3 * made.tokens / 640, 120)
