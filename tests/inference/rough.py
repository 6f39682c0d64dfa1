"""A model that costs nothing to make and never hesitates."""

from typing import Any

import torch

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer


def rough_model(
    form: str,
    vocab_size: int,
    context: int,
    attention: str = "sdpa",
    pairs: int = 0,
) -> Any:
    """A model with loud random weights, so that no two tokens tie."""
    shape = make_config(
        form=form, vocab_size=vocab_size, layers=2, width=16, heads=2,
        context=context, attention=attention, pairs=pairs,
    )
    model = Transformer(shape)
    random = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.4, generator=random)
    return model.eval()
