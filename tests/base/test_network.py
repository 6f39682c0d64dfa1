import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hornbook.base import network
from hornbook.base.errors import (
    CorruptFileError,
    DiskError,
    NetworkError,
)
from hornbook.base.network import fetch_wheel, quiet_telemetry

DATA = b"a wheel"
DIGEST = hashlib.sha256(DATA).hexdigest()
NAME = "a_hat-1.0-py3-none-any.whl"


class Pip:
    """Stands in for pip: puts a wheel where it is told to."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data
        self.calls: list[list[str]] = []

    def __call__(
        self, command: list[str], **options: Any
    ) -> subprocess.CompletedProcess[str]:
        self.calls.append(command)
        if self.data is None:
            return subprocess.CompletedProcess(command, 1, "", "no")
        place = Path(command[command.index("--dest") + 1])
        (place / NAME).write_bytes(self.data)
        return subprocess.CompletedProcess(command, 0, "", "")


def use(
    monkeypatch: pytest.MonkeyPatch, data: bytes | None = DATA
) -> Pip:
    pip = Pip(data)
    monkeypatch.setattr(network.subprocess, "run", pip)
    return pip


def files(cache: Path) -> list[str]:
    return [path.name for path in (cache / "wheels").iterdir()]


def test_a_wheel_is_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = use(monkeypatch)
    first = fetch_wheel("a-hat", "1.0", DIGEST, tmp_path)
    assert first.read_bytes() == DATA
    assert fetch_wheel("a-hat", "1.0", DIGEST, tmp_path) == first
    assert len(pip.calls) == 1
    assert pip.calls[0][-1] == "a-hat==1.0"
    assert {"--no-deps", "--only-binary=:all:"} <= set(pip.calls[0])
    assert files(tmp_path) == [NAME]


def test_the_wheel_of_another_platform_can_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = use(monkeypatch)
    fetch_wheel("a-hat", "1.0", DIGEST, tmp_path, "win_amd64")
    assert pip.calls[0][-2:] == ["--platform", "win_amd64"]


def test_another_wheel_than_the_expected_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, b"a trap")
    with pytest.raises(CorruptFileError, match="not used") as caught:
        fetch_wheel("a-hat", "1.0", DIGEST, tmp_path)
    assert DIGEST in str(caught.value)
    assert files(tmp_path) == []


def test_a_damaged_wheel_in_the_cache_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch)
    wheel = fetch_wheel("a-hat", "1.0", DIGEST, tmp_path)
    wheel.write_bytes(DATA[:-1])
    again = fetch_wheel("a-hat", "1.0", DIGEST, tmp_path)
    assert again.read_bytes() == DATA


def test_without_a_network_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pip itself, which is told to ask nobody
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(NetworkError) as caught:
        fetch_wheel("no-such-hat", "1.0", DIGEST, tmp_path)
    text = str(caught.value)
    assert text.startswith("no-such-hat 1.0 could not be downloaded")
    assert "pip download --no-deps no-such-hat==1.0" in text
    assert str(tmp_path / "wheels") in text


def test_a_wheel_that_was_brought_by_hand_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, None)
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / NAME).write_bytes(DATA)
    wheel = fetch_wheel("a-hat", "1.0", DIGEST, tmp_path)
    assert wheel == folder / NAME


def test_a_full_disk_is_not_taken_for_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    use(monkeypatch)
    monkeypatch.setattr(network.shutil, "move", full)
    with pytest.raises(DiskError, match="disk is full"):
        fetch_wheel("a-hat", "1.0", DIGEST, tmp_path)


def test_nobody_is_told_that_hornbook_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in network.QUIET:
        monkeypatch.delenv(name, raising=False)
    quiet_telemetry()
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    for name, value in network.QUIET.items():
        monkeypatch.setenv(name, value)
