"""Every tensor of a model, from its shape alone."""

from collections.abc import Iterator
from math import prod

import msgspec

from hornbook.model.config import ModelConfig
from hornbook.model.variant import Shape, own_weights


class Row(msgspec.Struct, frozen=True):
    """A tensor, or one that every block has a copy of."""

    name: str
    shape: Shape
    copies: int = 1

    @property
    def count(self) -> int:
        """The numbers in all copies."""
        return self.copies * prod(self.shape)


def tensors(config: ModelConfig) -> dict[str, Shape]:
    """Name every trained tensor of a model, in order, with its shape.

    >>> from hornbook.model.config import make_config
    >>> tensors(make_config(vocab_size=512))["head.weight"]
    (512, 192)
    """
    c = config.resolved()
    inside = block(c)
    blocks = {
        f"blocks.{layer}.{name}": shape
        for layer in range(c.layers)
        for name, shape in inside.items()
    }
    return before(c) | blocks | after(c)


def rows(config: ModelConfig) -> Iterator[Row]:
    """Give the tensors with those of all blocks in one row each."""
    c = config.resolved()
    every = "blocks.*" if c.layers > 1 else "blocks.0"
    for name, shape in before(c).items():
        yield Row(name, shape)
    for name, shape in block(c).items():
        yield Row(f"{every}.{name}", shape, c.layers)
    for name, shape in after(c).items():
        yield Row(name, shape)


def before(c: ModelConfig) -> dict[str, Shape]:
    """Name the tensors before the blocks."""
    found: dict[str, Shape] = {}
    found["embedding.token_emb.weight"] = (c.vocab_size, c.width)
    if c.positions == "learned":
        found["embedding.pos_emb.weight"] = (c.context, c.width)
    if c.pairs:
        found["embedding.pair_emb.weight"] = (c.pairs, c.width)
    return found | (
        norm(c, "embedding_norm") if c.embedding_norm else {}
    )


def after(c: ModelConfig) -> dict[str, Shape]:
    """Name the tensors behind the blocks."""
    found = norm(c, "norm")
    if not c.tied:
        found["head.weight"] = (c.vocab_size, c.width)
    return found


def block(c: ModelConfig) -> dict[str, Shape]:
    """Name the tensors of one block."""
    queries, shared = c.heads * c.head_dim, c.kv_heads * c.head_dim
    found = norm(c, "attention_norm")
    for name, rows, columns in (
        ("to_q", queries, c.width),
        ("to_k", shared, c.width),
        ("to_v", shared, c.width),
        ("to_out", c.width, queries),
    ):
        found |= linear(c, f"attention.{name}", rows, columns)
    if c.qk_norm == "weight":
        for name in ("norm_q", "norm_k"):
            found[f"attention.{name}.weight"] = (c.head_dim,)
    for name, shape in own_weights(c).items():
        found[f"attention.attend.{name}"] = shape

    # The feed-forward layer widens, once or twice, and narrows
    found |= norm(c, "feedforward_norm")
    ups = ("gate", "up") if c.feedforward == "swiglu" else ("up",)
    for name in ups:
        found |= linear(c, f"feedforward.{name}", c.hidden, c.width)
    return found | linear(c, "feedforward.down", c.width, c.hidden)


def norm(c: ModelConfig, at: str) -> dict[str, Shape]:
    """Name the tensors of one norm; some have none."""
    layernorm = c.norm == "layernorm"
    found: dict[str, Shape] = {}
    if layernorm or c.norm_weight:
        found[f"{at}.weight"] = (c.width,)
    if layernorm and c.bias:
        found[f"{at}.bias"] = (c.width,)
    return found


def linear(
    c: ModelConfig, at: str, rows: int, columns: int
) -> dict[str, Shape]:
    """Name a matrix, and its bias where the form has one."""
    found: dict[str, Shape] = {f"{at}.weight": (rows, columns)}
    if c.bias:
        found[f"{at}.bias"] = (rows,)
    return found
