"""The inside of the sandbox: what a child does before strange code.

``tuning/sandbox.py`` starts this file as a program, in namespaces of
its own: there it is root over nothing but itself. It shuts the files
of the machine away, gives up its powers, forbids itself what could
reach outside, and only then runs what it was given.
"""

import ctypes
import json
import os
import platform
import resource
import struct
import sys
from pathlib import Path
from typing import Any

READ_ONLY, REMOUNT, BIND, REC, PRIVATE = 1, 32, 4096, 1 << 14, 1 << 18
NO_SUID, NO_DEVICES = 2, 4
SECCOMP, NO_NEW_POWERS, DROP_POWER = 22, 38, 24
CAPABILITY_VERSION = 0x20080522
LAST_POWER = 63
REFUSED = 0x00050000 | 1
"""Answers a forbidden call with "not permitted"."""
ALLOWED = 0x7FFF0000
KILLED = 0x80000000
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06

NUMBERS: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (
        0xC000003E,
        (
            *(56, 57, 58, 435),  # clone, fork, vfork, clone3
            *(59, 322),  # execve, execveat
            *(41, 53, 101, 165, 272, 308),  # socket, pair, ptrace,
            # mount, unshare, setns
            *(250, 298, 310, 311, 321, 323),  # keyctl, perf, process
            # memory, bpf, userfaultfd
            *(425, 426, 427, 428, 429, 430, 442),  # io_uring, mounts
        ),
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(220, 435),
            *(221, 281),
            *(198, 199, 117, 40, 97, 268),
            *(219, 241, 270, 271, 280, 282),
            *(425, 426, 427, 428, 429, 430, 442),
        ),
    ),
}
"""The kernel's name of a processor, and the calls that are forbidden:
new processes and threads, other programs, sockets, other namespaces."""

HIDDEN = 1 << 30
"""Calls from here on belong to another form of x86 programs."""

libc = ctypes.CDLL(None, use_errno=True)


def must(result: int, what: str) -> None:
    """Stop where the kernel refuses.

    Raises:
        OSError: says what it refused.
    """
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(
    source: str, target: str, kind: str, flags: int, data: str = ""
) -> None:
    """Mount something where only this process sees it."""
    words = (source, target, kind)
    plain = [word.encode() or None for word in words]
    asked = libc.mount(*plain, flags, data.encode() or None)
    must(asked, f"mounting {target}")


def shut_away(root: Path, seen: list[str], disk_bytes: int) -> None:
    """Leave nothing to be seen but Python, unchangeable, and a desk."""
    # Make an empty root
    mount("", "/", "", REC | PRIVATE)
    safe = NO_SUID | NO_DEVICES
    mount("none", str(root), "tmpfs", safe, f"size={disk_bytes}")

    # Lay in what Python reads, so that nothing of it can be changed
    for name in seen:
        inside = root / name.lstrip("/")
        if os.path.islink(name):
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.symlink_to(os.readlink(name))
        elif os.path.isdir(name):
            inside.mkdir(parents=True, exist_ok=True)
            mount(name, str(inside), "", BIND)
            fixed = BIND | REMOUNT | READ_ONLY | safe
            mount("", str(inside), "", fixed)
    (root / "tmp").mkdir(exist_ok=True)

    # Move in
    os.chroot(root)
    os.chdir("/tmp")


def limit(limits: dict[str, int]) -> None:
    """Bound time, memory, files and their size."""
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, name), (most, most))


def give_up_powers() -> None:
    """Become a process that may do nothing that root may."""
    for power in range(LAST_POWER + 1):
        if libc.prctl(DROP_POWER, power, 0, 0, 0):
            break
    head = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    must(libc.capset(head, bytes(24)), "giving up powers")
    must(libc.prctl(NO_NEW_POWERS, 1, 0, 0, 0), "giving up powers")


def forbid() -> None:
    """Let the kernel refuse what could reach outside.

    Raises:
        OSError: the numbers of this processor's calls are not known.
    """
    if platform.machine() not in NUMBERS:
        raise OSError(f"no filter is known for {platform.machine()}")
    machine, calls = NUMBERS[platform.machine()]

    # Write the filter: whose call is it, and is it on the list?
    count = len(calls)
    steps = [
        (LOAD, 0, 0, 4),
        (EQUAL, 1, 0, machine),
        (RETURN, 0, 0, KILLED),
        (LOAD, 0, 0, 0),
        (AT_LEAST, count + 1, 0, HIDDEN),
        *((EQUAL, count - i, 0, n) for i, n in enumerate(calls)),
        (RETURN, 0, 0, ALLOWED),
        (RETURN, 0, 0, REFUSED),
    ]
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)

    # Hand it to the kernel
    buffer = ctypes.create_string_buffer(code, len(code))
    address = ctypes.addressof(buffer)
    program = struct.pack("@HP", len(steps), address)
    must(libc.prctl(SECCOMP, 2, program, 0, 0), "the filter")


def run(code: str, tests: str) -> None:
    """Run an answer's code, then the tests, as one program."""
    names: dict[str, Any] = {"__name__": "answer"}
    exec(compile(code, "<answer>", "exec"), names)
    exec(compile(tests, "<tests>", "exec"), names)


def main() -> None:
    """Read what to do, go inside, run it, and say that it passed."""
    asked = json.loads(sys.stdin.readline())
    shut_away(Path(asked["root"]), asked["seen"], asked["disk_bytes"])
    limit(asked["limits"])
    give_up_powers()
    forbid()
    said = os.dup(1)
    os.write(said, asked["inside"].encode())
    run(asked["code"], asked["tests"])
    sys.stdout.flush()
    os.write(said, asked["passed"].encode())


if __name__ == "__main__":
    main()
