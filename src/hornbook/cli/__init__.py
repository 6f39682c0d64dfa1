"""The command line: each command is a few lines that call one room."""

import errno
import sys
from typing import Any

from cyclopts import Group
from rich.markup import escape

from hornbook.base.console import console
from hornbook.base.errors import HornbookError
from hornbook.cli import lab as lab
from hornbook.cli import look as look
from hornbook.cli import show as show
from hornbook.cli import use as use
from hornbook.cli import walk as walk
from hornbook.cli.app import app

__all__ = ["app", "main", "start"]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; give its exit status."""
    arrange()
    try:
        app(arguments, result_action="return_value")
    except HornbookError as error:
        return fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return fail("stopped; the same command goes on from there", 130)
    except BrokenPipeError:
        return 141
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return fail(
            "the disk is full; free some space and run again", 1
        )
    return 0


def arrange() -> None:
    """List the commands in the order in which they are needed."""
    for place, (title, names) in enumerate(GROUPS.items()):
        group = Group(title, sort_key=place)
        for number, name in enumerate(names):
            app[name].group = (group,)
            app[name].sort_key = number


def fail(message: str, status: int) -> int:
    """Print one sentence, and give the exit status."""
    console.rich.print(f"[bold red]hornbook:[/] {escape(message)}")
    return status


def start() -> Any:
    """Begin the program, as the installed command does."""
    sys.exit(main())


GROUPS = {
    "Begin": ("demo", "new", "run", "help"),
    "The road, stage by stage": (
        "plan",
        "curate",
        "tokenize",
        "scale",
        "pretrain",
        "finetune",
        "evaluate",
        "export",
        "book",
    ),
    "Use a model": ("chat", "generate", "serve"),
    "Look": ("show", "diagnose", "compare", "forecast"),
    "Experiment": ("trials", "find-rate"),
    "Keep house": ("doctor", "clean"),
}
