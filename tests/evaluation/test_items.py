import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.base.store import digest_file
from hornbook.evaluation.items import Item, task_items
from hornbook.evaluation.task import DataConfig, Task

RECORD = {
    "question": "Predators eat ",
    "options": "A. lions\nB. bunnies",
    "answer": "B. bunnies",
}


def quiz(tmp_path: Path, *records: Any, **more: Any) -> Task:
    """A task whose records lie in a file."""
    path = tmp_path / "quiz.jsonl"
    lines = "".join(json.dumps(record) + "\n" for record in records)
    path.write_text(lines, encoding="utf-8")
    fields: dict[str, Any] = {
        "prompt": "{question}",
        "options": "options",
        "answer": "answer",
    }
    return Task(
        kind="choice", name="quiz", what="Questions.", licence="CC0",
        data=DataConfig("file", path=str(path)), **{**fields, **more},
    )


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ("A. lions\nB. bunnies", "B. bunnies"),
        ("A. lions\nB. bunnies", "bunnies"),
        ("(A) lions\n(B) bunnies", "B"),
        (["lions", "bunnies"], 1),
        (["lions", "bunnies"], "1"),
        (["lions", "bunnies"], True),
    ],
)
def test_an_answer_is_told_by_text_letter_or_number(
    tmp_path: Path, options: object, answer: object
) -> None:
    record = {**RECORD, "options": options, "answer": answer}
    (item,) = task_items(quiz(tmp_path, record), tmp_path)
    assert item == Item("Predators eat", (" lions", " bunnies"), 1)
    assert item.text == "Predators eat bunnies"


def test_choices_are_filled_in_and_the_first_is_right(
    tmp_path: Path,
) -> None:
    task = quiz(
        tmp_path,
        {"good": "It rains.", "bad": "It rain.", "kind": "verbs"},
        prompt="", options="", answer="", group="kind",
        choices=("{good}", "{bad}"),
    )
    (item,) = task_items(task, tmp_path)
    assert item == Item("", ("It rains.", "It rain."), 0, "verbs")


def test_every_run_is_asked_the_same_items(tmp_path: Path) -> None:
    records = [{**RECORD, "question": str(n)} for n in range(50)]
    task = quiz(tmp_path, *records, items=10)
    some = task_items(task, tmp_path)
    numbers = [int(item.prompt) for item in some]
    assert len(some) == 10 and numbers == sorted(numbers)
    assert numbers != list(range(10))
    assert task_items(task, tmp_path) == some
    assert len(task_items(quiz(tmp_path, *records), tmp_path)) == 50


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"question": "Why?"}, "no field 'options'; it has question"),
        ({**RECORD, "options": "A. lions"}, "fewer than two choices"),
        ({**RECORD, "answer": "cats"}, "'cats' is right, which is"),
        ({**RECORD, "answer": 2}, "'2' is right, which is"),
        ("text", "where a table of named fields belongs"),
    ],
)
def test_a_record_that_makes_no_item_is_named(
    tmp_path: Path, record: object, says: str
) -> None:
    with pytest.raises(DataError, match="quiz.jsonl:1 ") as caught:
        task_items(quiz(tmp_path, record), tmp_path)
    assert says in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    task = quiz(tmp_path)
    with pytest.raises(DataError, match="holds no records"):
        task_items(task, tmp_path)
    (tmp_path / "quiz.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="the task quiz cannot read"):
        task_items(task, tmp_path)
    (tmp_path / "quiz.jsonl").unlink()
    with pytest.raises(DataError, match=r"correct its \[data\]"):
        task_items(task, tmp_path)


def test_a_wheel_is_read_as_pinned(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = wheels / "quizzes-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("quizzes/a.jsonl", json.dumps(RECORD))
    pin = {"package": "quizzes", "version": "1.0"}

    def task(member: str) -> Task:
        data = DataConfig(
            "wheel", sha256=digest_file(wheel), member=member, **pin
        )
        return Task(
            kind="choice", what="Questions.", licence="CC0", data=data,
            prompt="{question}", options="options", answer="answer",
        )

    assert len(task_items(task("quizzes/a.jsonl"), tmp_path)) == 1
    with pytest.raises(DataError, match="cannot read b.jsonl"):
        task_items(task("quizzes/b.jsonl"), tmp_path)


def test_a_wheel_of_another_digest_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_: object) -> Path:
        path = tmp_path / "quizzes-1.0-py3-none-any.whl"
        path.write_bytes(b"another")
        return path

    monkeypatch.setattr("hornbook.base.network._download", download)
    data = DataConfig(
        "wheel", package="quizzes", version="1.0", sha256="0" * 64,
        member="a.jsonl",
    )
    task = Task(
        kind="choice", what="Questions.", licence="CC0", data=data,
        options="options",
    )
    with pytest.raises(CorruptFileError, match="expects 0000"):
        task_items(task, tmp_path)
