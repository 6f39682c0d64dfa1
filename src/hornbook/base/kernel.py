"""Machine code that numba makes of functions, kept between runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hornbook.base.machine import cache_folder
from hornbook.base.store import digest_bytes

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F, folder: Path, **options: bool) -> F:
    """Compile ``function`` when it is first called.

    Its machine code runs without Python's lock, so that threads run
    side by side, and stays in ``folder`` for the next time.
    """
    import numba

    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder)
    njit: Any = numba.njit
    try:
        machine_code: F = njit(
            cache=True, nogil=True, error_model="numpy", **options
        )(function)
    finally:
        settings.CACHE_DIR = before
    return machine_code


def source_folder(here: Path, names: Sequence[str]) -> Path:
    """The folder of the machine code that some sources give.

    Machine code holds that of the functions it calls, also of those
    in other files. So its folder is named by all of the sources: after
    a change of any, no old code is found.
    """
    sources = [(here / name).read_bytes() for name in names]
    digest = digest_bytes(b"\0".join(sources))
    return cache_folder() / "kernels" / digest[:16]
