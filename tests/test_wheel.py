"""The wheel, installed elsewhere and offline, walks the whole road.

This is also the smoke test of the shipped recipe: nothing here comes
from the checkout but the wheel that was built from it.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Tells of every address that Python tries to reach, in any process
WATCH = '''
import os, sys

LOCAL = ("127.", "localhost", "::1")

def watch(event, args):
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host and not host.startswith(LOCAL):
        with open(os.environ["WATCH_LOG"], "a") as log:
            log.write(f"{event} {host}\\n")

if "WATCH_LOG" in os.environ:
    sys.addaudithook(watch)
'''

# Starts a program where the loopback device is the only network
OFFLINE = '''
import fcntl, os, socket, struct, sys

with socket.socket() as probe:
    request = struct.pack("16sh", b"lo", 1)
    fcntl.ioctl(probe, 0x8914, request)
os.execv(sys.argv[1], sys.argv[1:])
'''


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with what is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT)]
    command += ["--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*command, "--wheel-dir", str(folder)], check=True)
    (built,) = folder.glob("hornbook-*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Install the wheel alone; borrow what it needs from here."""
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(home, with_pip=False)
    paths = sysconfig.get_paths(
        vars={"base": str(home), "platbase": str(home)}
    )
    python = Path(paths["scripts"]) / Path(sys.executable).name
    command = [sys.executable, "-m", "pip", "--python", str(python)]
    command += ["install", "--no-deps", "--quiet", str(wheel)]
    subprocess.run(command, check=True)

    # Borrowed packages come after the wheel's; their .pth do not count
    site = Path(paths["purelib"])
    borrowed = sysconfig.get_path("purelib")
    (site / "borrowed.pth").write_text(borrowed, encoding="utf-8")
    (site / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    return Path(paths["scripts"])


def environment(folder: Path) -> dict[str, str]:
    """What a newcomer's shell has, and nothing of this checkout."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "HORNBOOK", "CI", "PIP"))
    }
    cache = folder / "cache"
    return {
        **kept,
        "HORNBOOK_CACHE": str(cache),
        # nbconvert's base templates lie where it was installed
        "JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter"),
        "WATCH_LOG": str(folder / "network.log"),
        "COLUMNS": "100",
    }


def offline(command: list[str]) -> list[str]:
    """Cut a command off from any network, where Linux allows it."""
    cut = ["unshare", "--map-root-user", "--net"]
    start = [sys.executable, "-c", OFFLINE]
    if sys.platform == "linux":
        done = subprocess.run(
            [*cut, *start, sys.executable, "-c", ""],
            capture_output=True, check=False,
        )
        if done.returncode == 0:
            return [*cut, *start, *command]
    return command


def test_the_wheel_holds_its_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        sizes = sum(each.file_size for each in archive.infolist())
    source = ROOT / "src" / "hornbook"
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(source).as_posix()
            assert f"hornbook/{name}" in inside
    assert not [name for name in inside if name.startswith("tests/")]
    assert sizes < 10_000_000


@pytest.mark.slow
def test_the_wheel_walks_the_smoke_road_offline(
    scripts: Path, tmp_path: Path
) -> None:
    # Walk it in an empty folder
    done = subprocess.run(
        offline([str(scripts / "hornbook"), "run", "smoke"]),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=1500,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert str(ROOT) not in said and "Traceback" not in said

    # Look at what lies there
    run = tmp_path / "runs" / "smoke"
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    stages = set(record["stages"])
    assert {"curate", "tokenize", "pretrain", "evaluate"} <= stages
    pdf = run / "book" / "book.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-"), said
    assert not (tmp_path / "network.log").exists()

    # Nothing tells whose machine it was
    for path in run.rglob("*"):
        if path.suffix in {".json", ".md", ".html", ".ipynb", ".jsonl"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            assert str(tmp_path) not in text, path.name
            assert str(ROOT) not in text, path.name
