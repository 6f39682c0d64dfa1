from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hornbook.press.margin import (
    GAP,
    POINT,
    Geometry,
    Mark,
    arrange,
    place_notes,
    spread,
)

PAGE = Geometry(
    inner=50 * POINT,
    outer=140 * POINT,
    width=310 * POINT,
    gap=20 * POINT,
    column=100 * POINT,
    top=650 * POINT,
    height=546 * POINT,
)


@st.composite
def blocks(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    heights = draw(
        st.lists(st.integers(POINT, 60 * POINT), min_size=1, max_size=8)
    )
    wishes = [
        draw(st.integers(100 * POINT, 660 * POINT)) for _ in heights
    ]
    return sorted(wishes, reverse=True), heights


@given(blocks())
def test_notes_never_meet_nor_leave_the_column(
    given_blocks: tuple[list[int], list[int]],
) -> None:
    wishes, heights = given_blocks
    placed = spread(wishes, heights, PAGE.top, PAGE.bottom)
    feet = [p - h for p, h in zip(placed, heights, strict=True)]
    assert placed[0] <= PAGE.top
    assert feet[-1] >= PAGE.bottom
    for foot, below in zip(feet, placed[1:], strict=False):
        assert foot - below >= GAP


@given(blocks())
def test_notes_with_room_stay_where_they_were_wished(
    given_blocks: tuple[list[int], list[int]],
) -> None:
    _, heights = given_blocks
    wishes, top = [], PAGE.top
    for height in heights:
        wishes.append(top)
        top -= height + GAP
    if top > PAGE.bottom:
        assert spread(wishes, heights, PAGE.top, PAGE.bottom) == wishes


def note(number: int, page: int, y: int, depth: int) -> Mark:
    return Mark(
        "note", number, page, 60 * POINT, y * POINT, 0, depth * POINT
    )


def test_the_column_is_on_the_outer_side() -> None:
    marks = [note(1, 1, 500, 30), note(2, 2, 500, 30)]
    shifts, crowded = arrange(PAGE, marks)
    assert shifts[1] == ((50 + 310 + 20 - 60) * POINT, 0)
    assert shifts[2] == ((140 - 20 - 100 - 60) * POINT, 0)
    assert crowded == []


def test_notes_give_way_to_a_picture_across_the_page() -> None:
    picture = Mark(
        "full", 9, 1, 60 * POINT, 500 * POINT, 100 * POINT, 20 * POINT
    )
    marks = [note(1, 1, 505, 40), picture, note(2, 1, 395, 40)]
    shifts, _ = arrange(PAGE, marks)
    # The picture's top stands where TeX met it; it ends 120 pt below
    first = 505 * POINT + shifts[1][1]
    second = 395 * POINT + shifts[2][1]
    assert first - 40 * POINT >= 500 * POINT
    assert second <= 380 * POINT


def test_too_many_notes_for_a_page_are_told() -> None:
    marks = [note(i, 3, 600, 200) for i in range(4)]
    _, crowded = arrange(PAGE, marks)
    assert crowded == [3]


def test_marks_become_placements_for_the_next_pass(
    tmp_path: Path,
) -> None:
    assert place_notes(tmp_path) == []
    lines = [
        "geometry 100 200 1000 50 300 5000 4000",
        "note 1 1 120 3000 10 90",
    ]
    text = "\n".join(lines)
    (tmp_path / "book.marks").write_text(text, encoding="utf-8")
    place_notes(tmp_path)
    made = (tmp_path / "book.margin").read_text(encoding="utf-8")
    assert made == "\\marginplace{1}{1030}{0}\n"
