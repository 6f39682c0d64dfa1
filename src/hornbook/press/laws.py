"""The sweep of a run, drawn: what was tried, foretold, and came."""

import math
from itertools import cycle
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from hornbook.press.figure import ACCENT, QUIET, SERIES, label_end
from hornbook.scaling.forecast import (
    Forecast,
    Score,
    carry_over,
    last_entries,
)
from hornbook.scaling.law import ScalingLaw
from hornbook.scaling.prior import load_prior

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hornbook.press.run_folder import Run

FIT = "scaling/fit.json"


class Sweep(msgspec.Struct, frozen=True):
    """What a run's sweep left: points, law, forecast and its score."""

    kind: str
    """``fitted``, ``corrected`` or ``prior``: points of other runs."""
    points: list[dict[str, float]]
    law: ScalingLaw
    free: ScalingLaw | None = None
    """The fit of all five numbers, where it was tried."""
    forecast: Forecast | None = None
    score: Score | None = None

    @property
    def own(self) -> bool:
        """Whether the points are the run's own."""
        return self.kind != "prior"

    @property
    def factor(self) -> float:
        """By how much the run's trials correct the law of others."""
        assert self.forecast is not None
        prior, made = load_prior(), self.forecast
        each_bytes = 1 / (made.bits_per_nat * math.log(2))
        law = carry_over(prior.law, each_bytes / prior.bytes_per_token)
        plain = law.predict(float(made.parameters), made.tokens)
        return float(made.loss / plain)

    @property
    def sizes(self) -> list[int]:
        """The sizes that were tried, the smallest first."""
        return sorted({int(p["parameters"]) for p in self.points})


def open_sweep(run: "Run") -> Sweep:
    """Read a run's sweep, or what other runs tried if it has none."""
    prior = load_prior()
    names = ("parameters", "tokens", "loss")
    theirs = [dict(zip(names, p, strict=True)) for p in prior.points]
    if not run.has(FIT):
        return Sweep("prior", theirs, prior.law)
    table = run.json(FIT)
    _, scored = last_entries(run.folder)
    own = table["kind"] != "prior"
    return Sweep(
        kind=table["kind"],
        points=table["points"] if own else theirs,
        law=msgspec.convert(table["law"], ScalingLaw),
        free=msgspec.convert(table["free"], ScalingLaw | None),
        forecast=msgspec.convert(table["forecast"], Forecast),
        score=scored,
    )


def draw_sweep(ax: "Axes", swept: Sweep) -> None:
    """Draw loss against tokens: a curve a size, and the forecast.

    Dots are trainings that ended, the bar is the forecast with its
    interval, and the cross is what came.
    """
    # See how far the curves go, and for which sizes
    sizes, most = swept.sizes, max(p["tokens"] for p in swept.points)
    if swept.own and swept.forecast:
        most = swept.forecast.tokens
        sizes = sorted({*sizes, swept.forecast.parameters})
    least = min(p["tokens"] for p in swept.points)
    tokens = np.geomspace(least * 0.8, most * 1.1, 80)

    # Draw what was tried, and the law through it
    for size, color in zip(sizes, cycle(SERIES), strict=False):
        own = [p for p in swept.points if p["parameters"] == size]
        curve = swept.law.predict(float(size), tokens)
        ax.plot(tokens, curve, color=color, lw=0.8)
        dots = [p["tokens"] for p in own], [p["loss"] for p in own]
        ax.plot(*dots, "o", ms=3, color=color)
        label_end(ax, tokens[-1], curve[-1], short(size), color)
    ax.set(xscale="log", xlabel="tokens read")
    ax.set_ylabel("held-out loss, nats per token")
    if swept.own and swept.forecast:
        draw_forecast(ax, swept.forecast, swept.score)


def draw_forecast(
    ax: "Axes", forecast: Forecast, scored: Score | None
) -> None:
    """Set what was foretold beside what came."""
    x, y = forecast.tokens, forecast.loss
    ends = [[y - forecast.low], [forecast.high - y]]
    ax.errorbar(x, y, ends, color=QUIET, capsize=3, lw=1)
    if scored:
        ax.plot(x, scored.loss, "x", ms=6, color=ACCENT, mew=1.4)


def short(count: float) -> str:
    """Write a large number in few digits.

    >>> short(3_342_336), short(421_000)
    ('3.3 M', '421 k')
    """
    if count >= 1e6:
        return f"{count / 1e6:.1f} M"
    return f"{count / 1e3:.0f} k"
