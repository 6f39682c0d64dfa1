"""Batches: one pass of the model brings many texts a token further."""

from collections.abc import Iterator, Sequence

import msgspec
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hornbook.inference.generate import Sampling
from hornbook.inference.sample import choose, dice
from hornbook.model.cache import Cache
from hornbook.model.transformer import Transformer


class Row:
    """One text of a batch, with settings and dice of its own.

    Whoever reads its tokens may set ``done``; it is then given no
    more, and the others no longer carry it along.
    """

    def __init__(self, ids: Sequence[int], sampling: Sampling) -> None:
        self.ids, self.sampling = list(ids), sampling
        self.random = dice(sampling.seed)
        self.made = 0
        self.done = not sampling.max_tokens


Pick = tuple[Row, int, Float[Tensor, " vocab"]]


def next_row_tokens(
    model: Transformer, rows: Sequence[Row]
) -> Iterator[list[Pick]]:
    """Give all rows their next token, again and again, to the last.

    Each round is a list of (row, token, logits). A row draws what it
    would draw alone: padding stands on its left, unseen, and its own
    first token at place 0. Prompt and answer together must fit into
    the context.
    """
    # Put the prompts side by side, flush right
    rows = [row for row in rows if not row.done]
    longest = max((len(row.ids) for row in rows), default=0)
    padded = [[0] * (longest - len(row.ids)) + row.ids for row in rows]
    place = model.token_emb.weight.device
    fresh = torch.tensor(padded, device=place)
    pads = torch.tensor(
        [[longest - len(row.ids)] for row in rows], device=place
    )
    cache = roomy_cache(model, rows, longest)
    while rows:
        # Read what is new in every row
        places, visible = sight(pads, cache.length, fresh.size(1))
        with torch.inference_mode():
            x = model.hidden(fresh, cache, visible, places)
            logits = model.logits(x[:, -1]).cpu()

        # Pick a token for each
        picks = [
            (row, pick(row, scores), scores)
            for row, scores in zip(rows, logits, strict=True)
        ]
        yield picks

        # Go on with the rows that are not done
        kept = [i for i, row in enumerate(rows) if not row.done]
        if len(kept) < len(rows):
            cache.keep(kept)
            pads = pads[kept]
        rows = [rows[i] for i in kept]
        fresh = torch.tensor([[picks[i][1]] for i in kept]).to(place)


def pick(row: Row, logits: Float[Tensor, " vocab"]) -> int:
    """Draw a row's next token, and count it."""
    how = row.sampling
    token = choose(logits, how.temperature, how.top_p, row.random)
    row.made += 1
    row.done = row.made >= how.max_tokens
    return token


def sight(
    pads: Int[Tensor, "batch 1"], start: int, time: int
) -> tuple[
    Int[Tensor, "batch time"], Bool[Tensor, "batch 1 time all_time"]
]:
    """Say where the new tokens stand, and what they may see.

    They see their own row's past. Padding sees itself alone, so that
    its softmax has something to share out; nobody sees padding.

    >>> places, visible = sight(torch.tensor([[0], [1]]), 0, 2)
    >>> places.tolist()
    [[0, 1], [0, 0]]
    >>> visible[1, 0].tolist()
    [[True, False], [False, True]]
    """
    keys = torch.arange(start + time, device=pads.device)
    queries = keys[start:, None]
    first = torch.minimum(pads[:, :, None], queries)
    visible = (keys >= first) & (keys <= queries)
    places = (keys[start:] - pads).clamp(min=0)
    return places, visible[:, None]


def roomy_cache(
    model: Transformer, rows: Sequence[Row], longest: int
) -> Cache:
    """Make a cache for the longest prompt and the longest answer."""
    answer = max((row.sampling.max_tokens for row in rows), default=0)
    room = msgspec.structs.replace(
        model.config, context=max(longest + answer, 1)
    )
    weight = model.token_emb.weight
    return Cache(room, len(rows), weight.dtype, weight.device)
