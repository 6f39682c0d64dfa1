from pathlib import Path
from typing import Any

import pytest

from hornbook.base.errors import CorruptFileError
from hornbook.base.record import StageRecord, new_record
from hornbook.base.store import write_json
from hornbook.evaluation.compare import Pair, compare, scores


def score(
    value: float, spread: float = 0.1, better: str = "higher"
) -> dict[str, Any]:
    """Write a score as the report has it."""
    low, high = value - spread, value + spread
    return {"value": value, "low": low, "high": high, "better": better}


def pair(first: dict[str, Any], second: dict[str, Any]) -> Pair:
    """Set two scores side by side."""
    (found,) = scores({"task": first}, {"task": second})
    return found


@pytest.mark.parametrize(
    ("first", "second", "better", "winner"),
    [
        (0.2, 0.6, "higher", "second"),
        (0.6, 0.2, "higher", "first"),
        (0.2, 0.6, "lower", "first"),
        (0.6, 0.2, "lower", "second"),
        (0.5, 0.6, "higher", ""),
        (0.5, 0.5, "lower", ""),
    ],
)
def test_scores_differ_beyond_their_intervals(
    first: float, second: float, better: str, winner: str
) -> None:
    found = pair(
        score(first, better=better), score(second, better=better)
    )
    assert (found.better, found.differs) == (winner, bool(winner))


def test_a_score_of_one_alone_is_kept() -> None:
    both = list(scores({"a": score(1)}, {"b": score(2)}))
    assert [(p.name, p.first is None, p.differs) for p in both] == [
        ("a", False, False), ("b", True, False),
    ]


def make(
    folder: Path, width: int, seconds: float, text: str
) -> Path:
    """Write what a comparison reads of a run."""
    model = {"width": width, "heads": 2}
    recipe = {"name": folder.name, "model": model}
    stage = StageRecord("", {}, seconds, 0, "")
    record = new_record(folder.name, folder, 1, recipe)
    record.with_stage("pretrain", stage).save()
    (folder / "corpus").mkdir()
    held = folder / "corpus" / "heldout.parquet"
    held.write_text(text, encoding="utf-8")
    report = {"tasks": {"bits": score(width / 100, 0.05, "lower")}}
    write_json(folder / "evaluation" / "report.json", report)
    return folder


def test_two_runs_are_told_apart(tmp_path: Path) -> None:
    small = make(tmp_path / "small", 16, 5.0, "same")
    large = make(tmp_path / "large", 64, 9.5, "same")
    found = compare(small, large)
    keys = {s.key: (s.first, s.second) for s in found.settings}
    assert keys == {
        "name": ("small", "large"), "model.width": (16, 64),
    }
    assert found.seconds == {"pretrain": (5.0, 9.5)}
    assert found.scores[0].better == "first"
    assert found.same_heldout
    other = make(tmp_path / "other", 16, 5.0, "another")
    assert not compare(small, other).same_heldout


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="is not a run"):
        compare(tmp_path, tmp_path)
