"""What each step of curation is worth, drawn."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from hornbook.base.store import write_bytes
from hornbook.press.figure import ACCENT, HAIR, INK, TEXT, style
from hornbook.training.ablation import Ablation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_INCHES = 0.22


def save_worth(path: Path, found: Ablation) -> None:
    """Write a picture: a dot for each variant, with its interval."""
    from matplotlib.figure import Figure

    style()
    height = 0.5 + ROW_INCHES * len(found.variants)
    picture = Figure(figsize=(TEXT, height))
    draw_worth(picture.subplots(), found)
    data = BytesIO()
    picture.savefig(data, format="svg")
    write_bytes(path, data.getvalue())


def draw_worth(ax: "Axes", found: Ablation) -> None:
    """Draw by how many bits each variant differs from the raw text.

    Left of the line is better. Red is what is told apart from raw; an
    open dot is of one seed, which tells nothing. What failed is left
    out.
    """
    names: list[str] = []
    for entry in found.contest.entries:
        gap = entry.behind
        if gap is None:
            continue
        row = len(names)
        names.append(entry.name.replace("_", " "))
        told = entry.verdict in ("better", "worse")
        colour = ACCENT if told else INK
        ax.plot([gap.low, gap.high], [row, row], color=colour, lw=1)
        fill = colour if gap.seeds > 1 else "none"
        ax.plot(gap.value, row, "o", ms=4, color=colour, mfc=fill)
    ax.axvline(0, color=HAIR, lw=0.8, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(max(len(names), 1) - 0.5, -0.5)
    reference = found.contest.reference
    ax.set_xlabel(f"bits per byte more than {reference}, held out")
