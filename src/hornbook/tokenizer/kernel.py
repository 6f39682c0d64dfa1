"""Functions that numba turns into machine code, kept between runs."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

from hornbook.base.console import console
from hornbook.base.machine import cache_folder
from hornbook.base.store import digest_bytes

F = TypeVar("F", bound=Callable[..., Any])

Whole = Any
"""A whole number: of any size in Python, of 64 bits in a kernel."""


def kernel(function: F) -> F:
    """Compile a function that works on the arrays it is given.

    It cannot make arrays of its own, so nobody counts who still needs
    which; small functions that call each other are twice as fast.
    """
    return compiled(function, _nrt=False, forceinline=True)


def roomy_kernel(function: F) -> F:
    """Compile a function that also makes arrays and lists."""
    return compiled(function)


def compiled(function: F, **options: bool) -> F:
    """Compile ``function`` when it is first called.

    Its machine code runs without Python's lock, so that threads run
    side by side, and stays in the cache folder for the next time.
    """
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(kernel_folder())
    njit: Any = numba.njit
    try:
        machine_code: F = njit(
            cache=True, nogil=True, error_model="numpy", **options
        )(function)
    finally:
        settings.CACHE_DIR = before
    return machine_code


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
    """The folder of the machine code that these sources give.

    Machine code holds that of the functions it calls, also of those
    in other files. So its folder is named by all of the sources: after
    a change of any, no old code is found.
    """
    here = Path(__file__).parent
    sources = [(here / name).read_bytes() for name in SOURCES]
    digest = digest_bytes(b"\0".join(sources))
    return cache_folder() / "kernels" / digest[:16]


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
