"""Fit the law that ships with Hornbook to the trainings beside it.

    python benchmarks/prior.py [TRIALS.jsonl]

``src/hornbook/scaling/prior.json`` holds trainings of the demo's text.
This adds those of a sweep's ``scaling/trials.jsonl``, if one is given,
fits the law to all of them, and writes the file anew.

So short trainings settle neither E nor what happens before a power law
begins. E is held at what large models leave (besiroglu2024), carried
over to tokens of this vocabulary, with a standard error of a fifth of a
nat; and an offset in tokens is fitted beside the four other numbers.
"""

import sys
from pathlib import Path

import msgspec
import numpy as np
from scipy.optimize import least_squares

from hornbook.base.store import read_jsonl
from hornbook.scaling.fit import NAMES, spread
from hornbook.scaling.law import ScalingLaw, quantiles

FILE = Path(__file__).parents[1] / "src/hornbook/scaling/prior.json"
E, ERROR = 1.5, 0.2
N, D = 1e6, 1e6
DRAWS = 100


BOUNDS = ([-9, -9, 0.05, 0.05, 9], [9, 9, 1.5, 1.5, 15])
STARTS = [
    (-1.0, 1.0, alpha, beta, offset)
    for alpha in (0.3, 0.8)
    for beta in (0.2, 0.4)
    for offset in (11.5, 13.0)
]


def fit(points, counts, e, starts, bounds=BOUNDS):
    """Give the fit of all but E, and how far each point is missed."""
    n, d, loss = points
    weights = np.sqrt(counts)

    def miss(theta):
        a, b, alpha, beta, offset = theta
        data = np.exp(b) * ((d + np.exp(offset)) / D) ** -beta
        foretold = e + np.exp(a) * (n / N) ** -alpha + data
        return weights * np.log(foretold / loss)

    ends = (least_squares(miss, s, bounds=bounds) for s in starts)
    found = min(ends, key=lambda end: end.cost)
    return found.x, found.fun


def unfold(theta, e):
    """Give E, A, B, alpha, beta and the offset of a fit."""
    a, b, alpha, beta, offset = map(float, theta)
    a, b = np.exp(a) * N**alpha, np.exp(b) * D**beta
    return [e, float(a), float(b), alpha, beta, float(np.exp(offset))]


def short(number):
    """Keep six digits: more would be noise."""
    return float(f"{number:.6g}")


def main(trials):
    """Read, fit, write."""
    table = msgspec.json.decode(FILE.read_bytes())
    rows = {tuple(point) for point in table["points"]}
    rows |= {
        (r["parameters"], r["tokens"], round(r["loss"], 4))
        for path in trials
        for r in read_jsonl(Path(path))
    }
    points = np.array(sorted(rows)).T
    count = points.shape[1]
    best, missed = fit(points, np.ones(count), E, STARTS)
    *numbers, offset = unfold(best, E)

    # Draw the trainings anew, and E with them; hold the offset
    narrow = [
        [*ends[:4], best[4] + side]
        for ends, side in zip(BOUNDS, (-1e-6, 1e-6), strict=True)
    ]
    random = np.random.default_rng(0)
    draws = []
    for _ in range(DRAWS):
        counts = random.multinomial(count, np.ones(count) / count)
        e = E + ERROR * random.normal()
        theta, _ = fit(points, counts, e, [best], narrow)
        draws.append([short(number) for number in unfold(theta, e)[:5]])
    ends = [tuple(map(short, e)) for e in quantiles(np.array(draws))]
    law = ScalingLaw(
        **dict(zip(NAMES, map(short, numbers), strict=True)),
        interval=dict(zip(NAMES, ends, strict=True)),
        reason="E is held at what large models leave",
        offset=float(round(offset)),
        points=count,
        spread=short(spread(missed, 5)),
        draws=tuple(map(tuple, draws)),
    )
    table |= {
        "points": sorted(rows), "law": msgspec.to_builtins(law),
    }
    text = msgspec.json.format(msgspec.json.encode(table), indent=1)
    FILE.write_bytes(text + b"\n")
    print({k: v for k, v in table["law"].items() if k != "draws"})


if __name__ == "__main__":
    main(sys.argv[1:])
