"""What the chapters say of a good, an untrained and a diverged run.

Each sentence here is behind a condition on the record or the weights;
the three runs must not be told the same.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hornbook.press import execute
from hornbook.press.weave import shipped

PLACE = shipped("chapters")
NAMES = (
    "use_case",
    "text",
    "pretraining",
    "classification",
    "instructions",
)

pytestmark = pytest.mark.slow

GOOD = {
    "use_case": ["The plan held"],
    "text": ["The numbers add up."],
    "pretraining": [
        "went as it should",
        "There is no sign of learning by heart",
    ],
    "classification": ["The classifier beats the bag of words"],
    "instructions": [
        "It has learned when to stop",
        "the form is learned",
        "Some knowledge of the world is there",
    ],
}
UNTRAINED = {
    "use_case": ["was done in 50% of its time"],
    "text": ["The numbers add up."],
    "pretraining": ["Hardly anything has happened yet"],
    "classification": ["It has learned nothing worth having"],
    "instructions": [
        "It has not learned to stop",
        "the form is not learned",
        "no more than luck",
    ],
}
DIVERGED = {
    "use_case": ["The plan did not hold"],
    "text": ["do *not* add up"],
    "pretraining": ["This training went astray"],
    "classification": ["The bag of words is better"],
    "instructions": [
        "It has begun to learn when to stop",
        "the form is only half learned",
    ],
}
STORIES = {"good": GOOD, "untrained": UNTRAINED, "diverged": DIVERGED}


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file of a run."""
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table), encoding="utf-8")


def log(run: Path, losses: list[float], tokens: int) -> None:
    """Write a training log: a loss for each step, and held-out text."""
    rows: list[dict[str, Any]] = []
    for step, loss in enumerate(losses, start=1):
        row = {"step": step, "tokens": step * tokens // len(losses)}
        rows.append({**row, "loss": loss, "lr": 0.01})
        if step % 20 == 0:
            rows.append(
                {**row, "heldout_loss": loss, "heldout_bpb": loss / 3}
            )
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (run / "metrics.jsonl").write_text(text, encoding="utf-8")


def tell(
    run: Path, late: float, tasks: dict[str, tuple[float, float]]
) -> None:
    """Set how late the training was, and some scores and baselines."""
    plan = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    cost = plan["trainings"]["pretrain"]["seconds"]

    def pretrained(record: Any) -> None:
        record["stages"]["pretrain"]["seconds"] = cost * late

    def scored(report: Any) -> None:
        for name, (value, baseline) in tasks.items():
            task = report["tasks"].setdefault(name, {"n": 200})
            task |= {"value": value, "baseline": baseline}
            task |= {"low": value - 0.03, "high": value + 0.03}

    edit(run / "run.json", pretrained)
    edit(run / "evaluation" / "report.json", scored)


def compared(run: Path, difference: float) -> None:
    """Set by how much the classifier is better than its rival."""

    def change(report: Any) -> None:
        report["tasks"]["topic_accuracy"]["difference"] = {
            "value": difference,
            "low": difference - 0.02,
            "high": difference + 0.02,
        }

    edit(run / "evaluation" / "report.json", change)


def teach(run: Path) -> None:
    """Give a run a classifier that knows the held-out articles.

    No run may do so; here only the sentences are put to the test.
    """
    import torch

    from hornbook.corpus.pipeline import read_documents
    from hornbook.tuning.classify import (
        Classifier,
        Labelled,
        class_loss,
    )

    model = Classifier.load(run / "finetune/topic").train()
    known = read_documents(run / "corpus/heldout.parquet")
    texts = [d.full_text for d in known]
    topics = [d.topic for d in known]
    batches = Labelled(model, texts, topics, 16, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), 0.02)
    for step in range(100):
        optimizer.zero_grad()
        class_loss(model, **batches(step)).backward()
        optimizer.step()
    model.eval().save(run / "finetune/topic")


@pytest.fixture(scope="module")
def stories(
    walked_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, str]]:
    """Everything that the chapters tell about three runs."""
    folder = tmp_path_factory.mktemp("stories")
    runs = {name: folder / name for name in STORIES}
    for run in runs.values():
        shutil.copytree(walked_run, run)

    # A good run: trained long enough, in time, and of use
    good = runs["good"]
    log(good, [5.7 * 0.5 ** min(i / 60, 1) for i in range(200)], 10**6)
    teach(good)
    tell(good, 1.05, {
        "answers_ended": (0.97, 0.2),
        "answers_form": (0.95, 0.1),
        "answers_subject": (0.7, 0.0),
        "answers_topic": (0.6, 0.2),
    })
    compared(good, 0.08)

    # One that was stopped after its first steps
    tell(runs["untrained"], 0.5, {
        "answers_ended": (0.05, 0.1),
        "answers_form": (0.04, 0.1),
        "answers_subject": (0.0, 0.0),
        "answers_topic": (0.1, 0.2),
    })

    # One whose loss rose again, on text that was miscounted
    bad = runs["diverged"]
    rising = [5.7 - i / 40 for i in range(100)]
    rising += [min(3.2 + i / 20, 7.5) for i in range(100)]
    log(bad, rising, 10**5)
    teach(bad)
    tell(bad, 3.0, {
        "answers_ended": (0.6, 0.2),
        "answers_form": (0.6, 0.2),
    })
    compared(bad, -0.08)

    def miscount(card: Any) -> None:
        card["documents"]["in"] += 7

    edit(bad / "corpus" / "card.json", miscount)
    return {name: read(run) for name, run in runs.items()}


def read(run: Path) -> dict[str, str]:
    """Run the chapters; give what they say, each on one line."""
    paths = [PLACE / f"{name}.md" for name in NAMES]
    made = execute.execute(paths, run, True, lambda name: None)
    return {
        name: " ".join(words(notebook).split())
        for name, notebook in zip(NAMES, made, strict=True)
    }


def words(notebook: Any) -> str:
    """Collect a chapter's prose, its tables, and what it computed."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        for output in cell.outputs:
            data = output.get("data", {})
            parts.append(data.get("text/markdown", ""))
    return "\n".join(parts)


@pytest.mark.parametrize("name", NAMES)
def test_each_run_is_told_its_own_story(
    stories: dict[str, dict[str, str]], name: str
) -> None:
    for run, story in STORIES.items():
        told = stories[run][name]
        for sentence in story[name]:
            assert sentence in told, (run, sentence)
        others = {
            sentence
            for other in STORIES.values()
            for sentence in other[name]
        }
        for sentence in others - set(story[name]):
            assert sentence not in told, (run, sentence)
