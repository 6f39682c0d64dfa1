"""A curve in one line of text, however long it grows."""

from statistics import fmean

MOST = 128
"""Points that are kept; beyond them neighbours are merged."""
TICKS = "▁▂▃▄▅▆▇█"
PLAIN_TICKS = "_.-~=+*#"


class Sparkline:
    """Takes numbers in their order, and draws them all.

    >>> curve = Sparkline()
    >>> for value in (8, 6, 5, 4, 4):
    ...     curve.add(value)
    >>> curve.draw(40)
    '█▅▃▁▁'
    """

    def __init__(self) -> None:
        self._points: list[float] = []
        self._waiting: list[float] = []
        self._each = 1

    def add(self, value: float) -> None:
        """Put one number at the end; memory stays bounded."""
        self._waiting.append(value)
        if len(self._waiting) < self._each:
            return
        self._points.append(fmean(self._waiting))
        self._waiting = []
        if len(self._points) == MOST:
            self._points = resample(self._points, MOST // 2)
            self._each *= 2

    def draw(self, columns: int, plain: bool = False) -> str:
        """Draw the curve in so many columns at most.

        What the first tenth has above the rest is cut off: there a
        loss falls so far that the rest would look flat. ``plain``
        keeps to ASCII.
        """
        points = resample(self._points, columns)
        if not points:
            return ""
        low, high = min(points), max(points[len(points) // 10 :])
        ticks = PLAIN_TICKS if plain else TICKS
        top = len(ticks) - 1
        heights = [(p - low) / (high - low or 1.0) for p in points]
        return "".join(ticks[round(top * min(h, 1))] for h in heights)


def resample(points: list[float], most: int) -> list[float]:
    """Give at most so many points: the means of neighbours.

    >>> resample([1, 3, 5, 5], 2)
    [2.0, 5.0]
    """
    count = min(len(points), max(most, 0))
    ends = [len(points) * i // max(count, 1) for i in range(count + 1)]
    return [
        float(fmean(points[start:end]))
        for start, end in zip(ends, ends[1:], strict=False)
    ]
