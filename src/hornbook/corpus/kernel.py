"""The corpus's functions in machine code, which numba makes."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hornbook.base.kernel import compiled, source_folder

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function that works on the arrays it is given."""
    return compiled(function, kernel_folder(), _nrt=False)


@cache
def kernel_folder() -> Path:
    """The folder of the machine code that these sources give."""
    return source_folder(Path(__file__).parent, SOURCES)


SOURCES = (
    "kernel.py",
    "decontaminate_fast.py",
    "grams_fast.py",
    "perplexity_fast.py",
    "reading_fast.py",
)
"""The files that hold kernels."""
