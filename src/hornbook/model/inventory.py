"""Every tensor of a model, from its shape alone."""

from collections.abc import Iterator
from math import prod

import msgspec

from hornbook.model.config import ModelConfig

Shape = tuple[int, ...]


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
    found: dict[str, Shape] = {}
    found["embedding.token_emb.weight"] = (c.vocab_size, c.width)
    if c.positions == "learned":
        found["embedding.pos_emb.weight"] = (c.context, c.width)
    if c.embedding_norm:
        found |= norm(c, "embedding_norm")
    for layer in range(c.layers):
        found |= block(c, f"blocks.{layer}")
    found |= norm(c, "norm")
    if not c.tied:
        found["head.weight"] = (c.vocab_size, c.width)
    return found


def block(c: ModelConfig, at: str) -> dict[str, Shape]:
    """Name the tensors of one block."""
    queries, shared = c.heads * c.head_dim, c.kv_heads * c.head_dim
    found = norm(c, f"{at}.attention_norm")
    for name, rows, columns in (
        ("to_q", queries, c.width),
        ("to_k", shared, c.width),
        ("to_v", shared, c.width),
        ("to_out", c.width, queries),
    ):
        found |= linear(c, f"{at}.attention.{name}", rows, columns)
    if c.qk_norm == "weight":
        for name in ("norm_q", "norm_k"):
            found[f"{at}.attention.{name}.weight"] = (c.head_dim,)

    # The feed-forward layer widens, once or twice, and narrows
    found |= norm(c, f"{at}.feedforward_norm")
    ups = ("gate", "up") if c.feedforward == "swiglu" else ("up",)
    for name in ups:
        where = f"{at}.feedforward.{name}"
        found |= linear(c, where, c.hidden, c.width)
    return found | linear(
        c, f"{at}.feedforward.down", c.width, c.hidden
    )


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


def rows(config: ModelConfig) -> Iterator[Row]:
    """Give the tensors with those of all blocks in one row each."""
    last = config.layers - 1
    every = "blocks.*" if last else "blocks.0"
    for name, shape in tensors(config).items():
        if not name.startswith("blocks."):
            yield Row(name, shape)
        elif name.startswith("blocks.0."):
            inside = name.removeprefix("blocks.0")
            yield Row(every + inside, shape, config.layers)
