"""Instructions: learn the answers, and when to stop."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import torch
from jaxtyping import Int

from hornbook.base.dialogue import Dialogue
from hornbook.base.errors import DataError
from hornbook.tokenizer.chat import render
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.batches import Batch, Order
from hornbook.training.loss import IGNORE
from hornbook.training.packing import best_fit, same_text


class Example(msgspec.Struct, frozen=True):
    """A dialogue as ids, and which of them are to be learnt."""

    ids: list[int]
    mask: list[bool]


class Packed(msgspec.Struct, frozen=True):
    """Dialogues that share the rows of a table; zeros fill it up."""

    ids: Int[np.ndarray, "rows context"]
    targets: Int[np.ndarray, "rows context"]
    dialogue: Int[np.ndarray, "rows context"]
    """The number of a place's dialogue in its row; 0 is filling."""
    too_long: int
    """Dialogues that no row can hold; they are left out."""


def encode(
    tok: Tokenizer, dialogues: Iterable[Dialogue]
) -> list[Example]:
    """Turn dialogues into ids and masks."""
    return [Example(*render(tok, dialogue)) for dialogue in dialogues]


def pack(examples: Sequence[Example], context: int, pad: int) -> Packed:
    """Lay dialogues into rows, each into the fullest row it fits.

    Raises:
        DataError: not one dialogue fits.
    """
    # Put the long ones first, each where the least room stays
    fitting = [e for e in examples if len(e.ids) <= context]
    rows = best_fit([len(e.ids) for e in fitting], context)
    if not len(rows):
        raise DataError(
            f"none of {len(examples)} dialogues fits the context of "
            f"{context} tokens; shorten them or raise model.context"
        )

    # Write the rows into tables
    ids = np.full((len(rows), context), pad, dtype=np.int64)
    targets = np.full_like(ids, IGNORE)
    dialogue = np.zeros_like(ids)
    for row in range(len(rows)):
        start = 0
        for number, piece in enumerate(rows.row(row), start=1):
            part = fitting[piece]
            stop = start + len(part.ids)
            ids[row, start:stop] = part.ids
            learnt = np.where(part.mask[1:], part.ids[1:], IGNORE)
            targets[row, start : stop - 1] = learnt
            dialogue[row, start:stop] = number
            start = stop
    too_long = len(examples) - len(fitting)
    return Packed(ids, targets, dialogue, too_long)


class Dialogues:
    """Batches of packed rows, in a new order every epoch."""

    def __init__(self, packed: Packed, batch: int, seed: int) -> None:
        self.packed, self.batch = packed, batch
        self.order = Order(len(packed.ids), seed)

    def __call__(self, step: int) -> Batch:
        """Give ids, targets and what each place may see."""
        rows = self.order.batch(step, self.batch)
        dialogue = torch.from_numpy(self.packed.dialogue[rows])
        return {
            "ids": torch.from_numpy(self.packed.ids[rows]),
            "targets": torch.from_numpy(self.packed.targets[rows]),
            "visible": same_text(dialogue),
        }

