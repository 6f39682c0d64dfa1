"""Documents written in the order of their names, however many.

Sorting needs all of them at once, which memory may not hold. So they
are first laid into boxes by the first digits of their names, and each
box is sorted by itself.
"""

import hashlib
from pathlib import Path
from typing import Any

from hornbook.base.store import disk_errors

BOX_BYTES = 32_000_000
GROUP_ROWS = 4096
NAME_DIGITS = 4
MOST_BOXES = 1024


class Shelf:
    """A Parquet table that comes to be sorted by ``id``."""

    def __init__(self, path: Path, schema: Any, bytes_: int) -> None:
        """Prepare for about so many bytes of documents."""
        self._path, self._schema = path, schema
        count = min(1 + bytes_ // BOX_BYTES, MOST_BOXES)
        self._boxes = [_Box(path, n, schema) for n in range(count)]
        self.digest = ""
        """Of all ids in their order, once the shelf is closed."""

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Lay documents into their boxes."""
        sorted_in: dict[int, list[dict[str, Any]]] = {}
        for row in rows:
            first = int(row["id"][:NAME_DIGITS], 16)
            box = first * len(self._boxes) // 16**NAME_DIGITS
            sorted_in.setdefault(box, []).append(row)
        for box, held in sorted_in.items():
            self._boxes[box].add(held)

    def close(self) -> None:
        """Sort box by box, and write one table of all."""
        import pyarrow.parquet as pq

        names = hashlib.sha256()
        with (
            disk_errors(self._path),
            pq.ParquetWriter(self._path, self._schema) as writer,
        ):
            for box in self._boxes:
                table = box.take().sort_by("id")
                for name in table.column("id").to_pylist():
                    names.update(f"{name}\n".encode("ascii"))
                writer.write_table(table, row_group_size=GROUP_ROWS)
        self.digest = names.hexdigest()


class _Box:
    """Documents that will stand together, on disk for now."""

    def __init__(self, path: Path, number: int, schema: Any) -> None:
        self._path = path.with_name(f"{path.stem}.{number:04}.box")
        self._schema = schema
        self._file: Any = None

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Write documents behind those that are there."""
        import pyarrow as pa

        if self._file is None:
            self._file = pa.ipc.new_stream(
                str(self._path), self._schema
            )
        table = pa.Table.from_pylist(rows, self._schema)
        self._file.write_table(table)

    def take(self) -> Any:
        """Give the documents, and clear the box away."""
        import pyarrow as pa

        if self._file is None:
            return self._schema.empty_table()
        self._file.close()
        with pa.ipc.open_stream(str(self._path)) as stream:
            table = stream.read_all()
        self._path.unlink()
        return table
