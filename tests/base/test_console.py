import io
import time
from typing import Any

import pytest
from rich.console import Console as RichConsole

from hornbook.base import console as module
from hornbook.base.console import Console, clock, print_result


@pytest.fixture
def console() -> Console:
    """A console whose standard error pytest catches: no terminal."""
    return Console()


def test_lines_are_plain_where_there_is_no_terminal(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.say("[bold]step 3[/] " + "long " * 40)
    console.heading("The [text]")
    console.verbatim("a [bold]b[/]")
    console.warn("mind [this]")
    out, err = capsys.readouterr()
    assert out == ""
    assert "\x1b" not in err
    assert err.splitlines() == [
        "step 3 " + "long " * 40,
        "",
        "The [text]",
        "a [bold]b[/]",
        "warning: mind [this]",
    ]


def test_a_quiet_console_still_warns(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.quiet = True
    console.say("a")
    console.verbatim("b")
    console.heading("c")
    console.table(["d"], [["e"]])
    with console.progress("f", 2) as bar:
        bar.advance(2)
    console.warn("g")
    assert capsys.readouterr().err == "warning: g\n"


def test_a_table_shows_its_cells(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.table(["rule", "dropped"], [["[short]", "12"]])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split() for line in lines] == [
        ["rule", "dropped"],
        ["[short]", "12"],
    ]


def test_progress_prints_a_line_now_and_then(
    console: Console,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with console.progress("reading", 4, "documents") as bar:
        bar.advance(0, "first")
        now[0] += 30
        bar.advance()
        now[0] += 1
        bar.advance(2)
        now[0] += module.PLAIN_EVERY_SECONDS
        bar.advance(note="[last]")
    assert capsys.readouterr().err.splitlines() == [
        "  reading: 1/4 documents, first, 1:30 left",
        "  reading: 4/4 documents, [last], 0:00 left",
    ]


def test_what_was_done_before_is_no_speed(
    console: Console,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with console.progress("training", 1000, "steps") as bar:
        bar.advance(800)
        for _ in range(3):
            now[0] += module.PLAIN_EVERY_SECONDS
            bar.advance()
    assert [
        line.rpartition(", ")[2]
        for line in capsys.readouterr().err.splitlines()
    ] == ["33:10 left", "33:00 left", "32:50 left"]


def test_progress_knows_no_end_without_a_total(
    console: Console,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", 0.0)
    with console.progress("reading", unit="files") as bar:
        bar.advance(3)
    assert capsys.readouterr().err == "  reading: 3 files\n"


def test_a_terminal_gets_a_live_bar_with_lines_above(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()

    def terminal(**options: Any) -> RichConsole:
        return RichConsole(file=screen, force_terminal=True, width=99)

    monkeypatch.setattr(module, "RichConsole", terminal)
    with console.progress("outer", 2, "steps") as bar:
        bar.advance(1, "[a]")
        bar.advance()
        console.say("above")
        with console.progress("inner", 1) as inner:
            inner.advance()
    shown = screen.getvalue()
    assert "outer" in shown
    assert "above" in shown
    assert "inner" not in shown


def test_a_view_stands_below_what_is_said_and_goes(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()

    def terminal(**options: Any) -> RichConsole:
        return RichConsole(file=screen, force_terminal=True, width=99)

    monkeypatch.setattr(module, "RichConsole", terminal)
    assert console.redraws
    with console.live("the view"):
        assert not console.redraws
        console.say("above")
        with console.progress("inner", 1) as inner:
            inner.advance()
    assert console.redraws
    shown = screen.getvalue()
    assert shown.index("the view") < shown.index("above\n")
    assert shown.index("above\n") < shown.rindex("the view")
    assert shown.endswith("\x1b[2K") and "inner" not in shown


def test_a_quiet_console_redraws_nothing(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Console, "terminal", True)
    console.quiet = True
    assert not console.redraws


def test_a_notebook_writes_one_line_anew(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(Console, "notebook", True)
    monkeypatch.setattr(module, "notebook_line", lambda: shown.append)
    monkeypatch.setattr(module, "NOTEBOOK_EVERY_SECONDS", 0.0)
    with console.progress("reading", 2, "[files]") as bar:
        bar.advance()
        bar.advance()
    assert [line.partition(",")[0] for line in shown] == [
        "  reading: 1/2 [files]",
        "  reading: 2/2 [files]",
    ]


def test_a_quiet_notebook_shows_no_progress(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    console.quiet = True
    monkeypatch.setattr(Console, "notebook", True)
    monkeypatch.setattr(module, "notebook_line", lambda: shown.append)
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", 0.0)
    with console.progress("reading", 2) as bar:
        bar.advance()
    assert shown == []


def test_results_go_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_result("[bold]kept[/]")
    assert capsys.readouterr() == ("[bold]kept[/]\n", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (3600, "1:00:00"), (7384, "2:03:04")],
)
def test_durations_are_written_for_people(
    seconds: float, text: str
) -> None:
    assert clock(seconds) == text
