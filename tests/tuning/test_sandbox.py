import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hornbook.base.errors import (
    MissingToolError,
    RecipeError,
)
from hornbook.tuning import sandbox
from hornbook.tuning.judge import Judge
from hornbook.tuning.problems import Problem
from hornbook.tuning.sandbox import (
    Limits,
    Outcome,
    Permission,
    allow_code,
    run_tests,
)

LIMITS = Limits(seconds=2.0, memory_bytes=1 << 28)


@pytest.fixture
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow code, where this machine can shut it away."""
    monkeypatch.setattr(Permission, "given", False)
    allow_code()
    try:
        run_tests("", "")
    except MissingToolError as error:
        pytest.skip(f"needs user namespaces: {error}")


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A file that nobody inside may see or change."""
    file = tmp_path / "secret.txt"
    file.write_text("ours", encoding="utf-8")
    yield file
    assert file.read_text(encoding="utf-8") == "ours"
    assert os.listdir(tmp_path) == ["secret.txt"]


def ran(code: str, tests: str = "") -> Outcome:
    """Run code in the sandbox, by limits that take no time."""
    return run_tests(code, tests, LIMITS)


def test_without_permission_nothing_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Permission, "given", False)
    with pytest.raises(RecipeError, match="--allow-code"):
        run_tests("x = 1", "")
    problem = Problem("?", tests="assert x == 1")
    with pytest.raises(RecipeError, match="--allow-code"):
        Judge({"unit_tests": 1.0}, 9.0)(problem, "x = 1")


def test_elsewhere_than_on_linux_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Permission, "given", True)
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    with pytest.raises(MissingToolError, match="Linux alone"):
        run_tests("x = 1", "")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone")
def test_where_nothing_can_be_shut_away_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "unshare"
    tool.write_text("#!/bin/sh\necho not permitted\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setattr(Permission, "given", True)
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: str(tool))
    with pytest.raises(MissingToolError, match="not permitted"):
        run_tests("x = 1", "")


@pytest.mark.usefixtures("_allowed")
def test_right_code_passes_and_wrong_code_does_not() -> None:
    tests = "assert double(4) == 8"
    right = "import math\ndef double(x):\n    return 2 * x"
    assert ran(right, tests) == Outcome(True, "passed")
    wrong = ran(right.replace("2", "3"), tests)
    assert wrong == Outcome(False, "AssertionError")
    assert "SyntaxError" in ran("def", tests).why


@pytest.mark.usefixtures("_allowed")
@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "print('passed'); raise SystemExit",
        "import os; os.kill(os.getpid(), 9)",
    ],
)
def test_to_leave_early_is_not_to_pass(code: str) -> None:
    assert not ran(code, "assert False").passed


@pytest.mark.usefixtures("_allowed")
@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("while True: pass", "took too long"),
        ("import time; time.sleep(99)", "took too long"),
        ("x = 'x' * (1 << 33)", "MemoryError"),
        ("while True: print('x' * 9999)", "said too much"),
        ("import os\nwhile True: os.fork()", "not permitted"),
        ("import threading as t\n"
         "t.Thread(target=print).start()", "can't start"),
        ("import subprocess as s; s.run(['ls'])", "not permitted"),
        ("import os; os.execv('/usr/bin/ls', ['ls'])",
         "not permitted"),
        ("import socket; socket.socket()", "not permitted"),
        ("open('/tmp/x', 'w').write('x' * (1 << 25))",
         "File too large"),
        ("for i in range(99):\n"
         "    open(f'/tmp/{i}', 'w').write('x' * (1 << 20))",
         "No space left"),
        ("x = [open('/tmp/x', 'w') for _ in range(99)]",
         "Too many open files"),
        ("open('/usr/x', 'w')", "Read-only"),
        ("import os; os.chmod('/usr', 0)", "Read-only"),
        ("open('/etc/passwd')", "No such file"),
        ("import os; os.kill(-1, 9)", "No such process"),
        ("import os; os.mkdir('a'); os.chroot('a')", "not permitted"),
        ("import os\nassert not [x for x in os.environ if x != "
         "'LC_CTYPE']\nassert os.getpid() < 9\n"
         "assert not os.path.exists('/proc')\n1 / 0",
         "ZeroDivisionError"),
        ("import resource as r\n"
         "r.setrlimit(r.RLIMIT_AS, (-1, -1))", "not allowed"),
        ("import ctypes\nlibc = ctypes.CDLL(None)\n"
         "assert libc.unshare(1 << 28) == 0", "AssertionError"),
    ],
)
def test_hostile_code_is_held(code: str, why: str) -> None:
    began = time.monotonic()
    outcome = ran(code)
    assert not outcome.passed
    assert why in outcome.why
    assert time.monotonic() - began < 60


@pytest.mark.usefixtures("_allowed")
def test_files_outside_are_neither_seen_nor_changed(
    outside: Path,
) -> None:
    assert "No such file" in ran(f"open({str(outside)!r})").why
    folder = str(outside.parent)
    assert "No such file" in ran(f"open({folder + '/new'!r}, 'w')").why
    # The folder of its own is there, and is gone afterwards
    assert ran("open('note', 'w').write('x')").passed
    assert "No such file" in ran("open('note')").why


@pytest.mark.usefixtures("_allowed")
def test_no_port_of_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = ("import socket\n"
                f"socket.create_connection(('127.0.0.1', {port}))")
        assert "not permitted" in ran(code).why


@pytest.mark.usefixtures("_allowed")
def test_the_judge_pays_for_code_that_passes() -> None:
    judge = Judge({"unit_tests": 1.0}, 20.0)
    problem = Problem("Double!", tests="assert f(2) == 4")
    right = "```python\ndef f(x): return x + x\n```"
    assert judge(problem, right).right
    verdict = judge(problem, "def f(x): return 5")
    assert verdict.rewards["unit_tests"].why == "AssertionError"
    assert not judge.faults


