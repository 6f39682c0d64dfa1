"""Room for more tokens in a model that has learned."""

from collections.abc import Mapping, Sequence

import torch
from msgspec.structs import replace

from hornbook.base.errors import ModelError
from hornbook.model.transformer import Transformer


def extend_model(
    model: Transformer, parts: Mapping[int, Sequence[int]]
) -> Transformer:
    """Give a model rows for new tokens, made of those it has.

    ``parts`` has the old ids of each new one. A new token's vector is
    the mean of its parts', and so is its row in the last layer: where
    the parts were likely the whole is, and training goes on from there.
    All other weights are the old ones.

    Raises:
        ModelError: a part is no token of the model.
    """
    # See that all parts are there
    rows = model.config.vocab_size
    for id_, made_of in parts.items():
        if not made_of or id_ < 0 or not min(made_of) >= 0:
            raise ModelError(f"token {id_} is made of no tokens")
        if max(made_of) >= rows:
            raise ModelError(
                f"token {id_} is made of token {max(made_of)}, and the "
                f"model has {rows:,}"
            )

    # Build the larger model, and copy what was learned
    size = max(rows, *(id_ + 1 for id_ in parts)) if parts else rows
    larger = Transformer(replace(model.config, vocab_size=size))
    larger.to(model.token_emb.weight)
    learned, target = model.state_dict(), larger.state_dict()
    with torch.no_grad():
        for name, weight in target.items():
            weight[: len(learned[name])] = learned[name]
            if name in TABLES:
                for id_, made_of in parts.items():
                    weight[id_] = learned[name][list(made_of)].mean(0)
    return larger.train(model.training)


TABLES = ("embedding.token_emb.weight", "head.weight")
"""The weights with a row for each token."""
