import json
from pathlib import Path

import pytest

from hornbook.cli import main
from hornbook.tokenizer.tokenizer import Tokenizer


def test_a_report_shows_vocabularies_side_by_side(
    run_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path("there") / "low"
    Tokenizer.train(["low lower"], 260, "gpt2").save(other)
    words = ["tokenize", str(run_copy), "--keep"]
    assert main([*words, "--report", "--against", str(other)]) == 0
    told = capsys.readouterr().out
    assert "this run's" in told and "there/low" in told
    assert "Latin" in told and "longest: " in told
    assert "never trained: " in told

    assert main([*words, "--report", "--json"]) == 0
    (own,) = json.loads(capsys.readouterr().out)
    assert own["vocab_size"] == 300
    assert own["fit"]["documents"] == 20


def test_a_vocabulary_that_is_not_there_is_named(
    run_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tokenize", str(run_copy), "--keep", "--against", "nix"]
    assert main(words) == 1
    assert "no tokenizer at nix" in capsys.readouterr().err
