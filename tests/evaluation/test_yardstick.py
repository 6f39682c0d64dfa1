import math
from pathlib import Path

import pytest

from hornbook.evaluation.yardstick import yardstick
from hornbook.tokenizer.shards import write_shard
from hornbook.tokenizer.tokenizer import Tokenizer


def test_better_guesses_cost_less(tmp_path: Path) -> None:
    text = ["the cat sat on the mat, and the hat on the cat"] * 200
    tok = Tokenizer.train(text, vocab_size=270)
    for part in ("train", "heldout"):
        write_shard(tmp_path / "tokens" / f"{part}.bin", text, tok)
    found = yardstick(tmp_path)
    assert found is not None and found.loss == 0
    assert found.uniform == pytest.approx(math.log(270))
    assert found.bigram < found.unigram < found.uniform
    assert "by a blind guess" in found.sentence
    assert "this model" not in found.sentence

    # The last measurement of the model stands beside them
    lines = '{"step": 1, "heldout_loss": 5.0}\n{"heldout_loss": 2.5}\n'
    log = tmp_path / "metrics.jsonl"
    log.write_text(lines, encoding="utf-8")
    beside = yardstick(tmp_path)
    assert beside is not None and beside.loss == 2.5
    assert beside.sentence.endswith("this model last needed 2.50")


def test_without_tokens_there_is_none(tmp_path: Path) -> None:
    assert yardstick(tmp_path) is None
