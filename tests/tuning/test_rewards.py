import time
from typing import Any

import pytest

from hornbook.base.errors import DataError
from hornbook.tuning.numerals import final_number
from hornbook.tuning.problems import Problem
from hornbook.tuning.rewards import REWARDS, code_in


def reward(kind: str, text: str, **problem: Any) -> tuple[float, str]:
    """Judge one answer."""
    given = REWARDS[kind](Problem("?", **problem), text)
    return given.value, given.why


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42), ("= 42.", 42), ("3 and 42!", 42), ("-7", -7),
        ("so 10-3", 3), ("1,234,567", 1234567), ("0.50", 0.5),
        ("3/4", 0.75), ("#### 7\n", 7), ("<answer>5</answer> 6", 5),
        ("x2", 2), ("", None), ("none", None), ("1/0", None),
        ("9" * 5000, None), ("1-1 = 0", 0), ("(3)-4", 4),
    ],
)
def test_the_last_number_is_found(text: str, number: object) -> None:
    assert final_number(text) == number


def test_numbers_are_compared_by_what_they_are() -> None:
    assert reward("number", "It is 12.50", answer="25/2")[0] == 1
    assert reward("number", "12.5 or 13", answer="12.5") == (
        0.0, "another number")
    assert reward("number", "none", answer="3") == (0.0, "no number")


def test_texts_are_compared_but_for_white_space() -> None:
    assert reward("exact", " a  hat\n", answer="a hat")[0] == 1
    assert reward("exact", "a hat.", answer="a hat")[0] == 0


def test_patterns_are_searched_and_forms_fulfilled() -> None:
    assert reward("regex", "a hat, 7", pattern=r"\d")[0] == 1
    assert reward("regex", "a hat", pattern=r"\d")[0] == 0
    assert reward("format", "77", form=r"\d+")[0] == 1
    assert reward("format", "77!", form=r"\d+")[0] == 0


def test_a_pattern_that_never_ends_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        reward("regex", "a" * 60 + "!", pattern=r"(a|aa)+$")
    schema = {"pattern": r"^(a|aa)+$"}
    with pytest.raises(TimeoutError):
        reward("json_schema", '"' + "a" * 60 + '!"', schema=schema)
    assert time.monotonic() - began < 60


SCHEMA = {
    "type": "object",
    "required": ["age"],
    "properties": {"age": {"type": "integer", "minimum": 0}},
}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"age": 3}', "right"),
        ('{"age": -3}', "minimum at age"),
        ('{"age": "3"}', "type at age"),
        ("{}", "required at the top"),
        ("age: 3", "no JSON"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_json_is_held_against_its_schema(text: str, why: str) -> None:
    assert reward("json_schema", text, schema=SCHEMA)[1] == why


def test_a_schema_that_is_none_is_the_problems_fault() -> None:
    with pytest.raises(DataError, match="no JSON schema"):
        reward("json_schema", "3", schema={"type": "nothing"})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_schema_is_ever_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("urllib.request.urlopen", asked.append)
    schema = {"$ref": "http://localhost:9/schema.json"}
    with pytest.raises(Exception, match="localhost"):
        reward("json_schema", "3", schema=schema)
    assert not asked


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x = 1", "x = 1"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("```a\n1\n```\n```python\nx = 2\n``` done", "x = 2\n"),
        ("```x = 1```", "x = 1"),
    ],
)
def test_code_is_found_between_fences(text: str, code: str) -> None:
    assert code_in(text) == code
