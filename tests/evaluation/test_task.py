from pathlib import Path

import pytest

from hornbook.base.errors import RecipeError
from hornbook.evaluation.choice import BASELINES, RULES
from hornbook.evaluation.report import ANSWERS, KINDS
from hornbook.evaluation.task import (
    OWN,
    load_task,
    load_tasks,
    own_files,
    shipped_tasks,
)

GOOD = """
kind = "choice"
title = "Quiz"
what = "Questions."
licence = "CC0-1.0"
prompt = "{question}"
options = "options"
answer = "answer"

[data]
kind = "file"
path = "quiz.jsonl"
"""
KIND, PATH = 'kind = "choice"', 'path = "quiz.jsonl"'


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    (tmp_path / "quiz.jsonl").write_text("{}\n", encoding="utf-8")
    return tmp_path / "quiz.toml"


@pytest.mark.parametrize("name", shipped_tasks())
def test_every_shipped_task_can_be_read(name: str) -> None:
    task = load_task(name)
    assert task.name == name and task.title
    assert task.score in RULES
    assert set(task.baselines) <= set(BASELINES)
    if task.kind not in OWN:
        assert task.licence and task.credit and task.what.endswith(".")


def test_every_kind_of_the_runs_own_text_has_its_work() -> None:
    assert {*KINDS, ANSWERS} == set(OWN)


def test_a_task_of_ones_own_works_by_path(quiz: Path) -> None:
    quiz.write_text(GOOD, encoding="utf-8")
    task = load_task(str(quiz))
    assert (task.name, task.title) == ("quiz", "Quiz")
    assert task.data is not None
    assert Path(task.data.path) == quiz.with_suffix(".jsonl")
    assert own_files((str(quiz), "answers")) == [
        str(quiz), task.data.path,
    ]


def refusal(quiz: Path, old: str = "", new: str = "") -> str:
    """Get the one sentence about a task with one thing wrong."""
    assert old in GOOD
    quiz.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_task(str(quiz))
    message = str(caught.value)
    assert "quiz.toml" in message and "\n" not in message
    return message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('title = "Quiz"', 'titel = "Quiz"', "did you mean 'title'?"),
        (KIND, 'kind = "quiz"', "invalid enum value"),
        (KIND, 'kind = "answers"', "has no use for 'data'"),
        ('licence = "CC0-1.0"', "", "needs what and licence"),
        ('options = "options"', "", "either choices or options"),
        (KIND, f'{KIND}\nscore = "best"', "`score`"),
        (KIND, f"{KIND}\nitems = -1", "needs items"),
        (KIND, f'{KIND}\nname = "a/b"', "'a/b'"),
        (PATH, 'path = "no.jsonl"', "'no.jsonl' beside"),
        (PATH, 'path = "quiz.csv"', "nor a .json file"),
        (PATH, "", "need 'path'"),
        ('kind = "file"', 'kind = "wheel"', "need 'package'"),
        ("[data]", "[data", "is not valid TOML"),
        (GOOD[GOOD.index("[data]"):], "", "either data or templates"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    quiz: Path, old: str, new: str, says: str
) -> None:
    assert says in refusal(quiz, old, new)


def test_tasks_that_cannot_be_found_or_told_apart_are_refused(
    quiz: Path,
) -> None:
    with pytest.raises(RecipeError, match="no task 'facts'.* answers,"):
        load_task("facts")
    with pytest.raises(RecipeError, match="'answers'; name each once"):
        load_tasks(["answers", "answers"])
