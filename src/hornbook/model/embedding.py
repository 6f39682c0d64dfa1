"""Numbers for tokens, and numbers for the places they stand at."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hornbook.model.config import ModelConfig
from hornbook.model.pairs import row_of_pair, token_before


class Embedding(nn.Module):
    """A vector for every token, plus one for its place.

    The sum ``token_emb + pos_emb`` is GPT-2's way to tell a model the
    order of its input. Forms with rotary positions leave the second
    table out and turn queries and keys instead.

    A third table, where there is one, has vectors for pairs: a token
    and the one before it. They say in one look what a block would have
    to find out: that ``York`` after ``New`` is a city.

    Source: vaswani2017, section 3.4; radford2019; huang2025 for pairs.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.token_emb = nn.Embedding(config.vocab_size, config.width)
        self.pos_emb = (
            nn.Embedding(config.context, config.width)
            if config.positions == "learned"
            else None
        )
        self.pair_emb = (
            nn.Embedding(config.pairs, config.width)
            if config.pairs
            else None
        )

    def forward(
        self,
        ids: Int[Tensor, "batch time"],
        start: int = 0,
        places: Int[Tensor, "batch time"] | None = None,
        before: Int[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """Look the tokens up; the first stands at place ``start``.

        ``places`` says instead where each token of each row stands,
        ``before`` which token stands before it.
        """
        x: Tensor = self.token_emb(ids)
        if self.pos_emb is not None:
            if places is None:
                stop = start + ids.size(1)
                places = torch.arange(start, stop, device=ids.device)
            x = x + self.pos_emb(places)
        if self.pair_emb is not None:
            if before is None:
                before = token_before(ids)
            rows = self.pair_emb.num_embeddings
            x = x + self.pair_emb(row_of_pair(before, ids, rows))
        return x
