"""Problems whose answers a program can judge."""

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import regex

from hornbook.base.errors import DataError, RecipeError
from hornbook.tuning.data import records


class Problem(msgspec.Struct, frozen=True):
    """What is asked, and what an answer is judged by."""

    prompt: str
    answer: str = ""
    """The right answer, for ``number`` and ``exact``."""
    pattern: str = ""
    """What the answer must fulfil, for ``regex``."""
    schema: dict[str, Any] = {}
    """What the answer must be an instance of, for ``json_schema``."""
    tests: str = ""
    """Statements that run after the answer's code, for
    ``unit_tests``."""
    form: str = ""
    """What the answer must fulfil as a whole, for ``format``."""
    where: str = ""
    """Where the problem stands, for errors."""


def need_pattern(pattern: str, where: str) -> None:
    """Refuse what is no regular expression.

    Raises:
        RecipeError: says where it stands, and what is wrong.
    """
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise RecipeError(
            f"{where} is {pattern!r}, which is no regular expression: "
            f"{error}"
        ) from error


def read_problems(path: Path, form: str = "") -> list[Problem]:
    """Read a JSONL or JSON file of problems.

    A record holds a ``prompt``, and what its answer is judged by:
    ``answer``, ``pattern``, ``schema`` or ``tests``. Of problems with
    equal prompts the first is taken. ``form`` is what answers must
    fulfil where a record has none of its own.

    Raises:
        DataError: names the record that is no problem.
    """
    found: dict[str, Problem] = {}
    for where, record in records(path):
        if isinstance(record.get("answer"), int | float):
            record["answer"] = str(record["answer"])
        try:
            problem = msgspec.convert(
                {"form": form, **record, "where": where}, Problem
            )
        except msgspec.ValidationError as error:
            raise DataError(
                f"{where} is no problem ({error}); it needs a 'prompt' "
                "and an 'answer', a 'pattern', a 'schema' or 'tests'"
            ) from error
        if not problem.prompt.strip():
            raise DataError(f"{where} has an empty 'prompt'; fill it")
        need_pattern(problem.pattern, where)
        need_pattern(problem.form, where)
        found.setdefault(problem.prompt, problem)
    return list(found.values())


def hold_out(
    problems: list[Problem], most: int, seed: int
) -> tuple[list[Problem], list[Problem]]:
    """Part problems to learn from, and some that are only measured."""
    shuffled = sorted(problems, key=lambda problem: problem.prompt)
    Random(f"{seed}:problems").shuffle(shuffled)
    count = min(most, len(shuffled) // 5)
    return shuffled[count:], shuffled[:count]
