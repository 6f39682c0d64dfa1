"""What this machine offers, what is missing, and how to get it."""

import platform
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from hornbook.base.errors import MissingToolError
from hornbook.base.machine import (
    COMPILERS,
    cache_folder,
    describe,
    memory_available_bytes,
)
from hornbook.base.record import RUNS
from hornbook.base.store import size
from hornbook.clean import all_runs, folder_bytes
from hornbook.press import fonts
from hornbook.press.tex_setup import apt_line, find_engine

TIGHT_DISK_BYTES = 6_000_000_000
TIGHT_MEMORY_BYTES = 3_000_000_000
COMPILER_LINES = {
    "Linux": "sudo apt-get install g++",
    "Darwin": "xcode-select --install",
    "Windows": "winget install Microsoft.VisualStudio.2022.BuildTools",
}


class Sign(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    found: str
    healthy: bool = True
    advice: str = ""
    """What to type or do where it is not healthy."""


def examine() -> list[Sign]:
    """Look at all that a run needs, without changing anything."""
    return [look() for look in SIGNS]


def processor() -> Sign:
    """Name the processor and count its cores."""
    machine = describe()
    cores = f"{machine.cores} core{'s' * (machine.cores != 1)}"
    name = f"{machine.processor}, {machine.system}"
    return Sign("processor", f"{cores}, {name}")


def memory() -> Sign:
    """Say how much memory there is, and how much of it is free."""
    free = memory_available_bytes()
    return Sign(
        "memory",
        f"{size(describe().memory_bytes)}, {size(free)} free",
        free >= TIGHT_MEMORY_BYTES,
        "close other programs, or lower pretrain.batch",
    )


def number_format() -> Sign:
    """Say whether the processor multiplies bf16 itself."""
    able = describe().bf16
    return Sign("bf16", "yes" if able else "no: trains in 32 bits")


def torch() -> Sign:
    """Name the version of torch, and the GPU that it finds."""
    try:
        found = version("torch")
    except PackageNotFoundError:
        return Sign(
            "torch",
            "absent: plans and books, but no training",
            False,
            "pip install torch",
        )
    import torch as package

    gpu = ", no GPU"
    if package.cuda.is_available():
        gpu = f", {package.cuda.get_device_name(0)}"
    elif package.backends.mps.is_available():
        gpu = ", Apple's GPU"
    return Sign("torch", found + gpu)


def compiler() -> Sign:
    """Look for what torch compiles long trainings with."""
    found = next(filter(shutil.which, COMPILERS), "")
    line = COMPILER_LINES.get(platform.system(), "install a compiler")
    return Sign(
        "compiler",
        found or "none: training runs about a fifth slower",
        bool(found),
        line,
    )


def tex() -> Sign:
    """Look for an engine that sets the book."""
    engine = find_engine()
    return Sign(
        "TeX",
        engine.name if engine else "none: a book without its PDF",
        engine is not None,
        apt_line(),
    )


def faces() -> Sign:
    """Look for the faces that the book is set in."""
    missing = []
    if fonts.find(f"{fonts.TEXT}-regular.otf") is None:
        missing.append("TeX Gyre Pagella")
    try:
        fonts.mono_folder()
    except MissingToolError:
        missing.append("IBM Plex Mono")
    return Sign(
        "fonts",
        f"missing: {', '.join(missing)}" if missing else "all of them",
        not missing,
        "pip install fontpkg-ibm-plex-mono"
        if missing[-1:] == ["IBM Plex Mono"]
        else apt_line(),
    )


def disk() -> Sign:
    """Say how much of this folder's disk is free."""
    free = shutil.disk_usage(Path.cwd()).free
    return Sign(
        "disk",
        f"{size(free)} free",
        free >= TIGHT_DISK_BYTES,
        "hornbook clean",
    )


def runs() -> Sign:
    """Say how many runs lie here, and what they take."""
    count = len(all_runs())
    took = size(folder_bytes(RUNS)) if RUNS.is_dir() else "nothing"
    return Sign(
        "runs", f"{count} run{'s' * (count != 1)}, {took} on disk"
    )


def cache() -> Sign:
    """Say where the cache is, and what it takes."""
    folder = cache_folder()
    took = size(folder_bytes(folder)) if folder.is_dir() else "nothing"
    return Sign("cache", f"{took} in {folder}")


SIGNS: tuple[Callable[[], Sign], ...] = (
    processor,
    memory,
    number_format,
    torch,
    compiler,
    tex,
    faces,
    disk,
    runs,
    cache,
)
