"""The sandbox: code that a model wrote, shut away from everything.

It runs only where the user has said ``--allow-code``, and on Linux
alone: in a child process of namespaces of its own, without network,
environment, other processes or any file but Python's, which it cannot
change. Time, memory, files and output are bounded; it can start no
process and no thread.
"""

import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.errors import MissingToolError, RecipeError

JAIL = Path(__file__).with_name("jail.py")
ALONE = (
    "--user",
    "--map-root-user",
    "--net",
    "--ipc",
    "--uts",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount",
)
SYSTEM = ("/usr", "/lib", "/lib64", "/bin")
LEAST_GRACE_SECONDS = 5.0
"""What the child has to get ready in, before its own time begins."""


class Permission:
    """Whether this process may run code that a model wrote."""

    given = False


def allow_code() -> None:
    """Say that it may; the option ``--allow-code`` calls this."""
    Permission.given = True


class Limits(msgspec.Struct, frozen=True):
    """What strange code may use."""

    seconds: float = 3.0
    memory_bytes: int = 1 << 29
    disk_bytes: int = 1 << 24
    """Of all its files together."""
    output_bytes: int = 1 << 16
    files: int = 32
    """That are open at a time."""


class Outcome(msgspec.Struct, frozen=True):
    """Whether code passed its tests, and if not, why."""

    passed: bool
    why: str


def run_tests(
    code: str, tests: str, limits: Limits | None = None
) -> Outcome:
    """Run code and then its tests in the sandbox.

    They pass if both run to their end. Code that only leaves early, or
    prints what we print, does not pass: the sign that the tests are
    through is drawn anew each time. Code that searches the memory of
    its own process could find it; no test in one process is proof
    against that.

    Raises:
        RecipeError: nobody has allowed it.
        MissingToolError: this machine cannot shut a process away.
    """
    if not Permission.given:
        raise RecipeError(
            "unit tests run code that a model wrote; allow it with "
            "--allow-code, or take another reward"
        )
    limits = limits or Limits()
    inside, passed = secrets.token_hex(16), secrets.token_hex(16)
    told = {"inside": inside, "passed": passed}
    with tempfile.TemporaryDirectory(prefix="hornbook-") as root:
        asked = {
            **bounds(limits),
            **told,
            "root": root,
            "code": code,
            "tests": tests,
        }
        said, why = talk(json.dumps(asked), inside, limits)
    if inside not in said:
        raise MissingToolError(
            "this machine lets no process be shut away "
            f"({last_line(said) or why}), so code that a model wrote "
            "is not run; allow user namespaces, or take another reward"
        )
    if said.endswith(passed):
        return Outcome(True, "passed")
    own = said.partition(inside)[2]
    return Outcome(False, why or last_line(own) or "left early")


def bounds(limits: Limits) -> dict[str, Any]:
    """Say what a child may see and use, as it wants to be told."""
    return {
        "seen": [*SYSTEM, *python_folders()],
        "disk_bytes": limits.disk_bytes,
        "limits": {
            "RLIMIT_CPU": int(limits.seconds) + 1,
            "RLIMIT_AS": limits.memory_bytes,
            "RLIMIT_FSIZE": limits.disk_bytes,
            "RLIMIT_NOFILE": limits.files,
            "RLIMIT_CORE": 0,
        },
    }


def python_folders() -> list[str]:
    """Give the folders that Python's own library lies in."""
    own = Path(sys.base_prefix).resolve()
    covered = any(own.is_relative_to(folder) for folder in SYSTEM[:1])
    return [] if covered else [str(own)]


def talk(asked: str, inside: str, limits: Limits) -> tuple[str, str]:
    """Run the child; give what it said, and why it was ended.

    Raises:
        MissingToolError: this is not Linux, or has no ``unshare``.
    """
    tool = shutil.which("unshare")
    if sys.platform != "linux" or tool is None:
        raise MissingToolError(
            "code that a model wrote is run on Linux alone, with the "
            "program unshare of util-linux; take another reward"
        )
    python = str(Path(sys.executable).resolve())
    child = subprocess.Popen(
        [tool, *ALONE, python, "-I", "-S", str(JAIL)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={},
        cwd="/",
        start_new_session=True,
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        # Where it could not even begin, what it says tells why
        with suppress(BrokenPipeError), child.stdin as letters:
            letters.write(asked.encode() + b"\n")
        said, why = listen(child.stdout.fileno(), inside, limits)
    finally:
        # Its namespace dies with the first process in it
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    return said.decode("utf-8", "replace"), why


def listen(
    pipe: int, inside: str, limits: Limits
) -> tuple[bytes, str]:
    """Read what a child says, as long and as much as it may.

    Its seconds begin when it says that it is inside.
    """
    said = b""
    begun = time.monotonic()
    most = max(limits.seconds, LEAST_GRACE_SECONDS) * 2
    ready = False
    while True:
        left = begun + most - time.monotonic()
        if left <= 0:
            return said, "took too long"
        if not select.select([pipe], [], [], left)[0]:
            continue
        come = os.read(pipe, 1 << 14)
        if not come:
            return said, ""
        said += come
        if not ready and inside.encode() in said:
            ready, begun, most = True, time.monotonic(), limits.seconds
        if len(said) > limits.output_bytes:
            return said, "said too much"


def last_line(said: str) -> str:
    """Give the last line of what a child said: mostly an error."""
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
