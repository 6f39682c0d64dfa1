"""Rewards that a program gives: it judges answers, and can say why.

A reward is a function of a problem and the text of an answer. It gives
a value between 0 and 1 and a reason, sees nothing else, and so gives
the same for the same: what it says can be verified by anyone.

Your own is one function and one entry, before the run begins::

    import hornbook.tuning.rewards as rewards
    rewards.REWARDS["polite"] = lambda problem, text: ...
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import regex

from hornbook.tuning.numerals import final_number
from hornbook.tuning.problems import Problem
from hornbook.tuning.sandbox import run_tests
from hornbook.tuning.schema import fault

SECONDS = 0.5
"""How long one regular expression may search."""


class Reward(msgspec.Struct, frozen=True):
    """What an answer earns, and why."""

    value: float
    why: str


RIGHT = Reward(1.0, "right")

Judgement = Callable[[Problem, str], Reward]


def by_number(problem: Problem, text: str) -> Reward:
    """Compare the number that an answer ends in with the right one.

    >>> by_number(Problem("6 * 7?", answer="42"), "It is 42.0.")
    Reward(value=1.0, why='right')
    """
    number = final_number(text)
    if number is None:
        return Reward(0.0, "no number")
    if number != final_number(problem.answer):
        return Reward(0.0, "another number")
    return RIGHT


def by_text(problem: Problem, text: str) -> Reward:
    """Compare an answer with the right one, but for white space."""
    same = text.split() == problem.answer.split()
    return RIGHT if same else Reward(0.0, "another text")


def by_pattern(problem: Problem, text: str) -> Reward:
    """Search an answer for a regular expression, for a limited time.

    Raises:
        TimeoutError: it took too long.
    """
    found = regex.search(problem.pattern, text, timeout=SECONDS)
    return RIGHT if found else Reward(0.0, "no match")


def by_form(problem: Problem, text: str) -> Reward:
    """See whether an answer has the form that is asked for.

    Raises:
        TimeoutError: it took too long.
    """
    found = regex.fullmatch(problem.form, text, timeout=SECONDS)
    return RIGHT if found else Reward(0.0, "another form")


def by_schema(problem: Problem, text: str) -> Reward:
    """See whether an answer is JSON, and of the problem's schema."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return Reward(0.0, "no JSON")
    wrong = fault(value, problem.schema)
    return Reward(0.0, wrong) if wrong else RIGHT


def by_tests(problem: Problem, text: str) -> Reward:
    """Run an answer's code, and the problem's tests, in the sandbox."""
    verdict = run_tests(code_in(text), problem.tests)
    return RIGHT if verdict.passed else Reward(0.0, verdict.why)


def code_in(text: str) -> str:
    r"""Give the last fenced block of an answer, or all of it.

    >>> code_in("So:\n```python\nx = 1\n```\nDone.")
    'x = 1\n'
    """
    blocks = text.split("```")[1::2]
    if not blocks:
        return text
    head, _, rest = blocks[-1].partition("\n")
    return rest if head.strip().isalnum() or not head.strip() else head


REWARDS: dict[str, Judgement] = {
    "number": by_number,
    "exact": by_text,
    "regex": by_pattern,
    "format": by_form,
    "json_schema": by_schema,
    "unit_tests": by_tests,
}
"""What answers can be judged by."""

NEEDS = {
    "number": "answer",
    "exact": "answer",
    "regex": "pattern",
    "format": "form",
    "json_schema": "schema",
    "unit_tests": "tests",
}
"""The field of a problem that a reward judges by."""
