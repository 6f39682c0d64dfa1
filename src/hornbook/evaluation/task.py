"""Tasks of choice: which of some endings does a prompt call for?"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from jaxtyping import Float

from hornbook.base.errors import DataError
from hornbook.evaluation.memorise import overlaps

if TYPE_CHECKING:
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

SEEN_WORDS = 12
"""So many words in a row are no coincidence."""
SEEN_SHARE = 0.01
"""A task is refused when more of its items were seen than this."""


class Item(msgspec.Struct, frozen=True):
    """A beginning, its possible endings, and which one is right."""

    prompt: str
    choices: tuple[str, ...]
    answer: int
    """The place of the right ending, from 0."""


def refuse_seen(
    name: str, items: Sequence[Item], texts: Iterable[str]
) -> None:
    """Refuse a task whose items stand in the training text.

    An item counts as seen when twelve words in a row of its prompt, or
    the whole of a shorter prompt, are found in a text.

    Raises:
        DataError: more than one item in a hundred was seen.
    """
    found = overlaps([item.prompt for item in items], texts)
    seen = sum(
        overlap.words >= min(SEEN_WORDS, len(item.prompt.split()))
        for item, overlap in zip(items, found, strict=True)
    )
    if seen > SEEN_SHARE * len(items):
        raise DataError(
            f"{seen} of the {len(items)} items of {name} stand in the "
            "run's training text, so a score would measure memory; "
            "choose another task, or train without that source"
        )


def choose(
    model: "Transformer",
    tok: "Tokenizer",
    items: Sequence[Item],
    rows: int = 16,
) -> list[int]:
    """Choose the ending that each prompt makes likelier the most.

    What an ending costs without a prompt is taken off its cost, so
    that common or short endings have no head start.

    Source: brown2020, section 2.4, the unconditional probability of
    each completion.
    """
    # Cost each ending after its prompt, and once after nothing
    endings = [(item.prompt, c) for item in items for c in item.choices]
    alone = sorted({ending for _, ending in endings})
    blank = ending_nats(model, tok, [("", e) for e in alone], rows)
    usual = dict(zip(alone, blank, strict=True))
    after = ending_nats(model, tok, endings, rows)
    gain = after - np.array([usual[ending] for _, ending in endings])

    # Take the best of each item
    chosen, start = [], 0
    for item in items:
        stop = start + len(item.choices)
        chosen.append(int(gain[start:stop].argmin()))
        start = stop
    return chosen


def ending_nats(
    model: "Transformer",
    tok: "Tokenizer",
    endings: Sequence[tuple[str, str]],
    rows: int = 16,
) -> Float[np.ndarray, " rows"]:
    """Give what each ending costs after its prompt, in nats.

    Prompt and ending are encoded apart, so that the ending's tokens
    do not depend on the prompt. Where both do not fit the context, the
    prompt loses its beginning.
    """
    # Lay prompts and endings out as ids
    context = model.config.context
    cut = []
    for prompt, ending in endings:
        last = tok.encode(ending)[: context - 1]
        first = [tok.end, *tok.encode(prompt)][-(context - len(last)) :]
        cut.append((first + last, len(last)))

    # Read like lengths together, for the least filling
    nats = np.zeros(len(cut))
    order = sorted(range(len(cut)), key=lambda i: len(cut[i][0]))
    for start in range(0, len(order), rows):
        part = order[start : start + rows]
        nats[part] = _read(model, [cut[i] for i in part])
    return nats


def _read(
    model: "Transformer", cut: Sequence[tuple[list[int], int]]
) -> list[float]:
    """Sum the loss over the last tokens of each row."""
    import torch
    from torch.nn import functional as F

    longest = max(len(ids) for ids, _ in cut)
    table = torch.zeros(len(cut), longest, dtype=torch.int64)
    for row, (ids, _) in enumerate(cut):
        table[row, : len(ids)] = torch.tensor(ids)
    with torch.inference_mode():
        losses = F.cross_entropy(
            model(table[:, :-1]).float().transpose(1, 2),
            table[:, 1:],
            reduction="none",
        )
    return [
        float(losses[row, len(ids) - 1 - last : len(ids) - 1].sum())
        for row, (ids, last) in enumerate(cut)
    ]
