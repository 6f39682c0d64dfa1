"""Functions that numba turns into machine code, kept between runs."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hornbook.base.console import console
from hornbook.base.kernel import compiled, source_folder

F = TypeVar("F", bound=Callable[..., Any])

Whole = Any
"""A whole number: of any size in Python, of 64 bits in a kernel."""


def kernel(function: F) -> F:
    """Compile a function that works on the arrays it is given.

    It cannot make arrays of its own, so nobody counts who still needs
    which; small functions that call each other are twice as fast.
    """
    return compiled(
        function, kernel_folder(), _nrt=False, forceinline=True
    )


def roomy_kernel(function: F) -> F:
    """Compile a function that also makes arrays and lists."""
    return compiled(function, kernel_folder())


def announce(name: str) -> None:
    """Say so if a kernel, and those it calls, must be compiled now."""
    if not any(kernel_folder().glob(f"**/*.{name}-*.nbi")):
        say_once()


@cache
def say_once() -> None:
    """Say what the wait is for, also if several kernels compile."""
    console.say(
        "compiling the tokenizer for this machine (once, some seconds)"
    )


@cache
def kernel_folder() -> Path:
    """The folder of the machine code that these sources give."""
    return source_folder(Path(__file__).parent, SOURCES)


SOURCES = (
    "kernel.py",
    "scan.py",
    "tables.py",
    "bpe_fast.py",
    "count_fast.py",
    "pairs_fast.py",
    "learn_fast.py",
)
"""The files that hold kernels."""
