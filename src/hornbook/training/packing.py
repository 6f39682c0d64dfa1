"""Rows of whole documents: each is read apart from its neighbours."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from jaxtyping import Bool, Int, Int64
from torch import Tensor

from hornbook.base.console import console
from hornbook.base.errors import DataError
from hornbook.tokenizer.shards import TokenShard
from hornbook.training.batches import Batch, Batches, Order, Windows
from hornbook.training.loss import IGNORE


class Packing(msgspec.Struct, frozen=True):
    """Pieces of text, row by row."""

    pieces: Int64[np.ndarray, "pieces"]
    """The numbers of the first row's pieces, then the second's."""
    ends: Int64[np.ndarray, "rows"]
    """Where in ``pieces`` each row ends."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.ends)

    def row(self, number: int) -> Int64[np.ndarray, "pieces"]:
        """Give the numbers of a row's pieces."""
        start = self.ends[number - 1] if number else 0
        return self.pieces[start : self.ends[number]]


def best_fit(sizes: Sequence[int], context: int) -> Packing:
    """Lay pieces into rows, the long ones first, each where it fits
    with the least room to spare.

    No piece may be longer than ``context``. Rows are found by their
    room: one bit of a number says whether any row has just so much.

    >>> packing = best_fit([3, 5, 2, 4], context=6)
    >>> [packing.row(i).tolist() for i in range(len(packing))]
    [[1], [3, 2], [0]]

    Source: johnson1974, for its rows: at most 11/9 of the fewest.
    """
    order = np.argsort(-np.asarray(sizes, np.int64), kind="stable")
    by_room: list[list[int]] = [[] for _ in range(context + 1)]
    open_rooms = rows = 0
    row_of = np.zeros(len(order), np.int64)
    for place, piece in enumerate(order.tolist()):
        # Take the fullest row that can hold it, or a new one
        size = int(sizes[piece])
        fitting = open_rooms >> size
        if fitting:
            room = size + (fitting & -fitting).bit_length() - 1
            row = by_room[room].pop()
            open_rooms ^= 0 if by_room[room] else 1 << room
        else:
            room, row, rows = context, rows, rows + 1

        # Note how much room is left there
        row_of[place] = row
        by_room[room - size].append(row)
        open_rooms |= 1 << (room - size)
    by_row = order[np.argsort(row_of, kind="stable")]
    return Packing(by_row, np.cumsum(np.bincount(row_of)))


def cut(
    offsets: Int64[np.ndarray, "edges"], context: int
) -> tuple[Int64[np.ndarray, "pieces"], Int64[np.ndarray, "pieces"]]:
    """Cut documents into pieces; give their starts and their sizes.

    A document longer than ``context`` becomes full pieces and a rest.

    >>> starts, sizes = cut(np.array([0, 3, 8]), context=4)
    >>> starts.tolist(), sizes.tolist()
    ([0, 3, 7], [3, 4, 1])
    """
    lengths = np.diff(offsets)
    counts = -(-lengths // context)
    document = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    starts = offsets[document] + context * (
        np.arange(len(document)) - before[document]
    )
    stops = np.minimum(starts + context, offsets[document + 1])
    return starts, stops - starts


class Documents:
    """Documents packed into rows, in a new order every epoch.

    A document is read from the end mark before it, and learnt up to
    its own; so every token of the shard is learnt from once an epoch,
    and the first of a text is foretold from nothing, as it will be in
    use. Of the shard no more is read than the rows of a batch.
    """

    def __init__(
        self, shard: TokenShard, context: int, batch: int, seed: int
    ) -> None:
        self.tokens, self.context = shard.tokens, context
        self.batch = batch
        self.starts, self.sizes = cut(shard.offsets, context)
        self.packing = best_fit(self.sizes.tolist(), context)
        rows = len(self.packing)
        long = np.diff(shard.offsets) > context
        self.facts = {
            "documents": shard.documents,
            "documents_cut": int(long.sum()),
            "rows": rows,
            "padding": 1 - len(self.tokens) / (rows * context),
        }
        if rows < batch:
            raise DataError(
                f"the training text has {len(self.tokens):,} tokens in "
                f"{rows:,} rows of {context}, too few for one batch of "
                f"{batch}; add text, or lower pretrain.batch or "
                "model.context"
            )
        self.order = Order(rows, seed)

    def __call__(self, step: int) -> Batch:
        """Give ids, targets and what each place may see."""
        # Make room, filled with what nobody sees or learns
        size = (self.batch, self.context)
        ids = np.zeros(size, np.int64)
        targets = np.full(size, IGNORE)
        piece = np.zeros(size, np.int64)

        # Lay the pieces side by side
        chosen = self.order.batch(step, self.batch).tolist()
        for row, pieces in enumerate(map(self.packing.row, chosen)):
            sizes = self.sizes[pieces]
            stop = int(sizes.sum())
            ends = np.cumsum(sizes)
            shift = np.repeat(self.starts[pieces] - ends + sizes, sizes)
            places = shift + np.arange(stop)
            # Before the first token stands the last: an end mark
            ids[row, :stop] = self.tokens[places - 1]
            targets[row, :stop] = self.tokens[places]
            numbers = np.arange(1, len(pieces) + 1)
            piece[row, :stop] = np.repeat(numbers, sizes)
        return {
            "ids": torch.from_numpy(ids),
            "targets": torch.from_numpy(targets),
            "visible": same_text(torch.from_numpy(piece)),
        }


def same_text(
    number: Int[Tensor, "batch time"],
) -> Bool[Tensor, "batch 1 time time"]:
    """Let each place see itself and the past of its own text.

    ``number`` says which text of its row a place belongs to.
    """
    same = number[:, None, :, None] == number[:, None, None, :]
    return same.tril()


def describe_packing(batches: Batches) -> dict[str, Any]:
    """Say what packing cost, and give it for the record."""
    if not isinstance(batches, Documents):
        return {}
    facts = batches.facts
    console.say(
        f"  {facts['documents']:,} documents in {facts['rows']:,} rows:"
        f" {facts['documents_cut']:,} are cut, being longer than "
        f"{batches.context} tokens, and {facts['padding']:.1%} of the "
        "places stay empty"
    )
    return {"packing": facts}


Make = Callable[[TokenShard, int, int, int], Batches]

PACKING: dict[str, Make] = {"documents": Documents, "stream": Windows}
