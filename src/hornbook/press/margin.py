"""The margin column: notes spaced out so that none meets another.

While TeX ships a page it writes down where each note hangs and how tall
it is (``book.marks``). From that this file computes how far each note
moves (``book.margin``), which the next pass reads. Notes take no room
in the text, so that moving them moves nothing else.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hornbook.base.store import write_text

POINT = 65536
GAP = 6 * POINT
"""The least white between two notes, in TeX's scaled points."""


@dataclass(frozen=True)
class Geometry:
    """Where the column stands, in scaled points from the page's corner.

    Heights count from the foot of the page upwards.
    """

    inner: int
    outer: int
    width: int
    gap: int
    column: int
    top: int
    height: int

    @property
    def bottom(self) -> int:
        """The height of the text block's foot."""
        return self.top - self.height

    def left(self, page: int) -> int:
        """Where the text begins: pages with odd numbers are right."""
        return self.inner if page % 2 else self.outer

    def margin(self, page: int) -> int:
        """Where the margin column begins, on the outer side."""
        if page % 2:
            return self.inner + self.width + self.gap
        return self.outer - self.gap - self.column


@dataclass(frozen=True)
class Mark:
    """One note where TeX met it."""

    kind: str
    """``note`` moves freely; ``full`` is a picture across the page."""
    number: int
    page: int
    x: int
    y: int
    height: int
    depth: int


def read_marks(path: Path) -> tuple[Geometry | None, list[Mark]]:
    """Read what TeX wrote down while it shipped the pages."""
    geometry, marks = None, []
    if not path.exists():
        return None, []
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, *numbers = line.split()
        values = [int(number) for number in numbers]
        if kind == "geometry":
            geometry = Geometry(*values)
        else:
            marks.append(Mark(kind, *values))
    return geometry, marks


def spread(
    tops: Sequence[int],
    heights: Sequence[int],
    top: int,
    bottom: int,
) -> list[int]:
    """Move blocks so that none overlaps and all stay in the column.

    ``tops`` are wished heights above the page's foot, from the highest
    down. Each block sinks below the one before it; what then hangs out
    at the foot pushes the ones above it up.
    """
    placed: list[int] = []
    limit = top
    for wished, height in zip(tops, heights, strict=True):
        placed.append(min(wished, limit))
        limit = placed[-1] - height - GAP
    limit = bottom
    for i in range(len(placed) - 1, -1, -1):
        placed[i] = max(placed[i], limit + heights[i])
        limit = placed[i] + GAP
    return placed


def arrange(
    geometry: Geometry, marks: Sequence[Mark]
) -> tuple[dict[int, tuple[int, int]], list[int]]:
    """Give each note's shift, and the pages with too many notes."""
    pages: dict[int, list[Mark]] = defaultdict(list)
    for mark in marks:
        pages[mark.page].append(mark)
    shifts: dict[int, tuple[int, int]] = {}
    crowded = []
    for page, found in pages.items():
        notes = sorted(
            (m for m in found if m.kind == "note"),
            key=lambda m: (-m.y - m.height, m.number),
        )
        pictures = [m for m in found if m.kind == "full"]
        placed, full = _place(geometry, notes, pictures)
        if full:
            crowded.append(page)
        for mark, high in zip(notes, placed, strict=True):
            x = geometry.margin(page) - mark.x
            shifts[mark.number] = (x, high - mark.height - mark.y)
        for mark in pictures:
            x = min(geometry.left(page), geometry.margin(page)) - mark.x
            shifts[mark.number] = (x, -mark.height)
    return shifts, crowded


def _place(
    geometry: Geometry, notes: Sequence[Mark], pictures: Sequence[Mark]
) -> tuple[list[int], bool]:
    """Place a page's notes between its pictures across the page.

    Each stretch of free margin takes the notes that hang nearest.
    """
    top = geometry.top + GAP
    spaces = []
    for picture in sorted(pictures, key=lambda m: -m.y):
        foot = picture.y - picture.height - picture.depth
        spaces.append((top, picture.y + GAP))
        top = foot - GAP
    spaces.append((top, geometry.bottom - GAP))

    # Give each note to the stretch of margin that is nearest to it
    homes: list[list[Mark]] = [[] for _ in spaces]
    for mark in notes:
        homes[_nearest(mark, spaces)].append(mark)

    # Spread the notes of each stretch
    high: dict[int, int] = {}
    full = False
    for (upper, lower), here in zip(spaces, homes, strict=True):
        heights = [m.height + m.depth for m in here]
        wishes = [m.y + m.height for m in here]
        placed = spread(wishes, heights, upper, lower)
        if placed and placed[0] > upper:
            full = True
        high |= {m.number: p for m, p in zip(here, placed, strict=True)}
    return [high[m.number] for m in notes], full


def _nearest(mark: Mark, spaces: Sequence[tuple[int, int]]) -> int:
    """Number the free stretch that a note is nearest to."""
    size = mark.height + mark.depth

    def distance(number: int) -> int:
        upper, lower = spaces[number]
        if upper - lower < size:
            return 1 << 40
        wish = mark.y + mark.height
        return max(0, wish - upper, lower + size - wish)

    return min(range(len(spaces)), key=distance)


def place_notes(work: Path) -> list[int]:
    """Write ``book.margin`` for the next pass; give crowded pages."""
    geometry, marks = read_marks(work / "book.marks")
    if geometry is None:
        return []
    shifts, crowded = arrange(geometry, marks)
    lines = [
        f"\\marginplace{{{number}}}{{{x}}}{{{y}}}"
        for number, (x, y) in sorted(shifts.items())
    ]
    write_text(work / "book.margin", "\n".join([*lines, ""]))
    return crowded
