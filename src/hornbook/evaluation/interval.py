"""Intervals: how far a measured number may be from the true one.

All intervals are two-sided at 95%. They speak of other documents or
questions of the same kind, not of another training.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float, Int

from hornbook.base.errors import DataError

RESAMPLES = 2000
TAILS_PERCENT = (2.5, 97.5)
Z = 1.959963984540054
"""The 97.5% point of the normal distribution."""

Values = Sequence[float] | np.ndarray
Statistic = Callable[[Int[np.ndarray, "rows documents"]], Any]


class Interval(msgspec.Struct, frozen=True):
    """A value and the ends of its 95% interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """Give a proportion with its score interval.

    Unlike the usual formula it stays within 0 and 1, and it has a
    width where all or none succeed.

    Source: wilson1927, the interval of the inverted score test.

    Raises:
        DataError: ``n`` is not positive or less than ``successes``.
    """
    if not 0 <= successes <= n or n < 1:
        raise DataError(
            f"{successes} of {n} is no proportion; evaluate on at "
            "least one item"
        )
    share = successes / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    spread = share * (1 - share) / n + Z**2 / (4 * n**2)
    half = Z / (1 + Z**2 / n) * math.sqrt(spread)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(share, min(low, share), max(high, share))


def between(hits: Sequence[int], sizes: Sequence[int]) -> Interval:
    """Give the difference of two proportions of different items.

    Each end adds up, as lengths at right angles, how far both shares
    may be from what was measured.

    Source: newcombe1998, method 10, from two score intervals.
    """
    first, second = map(wilson, hits, sizes)
    down = math.hypot(
        first.value - first.low, second.high - second.value
    )
    up = math.hypot(first.high - first.value, second.value - second.low)
    value = first.value - second.value
    return Interval(value, value - down, value + up)


def mean(values: Values, seed: int) -> Interval:
    """Give the mean of independent values, by bootstrap."""
    data = _numbers(values)
    return _bootstrap(lambda rows: data[rows].mean(-1), len(data), seed)


def median(values: Values, seed: int) -> Interval:
    """Give the median of independent values, by bootstrap."""
    data = _numbers(values)
    return _bootstrap(
        lambda rows: np.median(data[rows], axis=-1), len(data), seed
    )


def ratio(over: Values, under: Values, seed: int) -> Interval:
    """Give a ratio of sums, such as bits per byte over documents.

    Whole documents are drawn anew, because the bytes within one
    document are not independent of each other.
    """
    top, bottom = _numbers(over), _numbers(under)
    _same_length(top, bottom)
    if not bottom.all() or bottom.min() < 0:
        raise DataError(
            "a ratio needs positive parts below the line; leave out "
            "documents without text"
        )
    return _bootstrap(
        lambda rows: top[rows].sum(-1) / bottom[rows].sum(-1),
        len(top),
        seed,
    )


def paired(ours: Values, theirs: Values, seed: int) -> Interval:
    """Give the mean difference of two scores of the same items.

    The items' common difficulty cancels, so that the interval is
    narrower than those of the two scores suggest.
    """
    first, second = _numbers(ours), _numbers(theirs)
    _same_length(first, second)
    return mean(first - second, seed)


def _bootstrap(statistic: Statistic, n: int, seed: int) -> Interval:
    """Draw ``n`` items with replacement, many times, and look.

    Source: efron1979; the ends are percentiles of the drawn values.
    """
    random = np.random.default_rng(seed)
    rows_at_once = max(1, 4_000_000 // n)
    drawn: list[Float[np.ndarray, " rows"]] = []
    for start in range(0, RESAMPLES, rows_at_once):
        count = min(rows_at_once, RESAMPLES - start)
        drawn.append(statistic(random.integers(n, size=(count, n))))
    low, high = np.percentile(np.concatenate(drawn), TAILS_PERCENT)
    value = float(statistic(np.arange(n)[None])[0])
    ends = min(float(low), value), max(float(high), value)
    return Interval(value, *ends)


def _numbers(values: Values) -> Float[np.ndarray, " documents"]:
    """Take values as an array, if there are any and all are finite."""
    data = np.asarray(values, dtype=np.float64)
    if not len(data) or not np.isfinite(data).all():
        raise DataError(
            "an interval needs one finite value or more; this has "
            f"{len(data)}, {int((~np.isfinite(data)).sum())} not finite"
        )
    return data


def _same_length(first: np.ndarray, second: np.ndarray) -> None:
    """Refuse pairs of which one half is missing."""
    if len(first) != len(second):
        raise DataError(
            f"{len(first)} values cannot be paired with {len(second)}; "
            "score both on the same items"
        )
