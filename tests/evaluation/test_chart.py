import math
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from hornbook.evaluation.chart import (
    POINTS,
    Line,
    line_chart,
    short,
    thinned,
    ticks,
    whisker,
)
from hornbook.evaluation.interval import Interval
from hornbook.evaluation.score import score

NUMBERS = st.floats(-1e6, 1e6).map(lambda x: round(x, 4))


@given(NUMBERS, st.floats(0.001, 1e6))
def test_ticks_enclose_their_range(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert found[0] <= low + 1e-6 and found[-1] >= low + span - 1e-6
    assert 2 <= len(found) <= 8
    assert found == sorted(set(found))


def test_equal_ends_have_ticks_too() -> None:
    assert ticks(0, 0)[0] < ticks(0, 0)[-1]
    assert ticks(3.2, 3.2)[0] <= 3.2 <= ticks(3.2, 3.2)[-1]


def test_large_numbers_are_short() -> None:
    assert [short(v) for v in (0, 400, 1500, 5.4e6, 2e9)] == [
        "0", "400", "1.5k", "5.4M", "2G",
    ]


def test_a_long_line_is_averaged() -> None:
    points = [(float(x), float(x % 2)) for x in range(10_000)]
    few = thinned(points, POINTS)
    assert len(few) <= POINTS
    assert few[-1][0] == 9999.0
    assert math.isclose(few[0][1], 0.5, abs_tol=0.05)


@given(st.lists(st.tuples(st.integers(0, 999), NUMBERS), min_size=2))
def test_a_chart_is_well_formed_and_stays_on_its_ground(
    pairs: list[tuple[int, float]]
) -> None:
    points = sorted((float(x), y) for x, y in pairs)
    svg = line_chart([Line(points, dots=True)], "step", "loss")
    if points[0][0] == points[-1][0]:
        assert svg == ""
        return
    root = ET.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    circles = root.findall("*/circle")
    assert circles
    for circle in circles:
        assert 0 <= float(circle.attrib["cx"]) <= width
        assert 0 <= float(circle.attrib["cy"]) <= height


def test_a_peak_at_the_start_stays_on_the_ground() -> None:
    points = [(float(x), 9.0 if x else 900.0) for x in range(40)]
    svg = line_chart([Line(points, dots=True)], "a", "b")
    found = ET.fromstring(svg).findall("*/circle")
    places = [float(circle.attrib["cy"]) for circle in found]
    assert min(places) == places[0] >= 0
    assert max(places) - min(places) > 50


def test_there_is_no_chart_of_nothing() -> None:
    none: list[list[tuple[float, float]]] = [
        [], [(1.0, 2.0)], [(1.0, math.nan), (2.0, 3.0)],
    ]
    assert line_chart([], "a", "b") == ""
    for points in none:
        assert line_chart([Line(points)], "a", "b") == ""


def test_two_lines_share_their_axes_and_are_named() -> None:
    lines = [
        Line([(1.0, 8.0), (9.0, 4.0)], "training"),
        Line([], "nothing"),
        Line([(5.0, 6.0), (9.0, 5.0)], "held-out", dots=True),
    ]
    root = ET.fromstring(line_chart(lines, "step", "loss"))
    groups = root.findall("g")
    assert [len(g.findall("circle")) for g in groups] == [1, 2]
    names = [g.findtext("text") for g in groups]
    assert names == ["training", "held-out"]
    left = [g.find("polyline").attrib["points"] for g in groups]
    ends = [points.split()[-1].split(",") for points in left]
    assert ends[0][0] == ends[1][0]
    assert float(ends[0][1]) > float(ends[1][1])


def test_a_whisker_puts_value_and_baseline_in_proportion() -> None:
    half = score(Interval(0.5, 0.4, 0.6), 9, "x", baseline=1.0)
    root = ET.fromstring(whisker(half, half.baseline))
    dot, base = root.find("circle"), root.find("line[@class='base']")
    assert dot is not None and dot.attrib["cx"] == "90.0"
    assert base is not None and base.attrib["x1"] == "176.0"
    alone = score(Interval(0.0, 0.0, 0.0), 9, "x", unit="bits")
    assert 'class="base"' not in whisker(alone, None, share=False)
