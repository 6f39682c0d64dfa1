"""The learning rates that were tried, drawn."""

from io import BytesIO
from pathlib import Path

from hornbook.base.store import write_bytes
from hornbook.press.figure import ACCENT, HAIR, INK, TEXT, style
from hornbook.training.finder import Found


def save_rates(path: Path, found: Found) -> None:
    """Write a picture: a line for each seed, a band for the interval.

    The red line is the rate that was found.
    """
    from matplotlib.figure import Figure

    style()
    picture = Figure(figsize=(TEXT, 2.4))
    ax = picture.subplots()
    if found.rate.seeds > 1:
        ends = found.rate.low, found.rate.high
        ax.axvspan(*ends, color=HAIR, alpha=0.3)
    for seed in sorted({seed for _, seed, _ in found.points}):
        own = [(x, y) for x, s, y in found.points if s == seed]
        ax.plot(*zip(*own, strict=True), "o-", ms=3, lw=0.8, color=INK)
    ax.axvline(found.rate.value, color=ACCENT)
    ax.set_xscale("log", base=2)
    tried = [x for x, _, _ in found.points]
    ax.set_xlim(min(tried) / 1.2, max(tried) * 1.2)
    ax.set(xlabel=found.key, ylabel="bits per byte, held out")
    data = BytesIO()
    picture.savefig(data, format="svg")
    write_bytes(path, data.getvalue())
