"""Small charts as SVG text, for a page that loads nothing."""

import math
from collections.abc import Sequence

import msgspec

from hornbook.evaluation.score import Part, Score

WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 34
POINTS = 300
"""A longer line is averaged down to so many points."""

Point = tuple[float, float]


class Line(msgspec.Struct, frozen=True):
    """A line of a chart, from left to right."""

    points: Sequence[Point]
    name: str = ""
    """What stands beside it, where there are several."""
    dots: bool = False
    """Whether every point is marked, and not only the last."""


class Frame(msgspec.Struct, frozen=True):
    """Where a chart's axes begin and end, and what stands on them."""

    x_ticks: list[float]
    y_ticks: list[float]
    x_ends: Point

    def place(self, x: float, y: float) -> Point:
        """Turn a point's values into places on the drawing."""
        (left, right), (low, high) = self.x_ends, self.y_ends
        along = (x - left) / (right - left)
        up = (min(y, high) - low) / (high - low)
        return (
            LEFT + along * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM),
        )

    @property
    def y_ends(self) -> Point:
        """The lowest and the highest value that has room."""
        return self.y_ticks[0], self.y_ticks[-1]


def line_chart(
    lines: Sequence[Line], x_name: str, y_name: str
) -> str:
    """Draw lines with their axes; "" where there is nothing to draw."""
    lines = [line for line in map(trimmed, lines) if line.points]
    if not lines:
        return ""
    frame = fit([line.points for line in lines])
    middle = (LEFT + WIDTH - RIGHT) / 2
    return "".join(
        (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{y_name} against {x_name}">',
            *grid(frame),
            *(
                part
                for number, line in enumerate(lines)
                for part in drawn(line, frame, number)
            ),
            _text(middle, HEIGHT - 2, x_name),
            "</svg>",
        )
    )


def trimmed(line: Line) -> Line:
    """Leave out what is not finite, and average what is too dense."""
    points = [p for p in line.points if all(map(math.isfinite, p))]
    if len(points) < 2 or points[0][0] >= points[-1][0]:
        points = []
    points = thinned(points, POINTS) if points else []
    return msgspec.structs.replace(line, points=points)


def drawn(line: Line, frame: Frame, number: int) -> list[str]:
    """Draw one line, its points or only the last, and its name."""
    places = [frame.place(*point) for point in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    circles = [
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}"/>'
        for x, y in (places if line.dots else places[-1:])
    ]
    high = TOP + 14 + 16 * number
    return [
        f'<g class="series{number}">',
        f'<polyline class="line" points="{path}"/>',
        *circles,
        _text(WIDTH - RIGHT, high, line.name, "end"),
        "</g>",
    ]


def fit(lines: Sequence[Sequence[Point]]) -> Frame:
    """Fit the axes to lines.

    The vertical axis leaves out the peaks of the first tenth, so that
    the part that matters has room.
    """
    late = [y for line in lines for _, y in line[len(line) // 10 :]]
    every = [point for line in lines for point in line]
    lowest = min(y for _, y in every)
    ends = min(x for x, _ in every), max(x for x, _ in every)
    return Frame(ticks(*ends), ticks(lowest, max(late)), ends)


def grid(frame: Frame) -> list[str]:
    """Draw the horizontal lines and name the ticks of both axes."""
    parts = []
    for y in frame.y_ticks:
        _, at = frame.place(frame.x_ends[0], y)
        parts += [
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
            f'y1="{at:.1f}" y2="{at:.1f}"/>',
            _text(LEFT - 6, at + 4, f"{y:g}", "end"),
        ]
    for x in frame.x_ticks:
        at, _ = frame.place(x, frame.y_ends[0])
        if LEFT - 1 <= at <= WIDTH - RIGHT + 1:
            parts.append(_text(at, HEIGHT - BOTTOM + 16, short(x)))
    return parts


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Average neighbours until no more than ``most`` are left."""
    size = math.ceil(len(points) / most)
    groups = [
        points[start : start + size]
        for start in range(0, len(points), size)
    ]
    return [
        (group[-1][0], sum(y for _, y in group) / len(group))
        for group in groups
    ]


def ticks(low: float, high: float) -> list[float]:
    """Choose four to seven round numbers that enclose a range."""
    span = (high - low) or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(span / 4))
    while span / step > 5:
        step *= 2.5 if f"{step:e}"[0] == "2" else 2
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return [round(n * step, 12) for n in range(first, last + 1)]


def short(value: float) -> str:
    """Write a tick: ``short(5_400_000) == '5.4M'``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def whisker(
    score: Score | Part, baseline: float | None, share: bool = True
) -> str:
    """Draw a value with its interval, and the baseline as a tick."""
    known = [score.high, score.value, baseline or 0.0]
    top = 1.0 if share else 1.08 * max(known) or 1.0

    def place(value: float) -> str:
        return f"{4 + 172 * min(max(value / top, 0), 1):.1f}"

    parts = [
        '<svg class="whisker" viewBox="0 0 180 20" aria-hidden="true">'
        '<line class="grid" x1="4" x2="176" y1="10" y2="10"/>'
    ]
    if baseline is not None:
        at = place(baseline)
        parts.append(
            f'<line class="base" x1="{at}" x2="{at}" y1="3" y2="17"/>'
        )
    low, high = place(score.low), place(score.high)
    parts.append(
        f'<line class="span" x1="{low}" x2="{high}" y1="10" y2="10"/>'
        f'<circle class="dot" cx="{place(score.value)}" cy="10"/></svg>'
    )
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    """Place a few words; names and numbers only, nothing to escape."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{text}</text>"
    )
