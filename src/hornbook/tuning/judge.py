"""The judge: rewards of many answers, whatever a reward may do."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from hornbook.base.errors import DataError, HornbookError
from hornbook.tuning.problems import Problem
from hornbook.tuning.rewards import REWARDS, Reward

HUNG = "took too long"
MOST_HUNG = 8
"""Rewards that hang go on hanging beside the training; after so many
it is stopped."""
FORM = "format"
"""The reward that says nothing about whether an answer is right."""


class Verdict(msgspec.Struct, frozen=True):
    """What an answer earns by each kind of reward."""

    rewards: dict[str, Reward]
    value: float
    """The rewards' sum, by their weights."""
    right: bool
    """Whether it earns all of every reward but that for its form."""


class Judge:
    """Judges answers; a reward that raises or hangs gives nothing.

    That is counted, by the name of the reward and what it did.
    """

    def __init__(
        self, weights: Mapping[str, float], seconds: float
    ) -> None:
        self.weights, self.seconds = dict(weights), seconds
        self.faults: Counter[str] = Counter()
        self.fresh: Counter[str] = Counter()
        """Those that nobody has asked for yet."""

    def __call__(self, problem: Problem, text: str) -> Verdict:
        """Judge one answer by every kind of reward."""
        given = {
            kind: self.ask(kind, problem, text) for kind in self.weights
        }
        value = sum(
            weight * given[kind].value
            for kind, weight in self.weights.items()
        )
        decisive = [k for k in given if k != FORM] or list(given)
        right = all(given[kind].value >= 1 for kind in decisive)
        return Verdict(given, value, right)

    def ask(self, kind: str, problem: Problem, text: str) -> Reward:
        """Give one reward, or none where it fails.

        Raises:
            HornbookError: what is wrong is not the answer's fault.
        """
        try:
            given = bounded(
                lambda: REWARDS[kind](problem, text), self.seconds
            )
            if 0 <= given.value <= 1:
                return given
            what = "gave no value from 0 to 1"
        except HornbookError:
            raise
        except TimeoutError:
            what = HUNG
        except (Exception, SystemExit) as error:
            what = f"raised {type(error).__name__}"
        self.faults[f"{kind} {what}"] += 1
        self.fresh[f"{kind} {what}"] += 1
        if self.faults[f"{kind} {HUNG}"] >= MOST_HUNG:
            raise DataError(
                f"the reward {kind!r} took longer than {self.seconds} "
                f"seconds for {MOST_HUNG} answers, the last at "
                f"{problem.where}; mend it, or raise reward_seconds"
            )
        return Reward(0.0, what)

    def judge(
        self, problems: Sequence[Problem], texts: Sequence[str]
    ) -> list[Verdict]:
        """Judge many answers, each to the problem beside it."""
        return [
            self(problem, text)
            for problem, text in zip(problems, texts, strict=True)
        ]


def bounded(work: Callable[[], Reward], seconds: float) -> Reward:
    """Give what a function gives; wait no longer than so many seconds.

    It runs in a thread beside, which is left to itself if it hangs.

    Raises:
        TimeoutError: it was not done in time.
        Exception: what it raised itself.
    """
    done: list[Reward] = []
    failed: list[Exception | SystemExit] = []

    def run() -> None:
        try:
            done.append(work())
        except (Exception, SystemExit) as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError(f"no answer within {seconds} seconds")
    return done[0]
