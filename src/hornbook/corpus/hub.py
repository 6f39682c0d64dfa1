"""Data sets of Hugging Face's hub, streamed shard by shard."""

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.errors import DataError
from hornbook.corpus.encodings import Unreadable
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.tables import take_record

ADDRESS = "https://huggingface.co/datasets/"
NEEDED = (
    "a source of kind 'huggingface' needs datasets: "
    "pip install hornbook[hub]"
)


def list_shards(source: SourceConfig) -> list[str]:
    """Name the shards of a data set: ``0/2``, ``1/2``.

    Raises:
        DataError: it cannot be reached, or there is no such one.
    """
    count = max(open_dataset(source).num_shards, 1)
    return [f"{number}/{count}" for number in range(count)]


def read_shard(shard: str, source: SourceConfig) -> Iterator[Raw]:
    """Read a shard's records, its share of the ``documents`` at most.

    Raises:
        Unreadable: the data set cannot be reached any more, or breaks.
    """
    # Ask for no more than this shard's share
    number, count = map(int, shard.split("/"))
    most = None
    if source.documents:
        share, over = divmod(source.documents, count)
        most = share + (number < over)

    # Read it record by record, with what its card says
    try:
        data = open_dataset(source)
        about = {
            "licence": card_licence(data),
            "url": dataset_url(source),
        }
        part = data.shard(count, number) if count > 1 else data
        rows = enumerate(itertools.islice(part, most), start=1)
        for row, record in rows:
            raw = take_record(record, source, f"row {row}")
            yield msgspec.structs.replace(raw, **about)
    except DataError as error:
        raise Unreadable(str(error)) from error
    except Exception as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def open_dataset(source: SourceConfig) -> Any:
    """Open a split of a data set, to be read as it streams.

    Raises:
        DataError: the package is missing, the hub cannot be reached,
            or it has no such data set, configuration or split.
    """
    try:
        import datasets
    except ImportError as error:
        raise DataError(NEEDED) from error

    # Whatever fails below, fails for the reader in one way
    datasets.disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return datasets.load_dataset(
            source.dataset,
            source.config or None,
            split=source.split,
            streaming=True,
        )
    except Exception as error:
        first = str(error).strip().splitlines() or [""]
        raise DataError(
            f"the data set {source.dataset!r} cannot be opened "
            f"({type(error).__name__}: {first[0]}); check its name, "
            "'config' and 'split', and the network"
        ) from error


def card_licence(data: Any) -> str:
    """Read the licence off a data set's card, if it has one."""
    licence = getattr(data.info, "license", "")
    return licence if isinstance(licence, str) else ""


def dataset_url(source: SourceConfig) -> str:
    """Give a data set's address; a folder has none."""
    local = Path(source.dataset).expanduser().exists()
    return "" if local else ADDRESS + source.dataset
