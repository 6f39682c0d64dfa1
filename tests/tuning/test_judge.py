import sys
import threading
from collections.abc import Iterator

import pytest

from hornbook.base.errors import DataError
from hornbook.tuning.judge import MOST_HUNG, Judge
from hornbook.tuning.problems import Problem
from hornbook.tuning.rewards import REWARDS, Reward

PROBLEM = Problem("2+2", "4", form=r"\d+", where="sums.jsonl:1")
GATE = threading.Event()


def hang(problem: Problem, text: str) -> Reward:
    """Wait until the tests are over."""
    GATE.wait()
    return Reward(1.0, "right")


@pytest.fixture(autouse=True)
def _strange(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Add rewards that no one should have written."""
    strange = {
        "hangs": hang,
        "divides": lambda problem, text: Reward(1 / 0, ""),
        "leaves": lambda problem, text: sys.exit(0),
        "boasts": lambda problem, text: Reward(7.0, "of course"),
        "mumbles": lambda problem, text: None,
        "unsure": lambda problem, text: Reward(float("nan"), ""),
    }
    for name, judgement in strange.items():
        monkeypatch.setitem(REWARDS, name, judgement)
    GATE.clear()
    yield
    GATE.set()


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("hangs", "hangs took too long"),
        ("divides", "divides raised ZeroDivisionError"),
        ("leaves", "leaves raised SystemExit"),
        ("boasts", "boasts gave no value from 0 to 1"),
        ("unsure", "unsure gave no value from 0 to 1"),
        ("mumbles", "mumbles raised"),
    ],
)
def test_a_reward_that_fails_gives_nothing_and_is_named(
    kind: str, what: str
) -> None:
    judge = Judge({"number": 1.0, kind: 0.5}, 0.05)
    verdict = judge(PROBLEM, "4")
    assert verdict.value == 1.0
    assert not verdict.right
    assert dict(judge.faults) == dict(judge.fresh)
    ((named, count),) = judge.faults.items()
    assert named.startswith(what) and count == 1


def test_rewards_are_added_by_their_weights() -> None:
    judge = Judge({"number": 1.0, "format": 0.25}, 5.0)
    both, one, other = judge.judge(
        [PROBLEM] * 3, ["4", "it is 4", "5"]
    )
    assert [v.value for v in (both, one, other)] == [1.25, 1.0, 0.25]
    assert [v.right for v in (both, one, other)] == [True, True, False]


def test_a_form_alone_can_be_right() -> None:
    assert Judge({"format": 1.0}, 5.0)(PROBLEM, "9").right


def test_a_reward_that_always_hangs_stops_the_training() -> None:
    judge = Judge({"hangs": 1.0}, 0.01)
    with pytest.raises(DataError, match=r"'hangs'.*sums.jsonl:1"):
        judge.judge([PROBLEM] * MOST_HUNG, ["4"] * MOST_HUNG)


def test_what_is_the_problems_fault_is_told() -> None:
    judge = Judge({"json_schema": 1.0}, 5.0)
    with pytest.raises(DataError, match="schema"):
        judge(Problem("?", schema={"type": "nothing"}), "3")
