"""Which variant is better: seeds shared, differences paired."""

import statistics
from collections.abc import Iterable, Sequence

import msgspec

from hornbook.training.trials import Result

LEVEL = 0.975
"""The point of Student's distribution that leaves 95% between two."""


class Estimate(msgspec.Struct, frozen=True):
    """A mean over seeds and the ends of its 95% interval."""

    value: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        """Write it for a table; one seed has no interval."""
        if self.seeds < 2:
            return f"{self.value:.4f}"
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the trials of one variant gave."""

    name: str
    bits: Estimate | None
    """Bits per byte of held-out text; None where all seeds failed."""
    behind: Estimate | None
    """Bits per byte more than the reference needs, from the seeds that
    both finished; None for the reference itself."""
    parameters: int
    steps: int
    """The mean over the seeds that did not fail."""
    seconds: float
    """The mean time of a trial, measuring included."""
    problems: tuple[str, ...] = ()
    """Why seeds failed."""

    @property
    def verdict(self) -> str:
        """Say whether it is better than the reference."""
        if self.bits is None:
            return "failed"
        if self.behind is None:
            return ""
        if self.behind.seeds < 2:
            return "one seed tells nothing"
        if self.behind.high < 0:
            return "better"
        return "worse" if self.behind.low > 0 else "not told apart"


class Contest(msgspec.Struct, frozen=True):
    """Variants at equal budget, each beside one of them."""

    entries: tuple[Entry, ...]
    reference: str
    """The variant that the others are held to."""

    def __str__(self) -> str:
        """Write a table for people, and below it why seeds failed."""
        lines = in_columns([self.columns, *self.rows])
        return "\n".join([*lines, *self.reasons])

    @property
    def reasons(self) -> list[str]:
        """Say why seeds failed, each reason once."""
        return [
            f"{entry.name} failed: {problem}"
            for entry in self.entries
            for problem in dict.fromkeys(entry.problems)
        ]

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns of the table."""
        return (
            "variant",
            "bits per byte",
            f"more than {self.reference}",
            "",
            "parameters",
            "steps",
            "seconds",
            "failed",
        )

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Give the cells of the table, a row for each variant."""
        return [
            (
                entry.name,
                str(entry.bits or "-"),
                str(entry.behind or "-"),
                entry.verdict,
                f"{entry.parameters:,}",
                f"{entry.steps:,}",
                f"{entry.seconds:.1f}",
                str(len(entry.problems) or ""),
            )
            for entry in self.entries
        ]


def in_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write the rows of a table as lines, each column equally wide.

    >>> in_columns([("a", "b"), ("12", "3")])
    ['a   b', '12  3']
    """
    columns = zip(*rows, strict=True)
    sides = [max(map(len, column)) for column in columns]
    return [
        "  ".join(
            cell.ljust(side)
            for cell, side in zip(row, sides, strict=True)
        ).rstrip()
        for row in rows
    ]


def judge(results: Sequence[Result], reference: str = "") -> Contest:
    """Set variants side by side, and hold all to one of them.

    That is the first, if none is named. A seed draws the same rows of
    text for every variant, and the same weights where shapes agree, so
    that much of its luck cancels in the difference of two. A seed that
    failed in either is left out of the difference.
    """
    cells: dict[str, list[Result]] = {}
    for result in results:
        cells.setdefault(result.name, []).append(result)
    reference = reference or next(iter(cells), "")
    entries = [
        enter(own, cells[reference] if name != reference else ())
        for name, own in cells.items()
    ]
    return Contest(tuple(entries), reference)


def enter(results: Sequence[Result], others: Sequence[Result]) -> Entry:
    """Sum up the trials of one variant, and those it is held to."""
    whole = [r for r in results if not r.problem]
    mine, theirs = bits_by_seed(whole), bits_by_seed(others)
    shared = [seed for seed in mine if seed in theirs]
    count = max(len(whole), 1)
    return Entry(
        name=results[0].name,
        bits=estimate(mine.values()),
        behind=estimate(mine[s] - theirs[s] for s in shared),
        parameters=results[0].parameters,
        steps=round(sum(r.steps for r in whole) / count),
        seconds=sum(r.seconds for r in whole) / count,
        problems=tuple(r.problem for r in results if r.problem),
    )


def bits_by_seed(results: Iterable[Result]) -> dict[int, float]:
    """Give the bits per byte of the seeds that did not fail."""
    return {r.seed: r.bits_per_byte for r in results if not r.problem}


def estimate(values: Iterable[float]) -> Estimate | None:
    """Give the mean over seeds with its interval, if there are any."""
    found = list(values)
    return Estimate(*over_seeds(found), len(found)) if found else None


def over_seeds(values: Iterable[float]) -> tuple[float, float, float]:
    """Give the mean over seeds and the ends of its 95% interval.

    A single seed says nothing of the others: its interval has no
    width, and is not to be shown as one.

    Source: student1908, the distribution of the mean's error.

    >>> over_seeds([2.0])
    (2.0, 2.0, 2.0)
    """
    from scipy.stats import t as student

    found = list(values)
    mean = statistics.fmean(found)
    if len(found) < 2:
        return mean, mean, mean
    error = statistics.stdev(found) / len(found) ** 0.5
    half = float(student.ppf(LEVEL, len(found) - 1)) * error
    return mean, mean - half, mean + half
