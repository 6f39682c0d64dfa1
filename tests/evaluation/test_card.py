import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml as reference

from hornbook.base.record import new_record
from hornbook.evaluation.card import licences, model_card, yaml

SCORE = {
    "value": 1.58, "low": 1.55, "high": 1.6, "n": 400, "baseline": 2.8,
    "baseline_is": "frequency", "unit": "bits per byte",
    "better": "lower", "what": "Bits.", "title": "Bits: per byte",
}
REPORT: dict[str, Any] = {
    "run": "tiny",
    "skipped": {"boolq": "it was seen"},
    "tasks": {
        "bits_per_byte": SCORE,
        "answers_form": {**SCORE, "unit": "share", "model": "chat"},
        "topic_accuracy": {**SCORE, "unit": "share", "model": "topic"},
    },
}


@pytest.fixture
def run(whole_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole_run, tmp_path / "tiny"))


def head(card: str) -> dict[str, Any]:
    """Read a card's head as a stranger would."""
    _, text, _ = card.split("---\n", 2)
    found = reference.safe_load(text)
    assert isinstance(found, dict)
    return found


def test_the_head_says_what_programs_ask(run: Path) -> None:
    found = head(model_card(run, report=REPORT))
    assert found["library_name"] == "transformers"
    assert found["license"] == ["cc-by-sa-4.0"]
    assert "hornbook" in found["tags"]
    (index,) = found["model-index"]
    names = [r["dataset"]["name"] for r in index["results"]]
    assert index["name"] == "tiny (chat)" and len(names) == 2
    metric = index["results"][0]["metrics"][0]
    assert metric["value"] == 1.58 and "base model" in metric["name"]


def test_the_body_says_what_people_ask(run: Path) -> None:
    new_record("tiny", run, 7, {}).save()
    card = model_card(f"{run}:base", "native", REPORT)
    assert "# tiny\n" in card and "transformers" not in card
    assert "not reliable" in card and "CC BY-SA 4.0" in card
    assert "| Bits: per byte | base | 1.580 bits per byte " in card
    assert "| 1.550 to 1.600 | 400 | 2.800 (frequency) |" in card
    assert "Not measured: boolq: it was seen." in card
    assert "- Seed: 7" in card and "- Parameters: " in card
    assert str(run.parent) not in card
    names = [r["dataset"]["type"] for r in
             head(card)["model-index"][0]["results"]]
    assert names == ["bits_per_byte"]


def test_without_a_report_there_is_no_card(
    run: Path, tmp_path: Path
) -> None:
    assert model_card(run) == ""
    assert model_card(tmp_path / "none") == ""


def test_licences_are_spelt_as_others_read_them() -> None:
    told = [{"licence": "CC BY-SA 3.0"}, {"licence": "MIT"}, {}]
    assert licences(told) == ["cc-by-sa-3.0", "mit", "other"]
    assert licences([]) == ["other"]


def test_yaml_is_read_back_as_it_was() -> None:
    value = {
        "a": ["x: y", "- no", "é\n"],
        "b": [{"c": 1.5, "d": {"e": True}}, {"c": "no"}],
        "n": 12,
    }
    assert reference.safe_load("\n".join(yaml(value))) == value
