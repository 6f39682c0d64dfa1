"""Figures drawn at their final size in the book's own faces.

Every chapter's kernel opens its run here; the names below are what a
chapter may use.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap

from hornbook.base.errors import DataError
from hornbook.base.record import named
from hornbook.base.store import write_bytes
from hornbook.press import fonts
from hornbook.press.quoting import (
    Passage,
    escape_quoted,
    escape_value,
    quoted,
)
from hornbook.press.run_folder import Run, find_run
from hornbook.press.values import MIME

if TYPE_CHECKING:
    from IPython.display import Markdown
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["escape", "markdown", "open_run", "quoted", "table"]

TEXT, FULL = 110 / 25.4, 152 / 25.4
"""Inches: the width of the text, and of text and margin together."""
INK, ACCENT, GREEN = "#222222", "#8c1c13", "#2f5d50"
QUIET, HAIR = "#6b6b6b", "#bbbbbb"
SERIES = (INK, ACCENT, GREEN, "#a07a2c", "#3b5b7c", QUIET)
SEQUENTIAL = LinearSegmentedColormap.from_list(
    "hornbook", ["#ffffff", "#e8c9c0", "#bb5a4a", ACCENT, "#4a0d09"]
)
MOST_VECTOR_TOKENS = 32


def open_run(folder: str | Path | None = None) -> Run:
    """Open a run, or this book's; make figures look like the book."""
    style()
    return Run(named(folder)) if folder else find_run()


def style() -> None:
    """Set matplotlib to the book's faces, sizes and quiet lines."""
    family = _family()
    small = {f"{axis}tick.labelsize": 7 for axis in "xy"}
    thin = {f"{axis}tick.major.width": 0.5 for axis in "xy"}
    short = {f"{axis}tick.major.size": 2.5 for axis in "xy"}
    settings: dict[str, Any] = {
        "font.family": family,
        "mathtext.fontset": "custom",
        "mathtext.rm": family,
        "mathtext.it": f"{family}:italic",
        "mathtext.bf": f"{family}:bold",
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.5,
        "axes.edgecolor": INK,
        "axes.prop_cycle": cycler(color=SERIES),
        "lines.linewidth": 1.0,
        "patch.linewidth": 0.5,
        "legend.frameon": False,
        "legend.fontsize": 7,
        "image.cmap": "gray_r",
        "figure.figsize": (TEXT, 2.3),
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.h_pad": 0.01,
        "figure.constrained_layout.w_pad": 0.01,
        "pdf.fonttype": 42,
        "svg.hashsalt": "hornbook",
    }
    mpl.rcParams.update({**settings, **small, **thin, **short})
    _inline()


def _family() -> str:
    """Give matplotlib the text face, or its own serif without it."""
    for weight in ("regular", "italic", "bold"):
        found = fonts.find(f"{fonts.TEXT}-{weight}.otf")
        if found is None:
            return "DejaVu Serif"
        font_manager.fontManager.addfont(str(fonts.as_truetype(found)))
    return fonts.FIGURE_FAMILY


def _inline() -> None:
    """In a kernel: figures as PDF for the page, PNG for the screen."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    from matplotlib_inline.config import InlineBackend

    mpl.use("module://matplotlib_inline.backend_inline")
    shell.enable_gui = lambda gui=None: None
    shell.enable_matplotlib("inline")
    set_matplotlib_formats("pdf", "png", bbox_inches=None)
    settings = InlineBackend.instance(parent=shell)
    settings.rc = {}


def attention(
    ax: "Axes",
    weights: Sequence[Sequence[float]],
    tokens: Sequence[str],
) -> None:
    """Draw who looks at whom: a row a query, a column a key.

    Up to 32 tokens each cell is drawn as a shape, sharp at any size;
    beyond that the cells become one picture.

    Raises:
        DataError: the weights are not square, or do not fit the tokens.
    """
    size = len(tokens)
    tokens = [token.replace("$", r"\$") for token in tokens]
    if np.shape(weights) != (size, size):
        raise DataError(
            f"attention weights of shape {np.shape(weights)} do not "
            f"fit {size} tokens"
        )
    if size <= MOST_VECTOR_TOKENS:
        ax.pcolormesh(
            weights,
            cmap=SEQUENTIAL,
            vmin=0,
            vmax=1,
            edgecolors="white",
            linewidth=0.25,
        )
        ax.set_xticks(np.arange(size) + 0.5, tokens, rotation=90)
        ax.set_yticks(np.arange(size) + 0.5, tokens)
        ax.tick_params(length=0, pad=1, labelsize=6)
    else:
        ax.imshow(
            weights,
            cmap=SEQUENTIAL,
            vmin=0,
            vmax=1,
            interpolation="none",
            extent=(0, size, size, 0),
        )
    ax.set(aspect="equal", ylim=(size, 0))
    for spine in ax.spines.values():
        spine.set_visible(False)


def save_attention(
    path: Path,
    maps: Any,
    tokens: list[str],
    first: tuple[int, int] = (1, 1),
) -> None:
    """Write maps of (layers, heads) as a picture, one or a grid.

    ``first`` numbers the layer and the head of the first map.

    Raises:
        DataError: the file's ending names no kind of picture.
    """
    from matplotlib.figure import Figure

    # Refuse what cannot be written, and look like the book
    kind = picture_kind(path)
    style()
    layers, heads = np.shape(maps)[:2]
    alone = layers * heads == 1
    side = max(2.4, 0.14 * len(tokens)) if alone else 1.4
    size = (side * heads + 0.6 * alone, side * layers + 0.4 * alone)

    # Draw layer by layer
    picture = Figure(figsize=size)
    axes = picture.subplots(layers, heads, squeeze=False)
    for layer, row in enumerate(axes):
        for head, ax in enumerate(row):
            attention(ax, maps[layer][head], tokens)
            if not alone:
                ax.set(xticks=[], yticks=[])
                at = (layer + first[0], head + first[1])
                name = f"layer {at[0]}, head {at[1]}"
                ax.set_title(name, style="italic", fontsize=6)
    save_picture(path, picture, kind)


def confusion(
    ax: "Axes", counts: Any, names: Sequence[str]
) -> None:
    """Draw what was named, a row for each true class.

    ``counts`` is a table of (true, named); colour is a row's share.
    """
    table_ = np.asarray(counts)
    shares = table_ / np.maximum(table_.sum(1), 1)[:, None]
    ax.pcolormesh(
        shares, cmap=SEQUENTIAL, vmin=0, vmax=1,
        edgecolors="white", linewidth=0.5,
    )
    for row, column in zip(*np.nonzero(table_), strict=True):
        ax.text(
            column + 0.5, row + 0.5, f"{table_[row, column]:.0f}",
            ha="center", va="center", fontsize=6,
            color="white" if shares[row, column] > 0.45 else INK,
        )
    short = [n if len(n) < 16 else f"{n[:14]}..." for n in names]
    middle = np.arange(len(names)) + 0.5
    ax.set_xticks(middle, short, rotation=60, ha="right", fontsize=6)
    ax.set_yticks(middle, short, fontsize=6)
    ax.tick_params(length=0)
    ax.set(ylim=(len(names), 0), xlabel="named", ylabel="true")


def save_confusion(
    path: Path, counts: Any, names: Sequence[str]
) -> None:
    """Write what a classifier takes for what as a picture.

    Raises:
        DataError: the file's ending names no kind of picture.
    """
    from matplotlib.figure import Figure

    kind = picture_kind(path)
    style()
    size = (TEXT, 0.9 + 0.2 * len(names))
    picture = Figure(figsize=size, layout="constrained")
    confusion(picture.subplots(), counts, names)
    save_picture(path, picture, kind)


def picture_kind(path: Path) -> str:
    """Give the kind of picture that a file's ending names.

    Raises:
        DataError: it names none that is known.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in PICTURES:
        raise DataError(
            f"{path.name} names no kind of picture; let it end in "
            + ", ".join(f".{each}" for each in PICTURES)
        )
    return kind


def save_picture(path: Path, picture: "Figure", kind: str) -> None:
    """Write a picture, whole or not at all."""
    data = BytesIO()
    picture.savefig(data, format=kind, dpi=200)
    write_bytes(path, data.getvalue())


PICTURES = ("svg", "png", "pdf")


def label_end(
    ax: "Axes", x: float, y: float, text: str, color: str = INK
) -> None:
    """Write a curve's name, or last value, at its end."""
    ax.annotate(
        text,
        (x, y),
        xytext=(3, 0),
        textcoords="offset points",
        color=color,
        fontsize=7,
        va="center",
        annotation_clip=False,
    )


def escape(text: object) -> str:
    """Protect foreign text inside a table's cell."""
    return escape_quoted(str(text))


def shorten(text: str, most: int) -> str:
    """Protect foreign text; a long one is cut between words."""
    if len(text) <= most:
        return escape(text)
    whole = text[: most + 1].rpartition(" ")[0]
    return escape((whole or text[:most]).rstrip()) + " ..."


def markdown(text: str) -> "Markdown":
    """Print Markdown as prose of the book."""
    from IPython.display import Markdown

    shown: Markdown = Markdown(text)
    return shown


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    align: str = "",
) -> "Markdown":
    """Give a table for the page; columns of numbers stand right.

    A row of empty cells is a thin rule between groups of rows.

    Raises:
        DataError: a row is longer or shorter than the head.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if any(len(row) != len(columns) for row in cells):
        raise DataError(
            f"a row of the table {', '.join(columns)} does not have "
            f"{len(columns)} cells"
        )
    sides = align or "".join(
        "r" if _numeric([row[i] for row in cells]) else "l"
        for i in range(len(columns))
    )
    rules = {"l": ":--", "r": "--:", "c": ":-:"}
    head = [list(columns), [rules[side] for side in sides]]
    return markdown(
        "\n".join(f"| {' | '.join(row)} |" for row in [*head, *cells])
    )


def _numeric(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers, perhaps with units or signs."""
    digits = [any(c.isdigit() for c in cell) for cell in cells]
    letters = [sum(c.isalpha() for c in cell) for cell in cells]
    return bool(cells) and all(digits) and max(letters) <= 3


def answer(
    asked: Sequence[tuple[str, Callable[[], object], int]],
) -> None:
    """Evaluate a text's values and hand them to the press."""
    from IPython.display import display

    answers: dict[str, object] = {}
    for number, (kind, question, parent) in enumerate(asked):
        if parent >= 0 and not answers[str(parent)]:
            answers[str(number)] = False
        elif kind == "when":
            answers[str(number)] = bool(question())
        else:
            answers[str(number)] = _text(kind, question())
    display({MIME: answers}, raw=True)


def _text(kind: str, value: object) -> str:
    """Write a value as inline Markdown."""
    if isinstance(value, Passage):
        return str(value)
    if kind == "quoted":
        return str(quoted(value))
    return escape_value(str(value))
