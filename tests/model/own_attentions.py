"""A file of attentions that are the user's own, for tests."""

from typing import Any

from hornbook.model.config import ModelConfig, make_config

FILE = """
import torch
from torch import nn
from hornbook.model.attention import attend

def scaled(q, k, v, visible, by=1.0):
    return by * attend(q, k, v, visible)

class Tilt(nn.Module):
    def __init__(self, config, layer, start=0.5):
        super().__init__()
        self.by = nn.Parameter(torch.full((config.heads, 1, 1), start))
        self.mix = nn.Linear(config.head_dim, config.head_dim)

    def forward(self, q, k, v, visible):
        return attend(q, k, self.mix(v) * self.by, visible)

class Gated(Tilt):
    def forward(self, q, k, v, visible):
        return super().forward(q, k, v, visible).sigmoid()

class Told(Gated):
    def weights(self, q, k, visible):
        return torch.ones(len(q), q.size(1), q.size(2), k.size(2))

class Uneven(Tilt):
    def __init__(self, config, layer):
        super().__init__(config, layer)
        self.more = nn.Parameter(torch.ones(1 + layer))
"""


def shape(attention: str, **options: Any) -> ModelConfig:
    """A small shape with an attention of one's own."""
    return make_config(
        vocab_size=40, layers=2, width=16, heads=4, context=16,
        attention=attention, options=options,
    )
