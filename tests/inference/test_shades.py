import torch
from rich.console import Console

from hornbook.inference.look import list_habits
from hornbook.inference.shades import head_map, head_table

MAP = torch.tensor([[1.0, 0.0], [0.25, 0.75]])


def printed(shown: object, colour: bool) -> str:
    """Print as a terminal would, or as a file."""
    console = Console(
        force_terminal=colour, color_system="truecolor", width=80
    )
    if not colour:
        console = Console(width=80, no_color=True, color_system=None)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def test_a_map_reads_without_colour() -> None:
    lines = printed(head_map(MAP, ["a", "▁hat"]), False).splitlines()
    assert lines[0].split() == ["a", "#"]
    assert lines[1].split() == ["▁hat", "2", "8"]


def test_a_map_is_shaded_where_there_is_colour() -> None:
    shown = printed(head_map(MAP, ["a", "b"]), True)
    assert "48;2;140;28;19" in shown
    assert "48;2;226;198;196" in shown


def test_a_table_has_a_line_for_every_head() -> None:
    heads = list_habits(torch.stack([MAP, MAP.flip(0)])[None])
    lines = printed(head_table(heads), False).splitlines()
    assert len(lines) == 3
    assert lines[1].split()[:2] == ["1", "1"]
    assert "0.75" in lines[1]
