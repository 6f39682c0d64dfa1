"""A model drawn with plain characters, for a terminal."""

from collections.abc import Iterator

from hornbook.model.config import STOCK, ModelConfig
from hornbook.model.count import parameters

TITLES = {
    "gelu": "GELU",
    "relu2": "ReLU squared",
    "swiglu": "SwiGLU",
}
"""What people call the choices of a form."""


def sketch(config: ModelConfig) -> str:
    """Draw a model with plain characters, from ids to logits."""
    c, counts = config.resolved(), parameters(config)
    tied = "(the table)" if c.tied else counted(c, "head")
    cap = f", capped at {c.softcap:g}" if c.softcap else ""
    heads = f"{c.heads} heads of {c.head_dim}"
    if c.kv_heads < c.heads:
        heads += f", {c.kv_heads} of keys"
    if c.positions == "rope":
        heads += ", rotary"
    inner = f"{TITLES[c.feedforward]}, {c.hidden:,} wide"
    each = {
        part: f"{counts[part] // c.layers:,}"
        for part in ("attention", "feed-forward")
    }
    lines = [
        ("token ids", "T", ""),
        ("  |", "", ""),
        ("embedding", f"T x {c.width}", counted(c, "token embedding")),
        *places(c),
        ("  |", f"block, {c.layers} times:", ""),
        ("  +-> norm, attention -+", heads, each["attention"]),
        *own(c),
        ("  +<-------------------+", "", ""),
        ("  +-> norm, forward ---+", inner, each["feed-forward"]),
        ("  +<-------------------+", "", ""),
        ("norm", f"T x {c.width}", ""),
        ("  |", "", ""),
        ("head", f"T x {c.vocab_size:,}{cap}", tied),
        ("  |", "", ""),
        ("logits", "", ""),
    ]
    return "\n".join(
        f"{left:<26}{middle:<32}{right:>12}".rstrip()
        for left, middle, right in lines
    )


def counted(config: ModelConfig, part: str) -> str:
    """Write how many numbers a part has."""
    return f"{parameters(config)[part]:,}"


def places(c: ModelConfig) -> Iterator[tuple[str, str, str]]:
    """Draw the tables of places and pairs, and the norm, if any."""
    if c.positions == "learned":
        shape = f"{c.context:,} x {c.width}"
        yield "  + places", shape, counted(c, "position embedding")
    if c.pairs:
        shape = f"{c.pairs:,} x {c.width}"
        yield "  + pairs", shape, counted(c, "pair embedding")
    if c.embedding_norm:
        yield "norm", "", ""


def own(c: ModelConfig) -> Iterator[tuple[str, str, str]]:
    """Name the attention where it is not the published one."""
    if c.attention not in STOCK:
        yield "  |                    |", f"by {c.attention}", ""
