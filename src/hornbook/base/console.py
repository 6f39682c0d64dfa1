"""What the user sees while something runs."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from rich.console import Console as RichConsole
from rich.console import JustifyMethod, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

PLAIN_EVERY_SECONDS = 10.0
WIDEST = 1000
"""Columns of a file that results are written to."""
NOTEBOOK_EVERY_SECONDS = 0.5


@runtime_checkable
class Bar(Protocol):
    """Something that can be told how far the work has come."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count ``n`` more units and show ``note`` beside them."""


class RichBar:
    """A live bar with the time that is left."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count ``n`` more units and show ``note`` beside them."""
        if note:
            self._progress.update(
                self._task, advance=n, note=escape(note)
            )
        else:
            self._progress.update(self._task, advance=n)


class PlainBar:
    """A line now and then, where no terminal can redraw one.

    The clock starts at the first report, so that what had been done
    before does not count as speed.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        label: str,
        total: int | None,
        unit: str,
        every_seconds: float,
    ) -> None:
        self._say, self._label = say, label
        self._total, self._unit = total, unit
        self._every = every_seconds
        self._done, self._note = 0, ""
        self._last = time.monotonic()
        self._start: tuple[float, int] | None = None

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count ``n`` more units and print a line if one is due."""
        self._done += n
        self._note = note or self._note
        now = time.monotonic()
        began, before = self._start = self._start or (now, self._done)
        if now - self._last >= self._every:
            self._last = now
            self._say(self._line(now - began, self._done - before))

    def _line(self, elapsed: float, made: int) -> str:
        count = f"{self._done:,}"
        left = ""
        if self._total:
            count += f"/{self._total:,}"
            rest = elapsed * (self._total - self._done)
            left = f", {clock(rest / made)} left" if made else ""
        note = f", {self._note}" if self._note else ""
        return f"  {self._label}: {count} {self._unit}{note}{left}"


def notebook_line() -> Callable[[str], None]:
    """Open a line below a notebook's cell that can be written anew."""
    from IPython.display import display

    shown = display({"text/plain": ""}, raw=True, display_id=True)
    return lambda text: shown.update({"text/plain": text}, raw=True)


class Console:
    """Says things on standard error; results go to standard output."""

    def __init__(self) -> None:
        self.quiet = False
        self._live: Progress | Live | None = None

    @property
    def rich(self) -> RichConsole:
        """A console on the present standard error."""
        if self._live is not None:
            return self._live.console
        return RichConsole(stderr=True, highlight=False, soft_wrap=True)

    @property
    def terminal(self) -> bool:
        """Whether lines can be redrawn on a screen."""
        return RichConsole(stderr=True).is_terminal

    @property
    def notebook(self) -> bool:
        """Whether what is said appears below a notebook's cell."""
        return RichConsole(stderr=True).is_jupyter

    @property
    def redraws(self) -> bool:
        """Whether something can be drawn anew below what is said."""
        free = not self.quiet and self._live is None
        return free and self.terminal

    def say(self, text: str = "") -> None:
        """Print one line; rich's markup is understood."""
        if not self.quiet:
            self.rich.print(text)

    def verbatim(self, text: str) -> None:
        """Print text as it stands, without markup."""
        if not self.quiet:
            self.rich.print(text, markup=False, style="italic")

    def warn(self, text: str) -> None:
        """Print a warning, also when the console is quiet."""
        self.rich.print(f"[yellow]warning:[/] {escape(text)}")

    def heading(self, text: str) -> None:
        """Open a new part of the output."""
        self.say(f"\n[bold]{escape(text)}[/]")

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        """Print rows under column names."""
        if not self.quiet:
            self.rich.print(make_table(columns, rows))

    @contextmanager
    def progress(
        self, label: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Bar]:
        """Show how far a long piece of work has come."""
        if not self.redraws:
            yield self._plain_bar(label, total, unit)
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(
            *columns, console=self.rich, transient=True
        ) as progress:
            self._live = progress
            try:
                task = progress.add_task(label, total=total, note="")
                yield RichBar(progress, task)
            finally:
                self._live = None

    @contextmanager
    def live(self, view: RenderableType) -> Iterator[None]:
        """Draw a view anew until the block ends, then take it away."""
        with Live(view, console=self.rich, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def _plain_bar(
        self, label: str, total: int | None, unit: str
    ) -> PlainBar:
        """Make a bar of lines; a notebook writes one line anew."""
        if self.notebook and not self.quiet:
            line, every = notebook_line(), NOTEBOOK_EVERY_SECONDS
            return PlainBar(line, label, total, unit, every)
        return PlainBar(
            lambda text: self.say(escape(text)),
            label,
            total,
            unit,
            PLAIN_EVERY_SECONDS,
        )


def clock(seconds: float) -> str:
    """Write a duration for people.

    >>> clock(75)
    '1:15'
    """
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}:{minutes:02}:{left:02}"
    return f"{minutes}:{left:02}"


def make_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[int] = (),
) -> Table:
    """Lay out rows under column names; ``right`` aligns some right."""
    table = Table(box=None, pad_edge=False, header_style="italic")
    for number, column in enumerate(columns):
        side: JustifyMethod = "right" if number in right else "left"
        table.add_column(column, justify=side, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def results() -> RichConsole:
    """A console on standard output, for results that have colours.

    Where nothing can show colours, as in a file, none are written.
    """
    shown = RichConsole(highlight=False, soft_wrap=True)
    if not shown.is_terminal:
        shown.width = WIDEST
    return shown


def has_colour() -> bool:
    """Whether results are shown in colour."""
    shown = results()
    return shown.color_system is not None and not shown.no_color


def print_result(text: str) -> None:
    """Print a result on standard output, as it stands."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


console = Console()
