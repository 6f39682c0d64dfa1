"""Boards: programs of others that draw the lines of our logs."""

import importlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

from hornbook.base.errors import MissingToolError, RecipeError
from hornbook.base.logbook import Line, logbook
from hornbook.base.store import read_jsonl, write_text

PROJECT = "hornbook"
"""What other programs file our trainings under."""
PRETRAINING = "pretrain"
"""What the log of a run itself, ``metrics.jsonl``, is called."""


class Board(Protocol):
    """Something that draws the numbers of one training."""

    def draw(self, step: int, values: Line) -> None:
        """Draw the numbers and texts of one line."""

    def close(self) -> None:
        """Write what is still on its way."""


@contextmanager
def drawn_on(kind: str, run: Path) -> Iterator[None]:
    """Draw every training of a run on a board, if ``kind`` names one.

    When a training goes on, the board is drawn anew from its log: it
    has each step of the log, and has it once.

    Raises:
        RecipeError: there is no such board.
        MissingToolError: its package is not installed.
    """
    if not kind:
        yield
        return
    need(kind)
    drawing = Drawing(kind, run)
    with logbook.read_by(drawing.hear):
        try:
            yield
        finally:
            drawing.close()


def need(kind: str) -> None:
    """Refuse a board that cannot be drawn on."""
    if kind not in BOARDS:
        known = ", ".join(BOARDS)
        raise RecipeError(
            f"there is no board {kind!r} to log to; it can be {known}"
        )
    if find_spec(kind) is None:
        raise MissingToolError(
            f"--log {kind} needs the package {kind}, which is not "
            f"installed; pip install {kind}"
        )


class Drawing:
    """Draws one log after another, each on a board of its own."""

    def __init__(self, kind: str, run: Path) -> None:
        self.kind, self.run = kind, run
        self._log: Path | None = None
        self._board: Board | None = None
        self._count, self._before = 0, Line()

    def hear(self, log: Path, line: Line) -> None:
        """Draw a line; of a log that is new here, all lines."""
        if self._board and log == self._log:
            self.draw(self._board, line)
            return

        # Begin a board, and draw all that the log has
        self.close()
        lines = read_jsonl(log)
        place = self.run / self.kind
        name = name_of(log, self.run)
        board = BOARDS[self.kind](place, name, len(lines) > 1)
        self._log, self._board = log, board
        self._count, self._before = 0, {}
        for each in lines:
            self.draw(board, each)

    def draw(self, board: Board, line: Line) -> None:
        """Draw a line, and of a step its speed.

        The lines of trials have no step; they are counted.
        """
        self._count += 1
        values = {k: v for k, v in line.items() if k != "step"}
        if {"step", "loss"} <= line.keys():
            values |= speed(self._before, line)
            self._before = line
        board.draw(line.get("step", self._count), values)

    def close(self) -> None:
        """Finish the board that is drawn on."""
        if self._board:
            self._board.close()
        self._board = None


def name_of(log: Path, run: Path) -> str:
    """Name a training as its stage: ``pretrain``, ``finetune.chat``.

    >>> name_of(Path("runs/a/finetune/chat.jsonl"), Path("runs/a"))
    'finetune.chat'
    """
    name = ".".join(log.relative_to(run).with_suffix("").parts)
    return PRETRAINING if name == "metrics" else name


def speed(before: Line, line: Line) -> Line:
    """Give the tokens per second of one step, if both clocks ran."""
    try:
        tokens = line["tokens"] - before["tokens"]
        return {
            "tokens_per_second": tokens
            / (line["seconds"] - before["seconds"])
        }
    except (KeyError, ZeroDivisionError):
        return {}


def numbers(values: Line) -> dict[str, float]:
    """Take the numbers out of a line."""
    kinds = (int, float)
    return {k: v for k, v in values.items() if isinstance(v, kinds)}


def texts(values: Line) -> dict[str, str]:
    """Take the texts out of a line, as a sample is one."""
    return {k: v for k, v in values.items() if isinstance(v, str)}


class TensorBoard:
    """Event files, one folder a training, made anew from the log."""

    def __init__(self, place: Path, name: str, goes_on: bool) -> None:
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(place / name, ignore_errors=True)
        self._writer: Any = SummaryWriter(
            str(place / name), purge_step=0, flush_secs=10
        )

    def draw(self, step: int, values: Line) -> None:
        """Draw the numbers and texts of one line."""
        for key, number in numbers(values).items():
            self._writer.add_scalar(key, number, step)
        for key, text in texts(values).items():
            self._writer.add_text(key, text, step)

    def close(self) -> None:
        """Write what is still on its way."""
        self._writer.close()


class Wandb:
    """Weights & Biases: on disk alone, unless ``WANDB_MODE`` says so.

    A training that goes on stays one run there. What lies on disk is
    made anew from the log; online, the run says how far it has come.
    """

    def __init__(self, place: Path, name: str, goes_on: bool) -> None:
        wandb: Any = importlib.import_module("wandb")
        key = key_of(place, name, goes_on)
        for old in place.glob(f"offline-run-*-{key}"):
            shutil.rmtree(old)

        # Begin, and tell nothing of this machine
        mode = os.environ.get("WANDB_MODE", "offline")
        self._run: Any = wandb.init(
            project=PROJECT,
            name=f"{place.parent.name} {name}",
            id=key,
            dir=str(place.parent),
            mode=mode,
            resume="allow" if mode == "online" else None,
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                save_code=False,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )

    def draw(self, step: int, values: Line) -> None:
        """Draw the numbers and texts of one line."""
        if step >= self._run.step:
            self._run.log({**numbers(values), **texts(values)}, step)

    def close(self) -> None:
        """Write what is still on its way."""
        self._run.finish()


class Trackio:
    """trackio: its own folder on this machine, or where it is told.

    A training that goes on takes the place of what it had there.
    """

    def __init__(self, place: Path, name: str, goes_on: bool) -> None:
        trackio: Any = importlib.import_module("trackio")
        key = key_of(place, name, goes_on)
        title = f"{place.parent.name} {name} {key}"
        with suppress(ValueError):
            for old in trackio.Api().runs(PROJECT):
                if old.name == title:
                    old.delete()
        with redirect_stdout(StringIO()):
            self._run: Any = trackio.init(
                project=PROJECT,
                name=title,
                embed=False,
                auto_log_cpu=False,
                auto_log_gpu=False,
            )
        self._finish = trackio.finish

    def draw(self, step: int, values: Line) -> None:
        """Draw the numbers and texts of one line."""
        self._run.log({**numbers(values), **texts(values)}, step)

    def close(self) -> None:
        """Write what is still on its way."""
        with redirect_stdout(StringIO()):
            self._finish()


def key_of(place: Path, name: str, goes_on: bool) -> str:
    """Give the key by which a board tells one training from others.

    It lies in the run's folder, for when the training goes on.
    """
    known = place / f"{name}.key"
    if not goes_on or not known.exists():
        write_text(known, secrets.token_hex(4))
    return known.read_text(encoding="utf-8")


BOARDS: dict[str, Callable[[Path, str, bool], Board]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "trackio": Trackio,
}
