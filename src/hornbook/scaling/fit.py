"""Fitting a scaling law to trainings of several sizes."""

from collections.abc import Sequence
from itertools import product

import msgspec
import numpy as np
from jaxtyping import Float

from hornbook.base.errors import DataError
from hornbook.scaling.law import ScalingLaw, quantiles

NAMES = ("E", "A", "B", "alpha", "beta")
DELTA = 1e-3
"""Where Huber's loss turns from a square into a straight line: misses
of more than a thousandth of the loss pull no harder."""
RESAMPLES = 300
SHARES = (0.1, 0.4, 0.8)
"""Parts of the middle point's loss from which each term starts."""
SLOPES = (0.2, 0.5, 1.0)
BEST_STARTS = 24
"""So many of the starts, the best, are followed to their ends."""
BOUNDS = ((-25.0, 5.0),) * 3 + ((0.01, 4.0),) * 2
LEAST_POINTS = 10
"""Two points for each number that is fitted."""
LEAST_LEVELS = 3
"""Sizes, and amounts of text, below which no curve can be seen."""
WIDEST = 1.0
"""The interval of E or of an exponent, as a share of it: beyond that,
the points do not settle it."""

Vector = Float[np.ndarray, "rows"]


class Points(msgspec.Struct, frozen=True):
    """Logarithms of what was tried, each about its mean."""

    n: Vector
    d: Vector
    loss: Vector
    middle: tuple[float, float, float]
    """The three means that were taken away."""


def fit_scaling_law(
    params: Sequence[float] | np.ndarray,
    tokens: Sequence[float] | np.ndarray,
    loss: Sequence[float] | np.ndarray,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ScalingLaw:
    """Fit ``L = E + A / n**alpha + B / d**beta`` to trainings.

    The rows are of equal length, one entry a training; which
    parameters count is yours to say. Logarithms are fitted, by Huber's
    loss, from a grid of starts; intervals at 95% come from drawing the
    points anew, ``resamples`` times. Where they do not settle the five
    numbers, the law is not ``identified``, and ``reason`` says why.

    Units: parameters, tokens, nats per token.

    Source: hoffmann2022, section 3.3; besiroglu2024, section 3.

    Raises:
        DataError: rows of unequal length, fewer than five points, or
            numbers that are not positive and finite.
    """
    # Fit once, then to points that are drawn anew
    points = take(params, tokens, loss)
    theta = best_end(points)
    draws = resample(theta, points, resamples, seed)

    # Say what came, and whether it can be relied on
    e, a, b, alpha, beta = unfold(theta, points)
    ends = quantiles(np.array(draws))
    law = ScalingLaw(
        E=e,
        A=a,
        B=b,
        alpha=alpha,
        beta=beta,
        interval=dict(zip(NAMES, ends, strict=True)),
        points=len(points.n),
        spread=spread(misses(theta, points), len(NAMES)),
        draws=tuple(map(tuple, draws)),
    )
    why = doubt(points, law)
    return msgspec.structs.replace(law, identified=not why, reason=why)


def best_end(points: Points) -> Vector:
    """Follow the best of many starts, and take the best end."""
    once = np.ones(len(points.n))

    def height(theta: Vector) -> float:
        return objective(theta, points, once)[0]

    starts = sorted(map(np.array, grid()), key=height)
    ends = [descend(s, points, once) for s in starts[:BEST_STARTS]]
    return min(ends, key=height)


def resample(
    theta: Vector, points: Points, resamples: int, seed: int
) -> list[list[float]]:
    """Draw the points anew, each time fitting from the point fit.

    Source: efron1979, the bootstrap of pairs.
    """
    count = len(points.n)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(count, np.ones(count) / count, resamples)
    return [
        unfold(descend(theta, points, counts), points)
        for counts in drawn.astype(np.float64)
    ]


def objective(
    theta: Vector, points: Points, counts: Vector
) -> tuple[float, Vector]:
    """Give the sum of Huber's losses and its slope along ``theta``.

    ``theta`` holds the logarithms of the terms at the middle point
    and the exponents: a, b, e, alpha, beta. ``counts`` says how often
    each point counts.
    """
    # Add up the three terms as exponentials, without overflow
    a, b, e, alpha, beta = theta
    by_size, by_data = a - alpha * points.n, b - beta * points.d
    foretold = np.logaddexp(np.logaddexp(by_size, by_data), e)

    # Weigh each miss: squared when small, straight when large
    miss = foretold - points.loss
    pull = np.clip(miss, -DELTA, DELTA)
    cost = counts @ (pull * (miss - pull / 2))

    # Hand each pull to the terms by their share of the loss
    pull = counts * pull
    size = pull * np.exp(by_size - foretold)
    data = pull * np.exp(by_data - foretold)
    rest = pull * np.exp(e - foretold)
    slope = [size.sum(), data.sum(), rest.sum()]
    slope += [-(size @ points.n), -(data @ points.d)]
    return float(cost) / DELTA**2, np.array(slope) / DELTA**2


def descend(start: Vector, points: Points, counts: Vector) -> Vector:
    """Walk downhill from a start to where the slope is level."""
    from scipy.optimize import minimize

    found = minimize(
        objective,
        start,
        args=(points, counts),
        jac=True,
        method="L-BFGS-B",
        bounds=BOUNDS,
        options={"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-7},
    )
    return np.asarray(found.x)


def grid() -> list[tuple[float, ...]]:
    """List the starts: every choice of shares and of exponents."""
    logs = [float(np.log(share)) for share in SHARES]
    return list(product(logs, logs, logs, SLOPES, SLOPES))


def unfold(theta: Vector, points: Points) -> list[float]:
    """Turn a fit about the middle into E, A, B, alpha and beta."""
    a, b, e, alpha, beta = map(float, theta)
    n, d, loss = points.middle
    logs = np.array([e, a + alpha * n, b + beta * d]) + loss
    return [*np.exp(logs).tolist(), alpha, beta]


def misses(theta: Vector, points: Points) -> Vector:
    """Give foretold minus measured logarithms of the loss."""
    a, b, e, alpha, beta = theta
    by_size, by_data = a - alpha * points.n, b - beta * points.d
    foretold = np.logaddexp(np.logaddexp(by_size, by_data), e)
    return np.asarray(foretold - points.loss)


def spread(missed: Vector, fitted: int) -> float:
    """Give the root-mean-square miss beyond what fitting removed."""
    left = max(len(missed) - fitted, 1)
    return float(np.sqrt(missed @ missed / left))


def take(
    params: Sequence[float] | np.ndarray,
    tokens: Sequence[float] | np.ndarray,
    loss: Sequence[float] | np.ndarray,
) -> Points:
    """Check the points, and take their logarithms about the mean.

    Raises:
        DataError: says which row is wrong, and where.
    """
    # Look every row over
    given = {"params": params, "tokens": tokens, "loss": loss}
    rows = {name: row(name, values) for name, values in given.items()}
    counts = {name: len(values) for name, values in rows.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{n} {name}" for name, n in counts.items())
        raise DataError(
            f"the rows are of unequal length ({told}); give one of "
            "each for every training"
        )
    if counts["loss"] < len(NAMES):
        raise DataError(
            f"{counts['loss']} points cannot settle {len(NAMES)} "
            f"numbers; give at least {len(NAMES)}, or {LEAST_POINTS} "
            "for intervals that mean something"
        )

    # Centre the logarithms, so that units do not matter
    logs = [np.log(values) for values in rows.values()]
    n, d, level = (float(values.mean()) for values in logs)
    return Points(
        logs[0] - n, logs[1] - d, logs[2] - level, (n, d, level)
    )


def row(name: str, values: Sequence[float] | np.ndarray) -> Vector:
    """Read a row of positive numbers.

    Raises:
        DataError: names the row and the first entry that is none.
    """
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} holds something that is no number; give one "
            "number for every training"
        ) from error
    if found.ndim != 1:
        raise DataError(
            f"{name} has {found.ndim} axes; give a plain row of numbers"
        )
    bad = np.flatnonzero(~(np.isfinite(found) & (found > 0)))
    if len(bad):
        raise DataError(
            f"{name}[{bad[0]}] is {found[bad[0]]}; every entry must be "
            "a positive finite number: leave broken trainings out"
        )
    return found


def doubt(points: Points, law: ScalingLaw) -> str:
    """Say why the points do not settle the law, or nothing."""
    # Count points, and what they differ in
    count = len(points.n)
    if count < LEAST_POINTS:
        return f"{count} points are too few for {len(NAMES)} numbers"
    for name, values in (("sizes", points.n), ("budgets", points.d)):
        levels = len(np.unique(np.round(values, 6)))
        if levels < LEAST_LEVELS:
            return f"there are only {levels} {name}"

    # See how far the points leave each number open
    for name in ("alpha", "beta", "E"):
        low, high = law.interval[name]
        if high - low > WIDEST * getattr(law, name):
            return (
                f"{name} may lie anywhere from {low:.2f} to {high:.2f}"
            )
    return ""
