"""The logs of trainings, and who reads along."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hornbook.base.store import append_jsonl

Line = dict[str, Any]
Reader = Callable[[Path, Line], None]
"""Is told a log's path, and each line that is added to it."""


class Logbook:
    """Adds lines to logs, and tells them to those who read along.

    The files are the one source of truth: whoever begins late, or
    goes on after a stop, reads there what was written before.
    """

    def __init__(self) -> None:
        self._readers: list[Reader] = []

    def add(self, log: Path, line: Line) -> None:
        """Add a line to a log, then tell it."""
        append_jsonl(log, line)
        for read in self._readers:
            read(log, line)

    @contextmanager
    def read_by(self, reader: Reader) -> Iterator[None]:
        """Tell every new line to ``reader``, until the block ends."""
        self._readers.append(reader)
        try:
            yield
        finally:
            self._readers.remove(reader)


logbook = Logbook()
