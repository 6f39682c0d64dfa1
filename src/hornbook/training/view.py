"""What a training shows of itself while it runs."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hornbook.base.console import Bar, clock, console
from hornbook.base.logbook import Line, logbook
from hornbook.base.sparkline import Sparkline
from hornbook.base.store import read_jsonl
from hornbook.training.checkpoint import found
from hornbook.training.precision import measured_limit

if TYPE_CHECKING:
    from hornbook.training.loop import Run

RECENT = 100
"""Steps by which speed and the time that is left are judged."""
SMOOTH = 0.95
"""The share of the loss shown that stays when a new one comes."""
BAR_COLUMNS, LEAST_BAR_COLUMNS, CURVE_COLUMNS = 24, 4, 40
NAME_COLUMNS = 12
SAMPLE_LINES = 3


class View:
    """The present numbers of a training, from the lines of its log.

    A terminal draws it anew a few times a second; elsewhere ``bar``
    prints a line of it now and then.
    """

    def __init__(
        self,
        label: str,
        steps: int,
        folder: Path,
        flops_per_token: float = 0.0,
        limit: float = 0.0,
    ) -> None:
        self.label, self.steps, self.folder = label, steps, folder
        self.flops_per_token, self.limit = flops_per_token, limit
        self.bar: Bar | None = None
        self.step = 0
        self.loss = self._weight = 0.0
        self.losses = Sparkline()
        self.heldout = self._when = self.sample = ""
        self._unsaid = Line()
        self._recent: deque[tuple[float, Line]] = deque(maxlen=RECENT)

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count ``n`` more steps."""
        self.step += n
        if self.bar:
            self.bar.advance(n, ", ".join(self.summary()) or note)

    def recall(self, log: Path) -> None:
        """Read what was logged before a stop; it tells no speed."""
        for line in read_jsonl(log):
            self._unsaid = Line()
            self.hear(line)
        self._unsaid = Line()
        self._recent.clear()

    def hear(self, line: Line) -> None:
        """Take in one line of the log."""
        if "loss" in line:
            self._weight = SMOOTH * self._weight + 1 - SMOOTH
            share = (1 - SMOOTH) / self._weight
            self.loss += share * (line["loss"] - self.loss)
            self.losses.add(line["loss"])
            self._recent.append((time.monotonic(), line))
        if "heldout_bpb" in line:
            self.heldout = f"{line['heldout_bpb']:.3f} bits per byte"
            self._when = f", at step {line['step']:,}"
        if "heldout_wins" in line:
            self.heldout = f"{line['heldout_wins']:.1%} of pairs"
            self._when = f", at step {line['step']:,}"
        if "sample" in line:
            self.settle()
            self.sample, self._unsaid = line["sample"], line

    def settle(self) -> None:
        """Print the sample that is shown, so that it stays."""
        if self._unsaid:
            step, text = self._unsaid["step"], self._unsaid["sample"]
            console.say(f"  [bold]step {step:,}[/] it writes:")
            console.verbatim(f"    {text}")
        self._unsaid = Line()

    def summary(self) -> list[str]:
        """Say in a line how it goes."""
        if not self._weight:
            return []
        told = [f"loss {self.loss:.3f}", self.heldout, *self.speed()]
        return [each for each in told if each]

    def speed(self) -> tuple[str, str]:
        """Say how fast recent updates were, and what they computed.

        Samples, evaluations and checkpoints do not count. A tuning
        computes more tokens than it learns from: its steps count.
        """
        if len(self._recent) < 2:
            return "", ""
        (_, first), (_, last) = self._recent[0], self._recent[-1]
        seconds = last["seconds"] - first["seconds"]
        if seconds <= 0:
            return "", ""
        if not self.flops_per_token:
            made = last["step"] - first["step"]
            return f"{made / seconds:,.3g} steps/s", ""

        # Compare with the products that the plan has measured, unless
        # it did so at a busy moment and these steps are faster
        rate = (last["tokens"] - first["tokens"]) / seconds
        flops = rate * self.flops_per_token
        work = f"{flops / 1e9:,.3g} GFLOP/s"
        if flops <= self.limit:
            share = f"{flops / self.limit:.0%}"
            work += f", {share} of this machine's limit"
        return f"{rate:,.0f} tokens/s", work

    def left(self) -> str:
        """Say how much time is left, at the pace of recent steps.

        Only steps of this process count, and not the first of them,
        in which compiling may take most of the time.
        """
        if len(self._recent) < 2:
            return ""
        (begun, first), (now, last) = self._recent[0], self._recent[-1]
        pace = (now - begun) / (last["step"] - first["step"])
        return f", {clock(pace * (self.steps - self.step))} left"

    def saved(self) -> str:
        """Say how old the newest checkpoint is."""
        with suppress(OSError):
            for place in found(self.folder)[-1:]:
                age = max(0.0, time.time() - place.stat().st_mtime)
                return f"{clock(age)} ago"
        return ""

    def rows(self, columns: int, plain: bool) -> dict[str, str]:
        """Say what is known by now; a curve takes what room is left."""
        loss = f"{self.loss:.3f}  " if self._weight else ""
        room = min(CURVE_COLUMNS, columns - len(loss))
        speed, work = self.speed()
        return {
            "loss": loss + self.losses.draw(room, plain),
            "held-out": self.heldout + self._when,
            "speed": speed,
            "compute": work,
            "saved": self.saved(),
        }

    def __rich_console__(
        self, screen: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Draw it, in as many columns as there are."""
        # Show how far it has come, with a bar where one fits
        count = f"{self.step:,}/{self.steps:,} steps{self.left()}"
        room = options.max_width - len(self.label) - len(count) - 2
        head = Table.grid(padding=(0, 1))
        if room < LEAST_BAR_COLUMNS:
            head.add_row(self.label, count)
        else:
            wide = min(room, BAR_COLUMNS)
            bar = ProgressBar(self.steps, self.step, width=wide)
            head.add_row(self.label, bar, count)
        yield head

        # Show what is known, row by row
        wide = max(1, options.max_width - NAME_COLUMNS)
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(style="dim", width=NAME_COLUMNS - 1)
        for name, told in self.rows(wide, options.ascii_only).items():
            if told:
                table.add_row(f"  {name}", Text(told))
        lines = Text(self.sample, "italic").wrap(screen, wide)
        if self.sample:
            shown = Text("\n").join(lines[:SAMPLE_LINES])
            table.add_row("  writes", shown)
        yield table


@contextmanager
def shown(label: str, run: "Run") -> Iterator[Bar]:
    """Show a training until the block ends; give its bar."""
    trainer, log = run.trainer, run.log
    done = trainer.progress.step
    view = View(
        label,
        trainer.steps,
        run.folder,
        run.hooks.flops_per_token,
        measured_limit(trainer.dtype, trainer.device),
    )
    view.recall(log)

    # Where lines can be redrawn, a sample stays until the next one
    def hear(source: Path, line: Line) -> None:
        if source == log:
            view.hear(line)
            if view.bar:
                view.settle()

    with logbook.read_by(hear):
        if console.redraws:
            view.advance(done)
            with console.live(view):
                try:
                    yield view
                finally:
                    view.settle()
        else:
            with console.progress(label, trainer.steps, "steps") as bar:
                view.bar = bar
                view.advance(done)
                yield view
