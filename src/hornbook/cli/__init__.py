"""The command line: each command is a few lines that call one room."""

import errno
import sys
import time
from typing import Any

from cyclopts import Group
from rich.markup import escape

from hornbook.base.console import console
from hornbook.base.errors import HornbookError, RankError, RecipeError
from hornbook.base.world import world
from hornbook.cli import curate as curate
from hornbook.cli import lab as lab
from hornbook.cli import look as look
from hornbook.cli import show as show
from hornbook.cli import use as use
from hornbook.cli import walk as walk
from hornbook.cli.app import app

__all__ = ["app", "main", "start"]

GRACE_SECONDS = 3
SHARED = ("run", "pretrain", "finetune", "evaluate", "book")
"""The commands that reach the pretraining, which processes share."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; give its exit status."""
    arrange()
    try:
        refuse_crowd(sys.argv[1:] if arguments is None else arguments)
        app(arguments, result_action="return_value")
    except RankError as error:
        return fail(str(error), error.exit_code)
    except HornbookError as error:
        let_first_speak()
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


def refuse_crowd(arguments: list[str]) -> None:
    """Refuse several processes where a command is work for one.

    Raises:
        RecipeError: says to leave torchrun out.
    """
    here, command = world(), arguments[:1]
    if here.size > 1 and not set(command) & set(SHARED):
        what = " ".join(["hornbook", *command])
        raise RecipeError(
            f"torchrun started {here.size} processes, and '{what}' is "
            "work for one; type it alone"
        )


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


def let_first_speak() -> None:
    """Wait, where the first of several processes says the same.

    When that one has ended, torchrun ends the others.
    """
    if world().rank:
        time.sleep(GRACE_SECONDS)


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
