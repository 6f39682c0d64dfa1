"""Rows of tokens for training: any step's batch, from its number."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from hornbook.base.errors import DataError
from hornbook.tokenizer.shards import TokenShard

Batch = dict[str, Tensor]


@runtime_checkable
class Batches(Protocol):
    """A training set that gives the batch of any step.

    The same step gives the same batch, whatever was asked before: a
    stopped training goes on with the rows that were next.
    """

    def __call__(self, step: int) -> Batch:
        """Give the batch of a step, counted from 0."""


def pieces(batch: Batch, rows: int) -> Iterator[tuple[Batch, float]]:
    """Cut a batch into so many rows at a time; 0 leaves it whole.

    Each comes with its share of what the batch is learnt from: losses
    are means over targets, and add up to the batch's by these shares.
    A piece without any target is left out.
    """
    size = len(next(iter(batch.values())))
    if not rows or rows >= size:
        yield batch, 1.0
        return
    whole = count_targets(batch)
    for start in range(0, size, rows):
        here = slice(start, start + rows)
        piece = {name: tensor[here] for name, tensor in batch.items()}
        if own := count_targets(piece):
            yield piece, own / whole


def count_targets(batch: Batch) -> int:
    """Count what a batch is learnt from."""
    return int((batch["targets"] >= 0).sum())


class Order:
    """An endless order of rows: every epoch its own permutation."""

    def __init__(self, rows: int, seed: int) -> None:
        self.rows, self.seed = rows, seed
        self._epoch = -1
        self._order = np.zeros(0, dtype=np.int64)

    def __call__(self, place: int) -> tuple[int, int]:
        """Give the epoch and the row of a place in the order."""
        epoch, index = divmod(place, self.rows)
        if epoch != self._epoch:
            random = np.random.default_rng((self.seed, epoch))
            self._order = random.permutation(self.rows)
            self._epoch = epoch
        return epoch, int(self._order[index])

    def batch(self, step: int, size: int) -> np.ndarray:
        """Give the rows of one step's batch."""
        places = range(step * size, (step + 1) * size)
        return np.array([self(place)[1] for place in places])


class Windows:
    """Windows of the token stream, in a new order every epoch.

    Each epoch cuts the stream at another offset, so that a text does
    not always begin at the same place of a row.
    """

    def __init__(
        self, shard: TokenShard, context: int, batch: int, seed: int
    ) -> None:
        self.tokens = shard.tokens
        self.context, self.batch = context, batch
        rows = (len(self.tokens) - 1) // context - 1
        if rows < batch:
            raise DataError(
                f"the training text has {len(self.tokens):,} tokens, "
                f"too few for one batch of {batch} rows of {context}; "
                "add text, or lower pretrain.batch or model.context"
            )
        self.order = Order(rows, seed)

    def __call__(self, step: int) -> Batch:
        """Give ``ids`` and the ``targets`` one place further on."""
        first = step * self.batch
        rows = [self._row(first + i) for i in range(self.batch)]
        stack = torch.from_numpy(np.stack(rows).astype(np.int64))
        return {"ids": stack[:, :-1], "targets": stack[:, 1:]}

    def _row(self, place: int) -> np.ndarray:
        """Cut one window out of the stream."""
        epoch, row = self.order(place)
        seed = (self.order.seed, epoch, 1)
        offset = int(np.random.default_rng(seed).integers(self.context))
        start = offset + row * self.context
        return np.asarray(self.tokens[start : start + self.context + 1])
