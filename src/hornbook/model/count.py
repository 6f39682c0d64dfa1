"""What a model costs: parameters, operations, bytes."""

from math import prod

from msgspec.structs import replace

from hornbook.model.config import ModelConfig
from hornbook.model.inventory import rows, tensors
from hornbook.model.memory import (
    FULL_BYTES,
    HALF_BYTES,
    HELD,
    Learning,
    kept_bytes,
    loss_bytes,
    matrices,
    passing_bytes,
    step_bytes,
)


def parameters(config: ModelConfig) -> dict[str, int]:
    """Count the trained numbers, by the part that holds them."""
    counts = dict.fromkeys(PARTS.values(), 0)
    for row in rows(config):
        counts[part_of(row.name)] += row.count
    counts["total"] = sum(counts.values())
    return counts


def part_of(name: str) -> str:
    """Say which part of a model a tensor belongs to.

    >>> part_of("blocks.0.attention_norm.weight")
    'norms'
    """
    return next(part for mark, part in PARTS.items() if mark in name)


def flops_per_token(config: ModelConfig) -> float:
    """Count the operations that training spends on one token.

    Six for every weight that a token is multiplied with: two forward,
    four backward. Attention adds 12 for every pair of a place and one
    it can see (half of all pairs), per number of a head.

    Source: kaplan2020, section 2.1; hoffmann2022, appendix F.
    """
    c = config.resolved()
    counts = parameters(c)
    head = c.vocab_size * c.width
    weights = counts["attention"] + counts["feed-forward"] + head
    pairs = 12 * c.layers * c.heads * c.head_dim * c.context / 2
    return 6.0 * weights + pairs


def training_bytes(
    config: ModelConfig,
    batch: int,
    bf16: bool = True,
    rows: int = 0,
    compiled: bool = False,
    optimizer: str = "muon",
    ema: bool = False,
    held: bool = False,
    part: Learning | None = None,
) -> int:
    """Predict the memory that training holds at its peak.

    Weights, what the optimiser remembers, and the larger of two
    moments: the logits, when all blocks have kept what they need, or
    the optimiser's step, when all gradients are there. ``rows`` is
    how many of a ``batch`` are read at once; 0 stands for all. ``held``
    counts the holes that stay where training frees and keeps memory.
    ``part`` is what learns, where that is not the whole.
    """
    # Count what is always there
    c, rows = config.resolved(), rows or batch
    total = parameters(c)["total"]
    inside = sum(prod(s) * n for s, n in matrices(c).items())
    muon = optimizer == "muon" and part is None
    learns = total if part is None else part.weights
    remembered = learns * (2 + ema) - inside * muon
    always = FULL_BYTES * (total + remembered)

    # Learn: weights are rounded for products, gradients add up
    tokens, gradients = rows * c.context, FULL_BYTES * learns
    deep = c if part is None else replace(c, layers=part.blocks)
    learning = (inside + c.vocab_size * c.width) * HALF_BYTES * bf16
    learning += tokens * kept_bytes(deep, bf16, compiled)
    learning += max(
        loss_bytes(c, tokens, bf16, compiled),
        tokens * passing_bytes(c, bf16),
    )
    if held and not compiled:
        learning = int(learning * HELD)
    learning += gradients * (rows < batch)

    # Step
    step = step_bytes(c, bf16, muon) if part is None else gradients
    return always + max(learning, gradients + step)


def cache_bytes(config: ModelConfig, number_bytes: int = 4) -> int:
    """The size of a full cache for one text."""
    c = config.resolved()
    per_place = 2 * c.layers * c.kv_heads * c.head_dim
    return per_place * c.context * number_bytes


def describe(config: ModelConfig) -> dict[str, object]:
    """Say what a model is, for ``model.json``, report and book."""
    import msgspec

    c = config.resolved()
    return {
        "config": msgspec.to_builtins(c),
        "parameters": parameters(c),
        "flops_per_token": flops_per_token(c),
        "cache_bytes": cache_bytes(c),
        "tensors": tensors(c),
    }


PARTS = {
    "embedding.token_emb": "token embedding",
    "embedding.pos_emb": "position embedding",
    "embedding.pair_emb": "pair embedding",
    ".attention.attend.": "attention",
    "norm": "norms",
    ".attention.": "attention",
    ".feedforward.": "feed-forward",
    "head.": "head",
}
"""What stands in a tensor's name, the first that fits, and its part."""
