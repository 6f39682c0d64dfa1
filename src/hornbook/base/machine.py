"""What this machine is, and how much of it is free."""

import os
import platform
import sys
import threading
from contextlib import suppress
from pathlib import Path

import msgspec
import platformdirs
import psutil

COMPILERS = ("c++", "g++", "clang++", "cl")
"""The C++ compilers that torch can use."""


class Machine(msgspec.Struct, frozen=True):
    """The hardware a run was made on, without any name of its owner."""

    cores: int
    """Processor cores that this process may use."""
    memory_bytes: int
    system: str
    processor: str
    bf16: bool
    """Whether the processor multiplies bfloat16 numbers itself."""
    accelerator: str = ""
    """The name of a GPU, or empty."""


def cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_flags() -> set[str]:
    """Read the processor's features where Linux lists them."""
    listing = Path("/proc/cpuinfo")
    if not listing.exists():
        return set()
    for line in listing.read_text(encoding="utf-8").splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.split(":", 1)[1].split())
    return set()


def processor_name() -> str:
    """Name the processor as the system does."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def describe() -> Machine:
    """Describe this machine without loading torch."""
    return Machine(
        cores=cores(),
        memory_bytes=memory_limit_bytes(),
        system=f"{platform.system()} {platform.machine()}",
        processor=processor_name(),
        bf16=bool(
            {"avx512_bf16", "amx_bf16", "bf16"} & processor_flags()
        ),
        accelerator=_accelerator(),
    )


def _accelerator() -> str:
    """Name the GPU, if torch is loaded and finds one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return ""
    return str(torch.cuda.get_device_name(0))


def memory_limit_bytes() -> int:
    """The memory this process may use: the machine's or its group's."""
    total = int(psutil.virtual_memory().total)
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists():
        text = limit.read_text(encoding="utf-8").strip()
        if text.isdigit():
            return min(total, int(text))
    return total


def memory_available_bytes() -> int:
    """The memory that is free for us now."""
    return min(
        int(psutil.virtual_memory().available), memory_limit_bytes()
    )


def forget_peak() -> None:
    """Let ``peak_bytes`` begin anew, where Linux allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes() -> int:
    """The most memory that this process has held.

    Where the system does not say, it is what is held now.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    held = psutil.Process().memory_info()
    return int(getattr(held, "peak_wset", held.rss))


class MemoryWatch:
    """Looks now and then how much memory we and our children hold.

    Programs and mapped files, which processes share and for which the
    system drops what it can read again, count once where it tells them
    apart: the most that one process maps.
    """

    def __init__(self, every_seconds: float = 0.25) -> None:
        self.peak_bytes = 0
        self._every = every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        """Keep the most that was seen."""
        me, told = psutil.Process(), False
        while not told:
            own, shared = 0, 0
            for process in [me, *me.children(recursive=True)]:
                with suppress(psutil.Error):
                    held = process.memory_info()
                    common = getattr(held, "shared", 0)
                    own += held.rss - common
                    shared = max(shared, common)
            self.peak_bytes = max(self.peak_bytes, own + shared)
            told = self._stop.wait(self._every)


def cache_folder() -> Path:
    """The folder outside runs: ``HORNBOOK_CACHE``, or the user's."""
    chosen = os.environ.get("HORNBOOK_CACHE")
    if chosen:
        return Path(chosen)
    return Path(
        platformdirs.user_cache_dir("hornbook", appauthor=False)
    )
