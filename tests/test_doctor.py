import shutil
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from hornbook import doctor


def signs() -> dict[str, doctor.Sign]:
    """Examine this machine."""
    return {sign.name: sign for sign in doctor.examine()}


def test_all_that_a_run_needs_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = signs()
    assert {"processor", "memory", "bf16", "torch", "compiler", "TeX",
            "fonts", "disk", "runs", "cache"} == set(found)
    assert all(sign.found for sign in found.values())
    assert all(s.advice for s in found.values() if not s.healthy)
    assert found["runs"].found == "0 runs, nothing on disk"
    assert not list(tmp_path.iterdir())


def test_runs_are_weighed(run_copy: Path) -> None:
    assert signs()["runs"].found.startswith("1 run, ")


def test_what_is_missing_has_a_line_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", absent)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "find_engine", lambda: None)
    monkeypatch.setattr(doctor.fonts, "find", lambda name: None)
    monkeypatch.setattr(doctor, "memory_available_bytes", lambda: 10**9)
    found = {s.name: s for s in doctor.examine() if not s.healthy}
    assert set(found) >= {"torch", "compiler", "TeX", "fonts", "memory"}
    assert found["torch"].advice == "pip install torch"
    assert "apt-get install" in found["TeX"].advice
    assert "Pagella" in found["fonts"].found
