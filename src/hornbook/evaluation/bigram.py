"""A model of one look back: how often which token follows which.

It needs no training but counting, and so tells how much of a score is
due to neighbouring words alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from hornbook.tokenizer.shards import TokenShard
    from hornbook.tokenizer.tokenizer import Tokenizer

PRIOR = 50.0
"""Every token counts as followed by so many more, by frequency."""


class Bigram:
    """The pairs of neighbouring tokens of a training text, counted."""

    def __init__(self, shard: "TokenShard") -> None:
        tokens = np.asarray(shard.tokens, dtype=np.int64)
        self.size = shard.info.vocab_size
        pairs = tokens[:-1] * self.size + tokens[1:]
        self.pairs, self.counts = np.unique(pairs, return_counts=True)
        self.before = np.bincount(tokens[:-1], minlength=self.size)
        alone = np.bincount(tokens, minlength=self.size) + 1.0
        self.share = alone / alone.sum()

    def nats(
        self, tokens: Sequence[int] | np.ndarray
    ) -> Float[np.ndarray, " rows"]:
        """Give what each token after the first costs, in nats.

        The chance of ``b`` after ``a`` mixes their count with the
        frequency of ``b``, which weighs as ``PRIOR`` sightings.
        """
        ids = np.asarray(tokens, dtype=np.int64)
        a, b = ids[:-1], ids[1:]
        pairs = a * self.size + b
        place = np.searchsorted(self.pairs, pairs)
        place = place.clip(max=len(self.pairs) - 1)
        seen = np.where(
            self.pairs[place] == pairs, self.counts[place], 0
        )
        chance = seen + PRIOR * self.share[b]
        costs: np.ndarray = np.log((self.before[a] + PRIOR) / chance)
        return costs

    def ending_nats(
        self, tok: "Tokenizer", endings: Sequence[tuple[str, str]]
    ) -> Float[np.ndarray, " rows"]:
        """Give what each ending costs after its prompt, in nats."""
        costs = []
        for prompt, ending in endings:
            before = [tok.end, *tok.encode(prompt)][-1:]
            costs.append(self.nats(before + tok.encode(ending)).sum())
        return np.array(costs)
