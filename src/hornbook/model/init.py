"""Where all weights begin: the one place for initialisation."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from hornbook.model.config import ModelConfig


def initialise(
    model: nn.Module, config: ModelConfig, seed: int
) -> None:
    """Fill a model's weights, the same for the same seed.

    GPT-2's form draws all from a narrow normal distribution and
    shrinks what is added to the residual stream. The other forms draw
    matrices at the scale of their input, and start every layer's last
    matrix at zero: at first a block adds nothing, nor does a pair of
    tokens, and both learn to. An attention of your own keeps the
    weights that it gave itself.

    Source: radford2019, section 2.3; zhang2019fixup for the zeros.
    """
    random = torch.Generator().manual_seed(seed)
    narrow = config.form == "gpt2"
    last = 0.02 / math.sqrt(2 * config.layers)
    for name, weight in model.named_parameters():
        if ".attend." in name:
            continue
        closing = name.endswith(
            ("to_out.weight", "down.weight", "pair_emb.weight")
        )
        if weight.dim() < 2:
            fill = 1.0 if name.endswith("weight") else 0.0
            nn.init.constant_(weight, fill)
        elif narrow:
            spread = last if closing else 0.02
            nn.init.normal_(weight, 0.0, spread, generator=random)
        elif closing:
            nn.init.zeros_(weight)
        elif name.endswith("_emb.weight"):
            spread = 1.0 if config.embedding_norm else 0.02
            nn.init.normal_(weight, 0.0, spread, generator=random)
        elif name == "head.weight":
            nn.init.normal_(weight, 0.0, 0.001, generator=random)
        else:
            bound = math.sqrt(3.0 / weight.size(1))
            nn.init.uniform_(weight, -bound, bound, generator=random)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed inside the block; torch's own state stays."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
