import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.sparkline import MOST, Sparkline, resample


def drawn(values: list[float], columns: int = 40) -> str:
    curve = Sparkline()
    for value in values:
        curve.add(value)
    return curve.draw(columns)


def test_a_fall_is_drawn_as_one() -> None:
    assert drawn([7, 6, 5, 4, 3, 2, 1, 0]) == "█▇▆▅▄▃▂▁"
    assert drawn([2, 2, 2]) == "▁▁▁"
    assert drawn([]) == ""


def test_a_high_beginning_does_not_flatten_the_rest() -> None:
    late = [7.0, 6, 5, 4, 3, 2, 1, 0]
    assert drawn([90, *late, 0, 0]).startswith("██▇▆▅▄")


def test_ascii_will_do() -> None:
    curve = Sparkline()
    curve.add(2)
    curve.add(1)
    assert curve.draw(9, plain=True) == "#_"


@given(st.integers(0, 3000), st.integers(-3, 60))
def test_a_curve_fits_however_long_it_grows(
    count: int, columns: int
) -> None:
    curve = Sparkline()
    for step in range(count):
        curve.add(-step)
    line = curve.draw(columns)
    assert len(line) <= max(columns, 0)
    assert len(curve._points) < MOST
    assert list(line) == sorted(line, reverse=True)
    if count and columns > 1:
        assert len(line) >= min(columns, count, MOST // 2 - 1)


@given(st.lists(st.floats(-9, 9), min_size=1), st.integers(1, 200))
def test_merging_keeps_the_bounds(
    points: list[float], most: int
) -> None:
    found = resample(points, most)
    assert len(found) == min(len(points), most)
    assert min(points) - 1e-9 <= min(found)
    assert max(found) <= max(points) + 1e-9
    if len(points) <= most:
        assert found == pytest.approx(points)
