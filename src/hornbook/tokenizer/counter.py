"""Counting pieces through the kernels, in memory that is bounded."""

from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Int64, UInt8

from hornbook.base.console import Bar, console
from hornbook.base.errors import DataError
from hornbook.tokenizer.count_fast import (
    MARGIN,
    add_counts,
    count_documents,
    list_pieces,
    move_counts,
)
from hornbook.tokenizer.kernel import announce
from hornbook.tokenizer.scan import PAD, Rules, kind_table
from hornbook.tokenizer.split import utf8
from hornbook.tokenizer.threads import in_groups, in_threads

FIRST_PIECES = 1 << 16
FIRST_BYTES = 1 << 19
"""For how many pieces and bytes there is room at first."""

EACH, EVERY_BYTE = 128, 40
"""The memory that a piece takes here, and each of its bytes and the
wall before it when merges are learned from it."""

MOST_BYTES = 1 << 31
"""When pieces take more memory than this, the rare are forgotten."""

ROUND = 1 << 24
"""After so much text, and then ever more, the threads' counts are
added up."""

BLOCK = 1 << 20
"""How much of a file is read at a time, and on to the line's end."""

LINE_END, END = b"\n", PAD[:1]
"""What ends a line, and a text."""


class Pieces(NamedTuple):
    """Distinct pieces and how often each occurs."""

    spelled: UInt8[np.ndarray, "size"]
    """Their bytes in a row."""
    starts: Int64[np.ndarray, "rows"]
    """Where each starts, and the last one ends."""
    counts: Int64[np.ndarray, "pieces"]


class Block(NamedTuple):
    """Some lines of a file."""

    file: Path
    start: int
    """The bytes before them."""
    lines: bytes

    def text(self) -> str:
        """Decode the lines.

        Raises:
            DataError: they are not UTF-8.
        """
        try:
            return self.lines.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.file} is not UTF-8 at byte "
                f"{self.start + error.start:,}; convert it, or give "
                "texts that were read with errors='replace'"
            ) from error

    def texts(self) -> bytes:
        """Give each line as a text, checked.

        Raises:
            DataError: they are not UTF-8.
        """
        self.text()
        ended = self.lines.replace(LINE_END, LINE_END + END)
        return ended if ended.endswith(END) else ended + END


Group = list[str] | Block
"""What a thread counts at a time."""


class PieceCounter:
    """Counts pieces; its tables grow as there are more of them."""

    def __init__(self, rules: Rules) -> None:
        self._rules, self._kinds = tuple(rules), kind_table()
        self._seen = np.zeros((2 * FIRST_PIECES, 4), np.uint64)
        self._spelled = np.empty(FIRST_BYTES, np.uint8)
        self._used = np.zeros(2, np.int64)

    def add(self, group: Group) -> int:
        """Count the pieces of texts; say how many texts they are."""
        if isinstance(group, Block):
            data = group.texts()
        else:
            data = END.join([*map(utf8, group), b""])
        text, size, at = np.frombuffer(data + PAD, "u1"), len(data), 0
        while True:
            at = count_documents(
                text,
                at,
                size,
                self._kinds,
                self._rules,
                self._seen,
                self._spelled,
                self._used,
            )
            if at >= size:
                return data.count(END)
            self._grow(size)

    def take(self, other: "PieceCounter", over: int = 0) -> None:
        """Add what another has counted more than ``over`` times."""
        slot = 0
        while True:
            slot = add_counts(
                slot,
                over,
                other._seen,
                other._spelled,
                self._seen,
                self._spelled,
                self._used,
            )
            if slot >= len(other._seen):
                return
            self._grow(len(other._spelled))

    @property
    def memory(self) -> int:
        """The bytes that its pieces take, learning included."""
        count, size = self._used.tolist()
        return int(EACH * count + EVERY_BYTE * (size + count))

    def pieces(self) -> Pieces:
        """Give all that was counted."""
        count, size = self._used.tolist()
        row, counts = np.empty(size, np.uint8), np.empty(count, "u8")
        starts = np.zeros(count + 1, np.int64)
        list_pieces(self._seen, self._spelled, row, starts, counts)
        return Pieces(row, starts, counts.astype(np.int64))

    def _grow(self, piece_bytes: int) -> None:
        """Make room for more pieces, and for one so long."""
        count, size = self._used.tolist()
        if 2 * count >= len(self._seen):
            larger = np.zeros((2 * len(self._seen), 4), np.uint64)
            move_counts(self._seen, larger)
            self._seen = larger
        if size + piece_bytes + MARGIN > len(self._spelled):
            room = np.empty(2 * size + piece_bytes + MARGIN, np.uint8)
            room[:size] = self._spelled[:size]
            self._spelled = room


def count_fast(
    texts: Iterable[str | Path],
    rules: Rules,
    threads: int,
    bar: Bar,
    most: int = MOST_BYTES,
) -> Pieces:
    """Count the pieces of all texts, each thread by itself.

    Where they would take more than ``most`` bytes, the rarest are
    forgotten, now and then. All counts are added up before that, so
    the result is the same on any number of threads.

    Source: manku2002, for what that does to the counts.
    """
    announce("count_documents")
    groups, total = text_groups(texts), PieceCounter(rules)
    budget, lost, first = ROUND, 0, next(groups, None)
    while first is not None:
        # Count a round of groups, each thread in a table of its own
        tables = [PieceCounter(rules) for _ in range(threads - 1)]
        some = up_to(budget, chain([first], groups))
        before = total.memory
        read = count_round(some, [*tables, total], bar)
        for table in tables:
            total.take(table)
        each = max(total.memory - before, 1) / max(read, 1)

        # Forget the rarest, if more is to come
        first = next(groups, None)
        if first is not None and total.memory > most:
            rare = too_rare(total.pieces(), most // 2)
            kept, lost = PieceCounter(rules), lost + rare
            kept.take(total, over=rare)
            total = kept

        # Read twice as much next time, less where pieces are many
        room = int((most - total.memory) / each)
        budget = max(ROUND, min(2 * budget, room))
    warn_of_loss(lost)
    return total.pieces()


def up_to(budget: int, groups: Iterable[Group]) -> Iterator[Group]:
    """Take groups until they have so many bytes or characters."""
    for group in groups:
        yield group
        budget -= size_of_group(group)
        if budget <= 0:
            return


def size_of_group(group: Group) -> int:
    """Say how much text a group is."""
    if isinstance(group, Block):
        return len(group.lines)
    return sum(map(len, group))


def count_round(
    groups: Iterable[Group], tables: list[PieceCounter], bar: Bar
) -> int:
    """Count some groups, a table for each thread; say how much text."""
    idle = [*tables]

    def count(group: Group) -> tuple[int, int]:
        table = idle.pop()
        documents = table.add(group)
        idle.append(table)
        return documents, size_of_group(group)

    read = 0
    for documents, size in in_threads(count, groups, len(tables)):
        bar.advance(documents)
        read += size
    return read


def too_rare(pieces: Pieces, most: int) -> int:
    """Find the count up to which pieces are forgotten.

    Those that occur more often take at most ``most`` bytes.
    """
    order = np.argsort(-pieces.counts, kind="stable")
    sizes = np.diff(pieces.starts)[order] + 1
    taken = np.cumsum(EACH + EVERY_BYTE * sizes)
    fitting = int(np.searchsorted(taken, most, side="right"))
    return int(pieces.counts[order[min(fitting, len(order) - 1)]])


def warn_of_loss(lost: int) -> None:
    """Say how wrong the counts may be."""
    if lost:
        console.warn(
            "the text has more distinct pieces than are kept in "
            "memory: the rarest were forgotten now and then, so a "
            f"count may be up to {lost:,} too low"
        )


def text_groups(texts: Iterable[str | Path]) -> Iterator[Group]:
    """Gather texts, and cut files into blocks of whole lines."""
    for are_files, some in groupby(texts, is_file):
        if are_files:
            for file in cast(Iterator[Path], some):
                yield from file_blocks(file)
        else:
            yield from in_groups(cast(Iterator[str], some))


def is_file(text: str | Path) -> bool:
    """Tell a file from a text.

    Raises:
        DataError: it is neither.
    """
    if not isinstance(text, str | Path):
        raise DataError(
            f"a text is of type {type(text).__name__}; give strings, "
            "or the paths of files"
        )
    return isinstance(text, Path)


def file_blocks(file: Path) -> Iterator[Block]:
    """Read a file, some lines at a time.

    Raises:
        DataError: it cannot be read.
    """
    start = 0
    try:
        with file.open("rb") as source:
            while lines := source.read(BLOCK):
                if not lines.endswith(LINE_END):
                    lines += source.readline()
                yield Block(file, start, lines)
                start += len(lines)
    except OSError as error:
        raise DataError(
            f"{file} cannot be read: {error.strerror}"
        ) from error
