"""What is prepared once for all workers: a few arrays in a file."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hornbook.base.errors import CorruptFileError
from hornbook.base.store import write_bytes

Arrays = dict[str, np.ndarray]


def save_arrays(path: Path, about: Any, arrays: Arrays) -> None:
    """Write arrays, and what JSON can say about them, as one file."""
    from safetensors.numpy import save

    said = np.frombuffer(msgspec.json.encode(about), np.uint8)
    write_bytes(path, save({**arrays, "about": said}))


def load_arrays(path: Path, kind: type[Any]) -> tuple[Any, Arrays]:
    """Read what is said about arrays, as ``kind``, and the arrays.

    Raises:
        CorruptFileError: the file is missing, broken, or another's.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(path.read_bytes())
        about = msgspec.json.decode(
            arrays.pop("about").tobytes(), type=kind
        )
    except (
        OSError, KeyError, SafetensorError, msgspec.MsgspecError
    ) as error:
        raise CorruptFileError(
            f"{path} cannot be read as it was prepared ({error}); "
            "delete it and curate again"
        ) from error
    return about, arrays
