"""A score: a number that says how sure it is and what to compare."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from hornbook.evaluation.interval import Interval


class Part(msgspec.Struct, frozen=True):
    """A score of some of the items, in the unit of the whole."""

    value: float
    low: float
    high: float
    n: int

    @staticmethod
    def of(interval: Interval, n: int) -> "Part":
        """Make a part of an interval."""
        return Part(interval.value, interval.low, interval.high, n)


class Score(msgspec.Struct, frozen=True):
    """A measured value, its 95% interval, and its baseline."""

    value: float
    low: float
    high: float
    n: int
    """Items behind the value: documents, questions, answers."""
    baseline: float | None
    """What a simple method reaches; None where none makes sense."""
    baseline_is: str
    """Which simple method that is."""
    unit: str
    """``share`` for proportions."""
    better: Literal["lower", "higher"]
    what: str
    """What is measured, in one sentence."""
    difference: Interval | None = None
    """Value less baseline, paired item by item."""
    also: dict[str, float] = {}
    """Further baselines by name, in the same unit."""
    parts: dict[str, Part] = {}
    """The same for groups of the items, by name."""
    title: str = ""
    """How pages call it."""
    model: str = "base"
    """Which model of the run it is about."""


def score(
    interval: Interval,
    n: int,
    what: str,
    *,
    baseline: float | None = None,
    baseline_is: str = "",
    unit: str = "share",
    better: Literal["lower", "higher"] = "higher",
    difference: Interval | None = None,
    also: dict[str, float] | None = None,
    parts: dict[str, Part] | None = None,
    title: str = "",
) -> Score:
    """Make a score of an interval."""
    return Score(
        interval.value,
        interval.low,
        interval.high,
        n,
        baseline,
        baseline_is,
        unit,
        better,
        what,
        difference,
        also or {},
        parts or {},
        title,
    )


def title_of(name: str, task: Mapping[str, Any]) -> str:
    """How every page calls a score of a report.

    >>> title_of("topic_accuracy", {}), title_of("piqa", {"title": "P"})
    ('Topic accuracy', 'P')
    """
    return task.get("title") or name.replace("_", " ").capitalize()


def with_unit(value: float, unit: str) -> str:
    """Write a score's number with its unit.

    >>> with_unit(0.256, "share"), with_unit(19.5, "characters")
    ('25.6%', '19.5 characters')
    """
    written = number(value, unit)
    return written if unit == "share" else f"{written} {unit}"


def number(value: float | None, unit: str) -> str:
    """Write a score's number for people.

    >>> number(0.256, "share"), number(1.6571, "bits per byte")
    ('25.6%', '1.657')
    """
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:.1f}%"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def span(low: float, high: float, unit: str) -> str:
    """Write an interval for people."""
    return f"{number(low, unit)} to {number(high, unit)}"
