"""Attention as coloured blocks of text, for a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from rich.table import Table
from rich.text import Text

from hornbook.inference.look import Habit

if TYPE_CHECKING:
    from torch import Tensor

LIGHT, DARK = (255, 255, 255), (140, 28, 19)
LABEL_WIDTH = 14
LEGEND = """
entropy   how widely a head looks, in bits
itself    the share of its weight on the token that looks
previous  on the token before
first     on the first token of the text
All are means over the text. One head as a map: --layer 1 --head 1"""


def shade(weight: float) -> Style:
    """Colour a cell: the more weight, the darker and redder.

    >>> str(shade(0.0)), str(shade(1.0))
    ('black on #ffffff', 'white on #8c1c13')
    """
    mixed = [
        round(light + (dark - light) * min(max(weight, 0.0), 1.0))
        for light, dark in zip(LIGHT, DARK, strict=True)
    ]
    ink = "white" if weight > 0.5 else "black"
    colour = "#" + "".join(f"{part:02x}" for part in mixed)
    return Style.parse(f"{ink} on {colour}")


def tenths(weight: float) -> str:
    """Write a weight as one character, for where there is no colour.

    >>> [tenths(w) for w in (0.0, 0.04, 0.31, 0.99)]
    ['.', '.', '3', '#']
    """
    digit = round(10 * weight)
    return "." if digit == 0 else "#" if digit > 9 else str(digit)


def head_map(weights: "Tensor", tokens: Sequence[str]) -> Text:
    """Draw one head: a row a place, a column what it looks at."""
    drawn = Text()
    for place, row in enumerate(weights.tolist()):
        label = tokens[place][-LABEL_WIDTH:]
        drawn.append(f"{label:>{LABEL_WIDTH}} ")
        for weight in row[: place + 1]:
            drawn.append(f"{tenths(weight)} ", shade(weight))
        drawn.append("\n")
    return drawn


def head_table(heads: Sequence[Habit]) -> Table:
    """Describe every head in a line, its shares as shaded cells."""
    table = Table(box=None, pad_edge=False, header_style="italic")
    for column in Habit.__struct_fields__:
        table.add_column(column, justify="right")
    for each in heads:
        shares = (each.itself, each.previous, each.first)
        table.add_row(
            str(each.layer),
            str(each.head),
            f"{each.entropy:.2f}",
            *(Text(f" {s:.2f} ", shade(s)) for s in shares),
        )
    return table
