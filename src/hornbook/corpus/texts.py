"""Texts on disk, to be looked up by row: mapped, never loaded whole.

Comparing and counting need a few texts at a time, but any of them.
Each part of the corpus keeps its texts in an Arrow file that the
system maps into memory: what is asked for is read where it lies, and
what is no longer needed makes room by itself.
"""

import mmap
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hornbook.base.errors import CorruptFileError

ENDING = ".texts.arrow"
FIRST = 2**62
"""What was held out before ranks below every row."""


class Places(msgspec.Struct, frozen=True):
    """Where the texts lie."""

    folder: str
    starts: tuple[int, ...]
    """The first row of each part."""


def row_of(rank: int) -> int:
    """Give the row of a rank.

    >>> row_of(7), row_of(7 - FIRST)
    (7, 7)
    """
    return (rank + FIRST) % FIRST


class TextWriter:
    """Writes the texts of one part, in the order of their rows."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._schema = pa.schema(
            [("row", pa.int64()), ("text", pa.large_string())]
        )
        self._file = pa.ipc.new_file(str(path), self._schema)

    def write(self, rows: Sequence[int], texts: Sequence[str]) -> None:
        """Add texts, whose rows grow."""
        import pyarrow as pa

        columns = [
            pa.array(rows, pa.int64()),
            pa.array(texts, pa.large_string()),
        ]
        self._file.write_batch(
            pa.record_batch(columns, schema=self._schema)
        )

    def close(self) -> None:
        """Finish the file; without this it is no file of texts."""
        self._file.close()


class Texts:
    """The texts of all parts, by row."""

    def __init__(self, places: Places, scattered: bool = False) -> None:
        """Open what lies there.

        ``scattered`` tells the system that texts are asked for in no
        order, so that it reads nothing beside them.
        """
        self._places, self._scattered = places, scattered
        self._open: dict[int, _Part] = {}

    def __getitem__(self, rank: int) -> str:
        """Give the text of a row, or of its rank.

        Raises:
            KeyError: that row holds no text.
        """
        row = row_of(rank)
        return self.part(bisect_right(self._places.starts, row) - 1)[
            row
        ]

    def part(self, number: int) -> "_Part":
        """Give the texts of one part."""
        if number not in self._open:
            self._open[number] = _Part(
                part_file(Path(self._places.folder), number),
                self._scattered,
            )
        return self._open[number]


class _Part:
    """One mapped file of texts."""

    def __init__(self, path: Path, scattered: bool) -> None:
        import pyarrow as pa

        try:
            self._batches = _batches(path, scattered)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise CorruptFileError(
                f"{path} is missing or damaged; delete its folder and "
                "run 'hornbook curate' again"
            ) from error
        self._filled = [b for b in self._batches if b.num_rows]
        self._rows = [
            batch.column("row").to_numpy() for batch in self._filled
        ]
        self._firsts = [int(rows[0]) for rows in self._rows]

    def __getitem__(self, row: int) -> str:
        """Give the text of a row of this part."""
        batch = bisect_right(self._firsts, row) - 1
        if batch < 0:
            raise KeyError(row)
        rows = self._rows[batch]
        place = int(np.searchsorted(rows, row))
        if place == len(rows) or rows[place] != row:
            raise KeyError(row)
        return str(self._filled[batch].column("text")[place].as_py())

    def __iter__(self) -> Iterator[Any]:
        """Give the Arrow batches of ``row`` and ``text``."""
        return iter(self._batches)


def part_file(folder: Path, number: int, ending: str = ENDING) -> Path:
    """Name a file of one part.

    >>> part_file(Path("parts"), 7).name
    '00007.texts.arrow'
    """
    return folder / f"{number:05}{ending}"


def _batches(path: Path, scattered: bool) -> list[Any]:
    """Map a file into memory, batch by batch."""
    import pyarrow as pa

    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if scattered and hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)
    held = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped)))
    found = map(held.get_batch, range(held.num_record_batches))
    return list(found)
