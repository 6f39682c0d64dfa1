"""A run's folder as the chapters read it."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hornbook.base.document import Document
from hornbook.base.errors import CorruptFileError, DataError
from hornbook.base.record import RunRecord, load_record
from hornbook.base.store import read_json, read_jsonl
from hornbook.model.config import ModelConfig
from hornbook.model.count import parameters
from hornbook.model.own_code import reopen, source_of

if TYPE_CHECKING:
    import numpy as np

RUN_VARIABLE = "HORNBOOK_RUN"
SAMPLES_VARIABLE = "HORNBOOK_SAMPLES"


class Run:
    """What a finished run left behind, read when it is asked for."""

    def __init__(
        self, folder: str | Path, samples: bool = True
    ) -> None:
        self.folder = Path(folder)
        self.samples = samples
        """Whether text of the corpus and the model may be shown."""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name

    def path(self, name: str) -> Path:
        """A file or folder of the run."""
        return self.folder / name

    def has(self, name: str) -> bool:
        """Whether the run has this file or folder."""
        return self.path(name).exists()

    def speaks(self, name: str) -> bool:
        """Whether a model is there whose tokens are the run's own.

        One from elsewhere has come with a vocabulary of its own.
        """
        ours, theirs = (
            self.path(place) / "tokenizer.json"
            for place in ("tokenizer", name)
        )
        both = ours.is_file() and theirs.is_file()
        return both and ours.read_bytes() == theirs.read_bytes()

    def json(self, name: str) -> Any:
        """Read one of the run's JSON files.

        Raises:
            CorruptFileError: it is missing or is not JSON.
        """
        return read_json(self.path(name))

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Read one of the run's logs, a record a line."""
        return read_jsonl(self.path(name))

    def metrics(self, key: str) -> "tuple[np.ndarray, np.ndarray]":
        """Give the steps and the values of one key of the training log.

        Raises:
            DataError: no line of ``metrics.jsonl`` has that key.
        """
        import numpy as np

        lines = self.lines("metrics.jsonl")
        rows = [r for r in lines if key in r]
        if not rows:
            keys = ", ".join(sorted({key for r in lines for key in r}))
            raise DataError(
                f"metrics.jsonl has no {key!r}; it has "
                f"{keys or 'nothing: the run is not pretrained yet'}"
            )
        steps = np.array([row["step"] for row in rows])
        return steps, np.array([row[key] for row in rows])

    def documents(
        self, part: str, limit: int | None = None
    ) -> list[Document]:
        """Read documents of ``train`` or ``heldout``, in order."""
        from hornbook.corpus.pipeline import read_documents

        found = read_documents(self.path(f"corpus/{part}.parquet"))
        return found[:limit]

    @cached_property
    def model(self) -> ModelConfig:
        """The shape of the run's model."""
        return read_model(self.folder)

    @cached_property
    def parameters(self) -> dict[str, int]:
        """The model's trained numbers, by part, and their total."""
        return parameters(self.model)

    @cached_property
    def attention_source(self) -> str:
        """The run's own attention, as it ran; "" where it is ours."""
        return source_of(self.model)

    @cached_property
    def record(self) -> RunRecord:
        """What was done, by what, on what machine."""
        return load_record(self.folder)

    @cached_property
    def card(self) -> dict[str, Any]:
        """Where the text came from and what became of it."""
        card: dict[str, Any] = self.json("corpus/card.json")
        return card


def find_run() -> Run:
    """Open the run that the kernel was started for.

    Outside the press, a notebook finds the run whose folder it lies in.

    Raises:
        DataError: there is no run here.
    """
    samples = os.environ.get(SAMPLES_VARIABLE, "1") != "0"
    chosen = os.environ.get(RUN_VARIABLE)
    if chosen:
        return Run(Path(chosen), samples)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "model.json").exists():
            return Run(folder, samples)
    raise DataError(
        f"no run lies around this notebook; set {RUN_VARIABLE} to the "
        "folder of one"
    )


def read_model(folder: Path) -> ModelConfig:
    """Read the model's shape from ``model.json``.

    Raises:
        CorruptFileError: the file is missing or holds no shape.
    """
    path = folder / "model.json"
    table = read_json(path)
    if isinstance(table, dict) and "config" in table:
        table = table["config"]
    try:
        config = msgspec.convert(table, ModelConfig).resolved()
    except msgspec.ValidationError as error:
        raise CorruptFileError(
            f"{path} does not describe a model ({error}); run the "
            "pretrain stage again"
        ) from error
    return reopen(config, folder)
