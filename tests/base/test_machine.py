import getpass
import platform
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import psutil
import pytest

from hornbook.base import machine
from hornbook.base.machine import MemoryWatch, cache_folder, describe


def test_the_machine_is_described_without_its_owner() -> None:
    found = describe()
    assert 1 <= found.cores <= (psutil.cpu_count() or 1)
    assert 0 < found.memory_bytes <= psutil.virtual_memory().total
    assert platform.system() in found.system
    words = msgspec.json.encode(found).decode().split('"')
    assert platform.node() not in words
    assert getpass.getuser() not in words


def test_free_memory_is_part_of_all() -> None:
    free = machine.memory_available_bytes()
    assert 0 < free <= machine.memory_limit_bytes()


@pytest.mark.parametrize(
    ("flags", "bf16"),
    [({"avx2"}, False), ({"avx2", "amx_bf16"}, True)],
)
def test_bf16_is_what_the_processor_lists(
    flags: set[str], bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "processor_flags", lambda: flags)
    assert describe().bf16 is bf16


def test_the_watch_sees_memory_come_and_go() -> None:
    with MemoryWatch(every_seconds=0.005) as watch:
        block = bytearray(b"x" * 40_000_000)
        deadline = time.monotonic() + 5
        held = psutil.Process().memory_info().rss
        while watch.peak_bytes < held - 4_000_000:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        del block
    assert watch.peak_bytes > 40_000_000


@pytest.mark.skipif(
    sys.platform != "linux", reason="Linux tells shared memory apart"
)
def test_a_file_that_two_map_is_counted_once(tmp_path: Path) -> None:
    file = tmp_path / "mapped"
    file.write_bytes(b"x" * 200_000_000)
    reads = (
        "import mmap, sys; file = open(sys.argv[1], 'rb');"
        "seen = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ);"
        "sum(seen[::4096]); print(1, flush=True); sys.stdin.read()"
    )
    call = [sys.executable, "-c", reads, str(file)]
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        readers = [
            stack.enter_context(
                subprocess.Popen(call, stdin=pipe, stdout=pipe)
            )
            for _ in range(3)
        ]
        for reader in readers:
            assert reader.stdout and reader.stdout.readline()
        with MemoryWatch(every_seconds=0.005) as watch:
            time.sleep(0.05)
        for reader in readers:
            assert reader.stdin
            reader.stdin.close()
    own = psutil.Process().memory_info().rss
    assert 200_000_000 < watch.peak_bytes < own + 300_000_000


def test_the_cache_goes_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("HORNBOOK_CACHE")
    assert cache_folder().parts[-1] in {"hornbook", "Cache"}
