import json
from pathlib import Path
from typing import Any

import pytest

from hornbook.base.errors import DataError, RecipeError
from hornbook.tuning.problems import Problem, hold_out, read_problems


def file_of(folder: Path, *records: Any) -> Path:
    """Write records into a file of JSON lines."""
    path = folder / "problems.jsonl"
    text = "\n".join(json.dumps(record) for record in records)
    path.write_text(text, encoding="utf-8")
    return path


def test_problems_are_read_with_what_judges_them(
    tmp_path: Path,
) -> None:
    path = file_of(
        tmp_path,
        {"prompt": "2+2", "answer": 4},
        {"prompt": "2+2", "answer": 5},
        {"prompt": "Hat?", "pattern": "hat", "form": "a+"},
        {"prompt": "JSON!", "schema": {"type": "object"}},
    )
    first, second, third = read_problems(path, "b+")
    assert first == Problem(
        "2+2", "4", form="b+", where="problems.jsonl:1"
    )
    assert (second.pattern, second.form) == ("hat", "a+")
    assert third.schema == {"type": "object"}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"answer": "4"}, "problems.jsonl:1 is no problem"),
        ({"prompt": 4}, "problems.jsonl:1 is no problem"),
        ({"prompt": "a", "schema": 3}, "is no problem"),
        ({"prompt": " "}, "has an empty 'prompt'"),
        ([1], "where a table of named fields belongs"),
    ],
)
def test_what_is_no_problem_is_named(
    tmp_path: Path, record: Any, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        read_problems(file_of(tmp_path, record))


def test_what_is_no_pattern_is_named(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"prompt": "a", "pattern": "(("})
    with pytest.raises(RecipeError, match=r"jsonl:1 is '\(\('"):
        read_problems(path)


@pytest.mark.parametrize("most", [0, 3, 99])
def test_each_problem_is_on_one_side(most: int) -> None:
    problems = [Problem(str(i)) for i in range(20)]
    train, heldout = hold_out(problems, most, 1)
    assert len(heldout) == min(most, 4)
    both = sorted([*train, *heldout], key=lambda p: int(p.prompt))
    assert both == problems
    assert hold_out(problems[::-1], most, 1) == (train, heldout)
