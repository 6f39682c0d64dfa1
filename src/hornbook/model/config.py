"""The shape of a transformer, and the published forms it can take."""

from typing import Any, Literal

import msgspec

from hornbook.base.errors import RecipeError

LONGEST = 1 << 20
"""The most tokens that a context can have."""

SIZES = (
    "vocab_size",
    "layers",
    "width",
    "heads",
    "kv_heads",
    "head_dim",
    "hidden",
    "context",
)
"""The numbers of a shape that count something."""

OPEN = {*SIZES, "rope_theta", "eps", "tied", "softcap"}
"""What a published family leaves open; all else is as it has it."""

STOCK = ("explicit", "sdpa")
"""The attentions that compute the published formula."""

FORMS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "positions": "learned",
        "norm": "layernorm",
        "feedforward": "gelu",
        "bias": True,
        "tied": True,
        "eps": 1e-5,
    },
    "llama": {"feedforward": "swiglu"},
    "qwen3": {"feedforward": "swiglu", "qk_norm": "weight"},
    "nanochat": {
        "norm_weight": False,
        "embedding_norm": True,
        "feedforward": "relu2",
        "qk_norm": "plain",
        "softcap": 15.0,
    },
}
"""What each published family sets otherwise than the defaults below."""


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A transformer's shape; zeros are filled in by ``resolved``."""

    form: Literal["gpt2", "llama", "qwen3", "nanochat"] = "llama"
    """The family whose choices are the defaults of what follows."""
    vocab_size: int = 0
    """Tokens in the vocabulary; 0 takes the tokenizer's."""
    layers: int = 4
    width: int = 192
    """The length of the vector that stands for a token."""
    heads: int = 4
    kv_heads: int = 0
    """Heads of keys and values; 0 means as many as ``heads``."""
    head_dim: int = 0
    """The length of one head's query; 0 means ``width / heads``."""
    hidden: int = 0
    """The width inside the feed-forward layer; 0 means 4 times (or
    8/3 times, for SwiGLU) ``width``."""
    context: int = 256
    """The most tokens that the model can look at."""
    pairs: int = 0
    """Vectors for pairs of neighbouring tokens, found by a hash, beside
    those for tokens; 0 has none. No published family has them."""
    positions: Literal["rope", "learned"] = "rope"
    rope_theta: float = 10000.0
    norm: Literal["rmsnorm", "layernorm"] = "rmsnorm"
    norm_weight: bool = True
    """Whether norms have a learned scale."""
    eps: float = 1e-6
    embedding_norm: bool = False
    """Whether the embeddings are normalised before the first block."""
    feedforward: Literal["gelu", "swiglu", "relu2"] = "swiglu"
    qk_norm: Literal["none", "weight", "plain"] = "none"
    """``weight``: a scaled norm before the rotation; ``plain``: one
    without a scale after it."""
    bias: bool = False
    tied: bool = False
    """Whether the head shares the embedding's matrix."""
    softcap: float = 0.0
    """Logits pass ``c * tanh(logits / c)``; 0 leaves them alone."""
    attention: str = "sdpa"
    """``sdpa``, torch's fused kernel, or the same by pieces where
    that is faster; ``explicit``, the formula in plain steps; or your
    own: a name of ``ATTENTION``, or ``PATH.py:NAME``."""
    options: dict[str, Any] = {}
    """Settings of an attention of your own, given it as keywords."""
    code: str = ""
    """The digest of an attention of your own; filled in."""

    def resolved(self, vocab_size: int = 0) -> "ModelConfig":
        """Fill in what is zero and check that the shape can be.

        Raises:
            RecipeError: names the two numbers that do not fit.
        """
        if not self.head_dim and self.width % max(self.heads, 1):
            raise RecipeError(
                f"model.width ({self.width}) is not divisible by "
                f"model.heads ({self.heads}); change one of them"
            )
        head_dim = self.head_dim or self.width // max(self.heads, 1)
        hidden = self.hidden or default_hidden(
            self.width, self.feedforward
        )
        config = msgspec.structs.replace(
            self,
            vocab_size=self.vocab_size or vocab_size,
            kv_heads=self.kv_heads or self.heads,
            head_dim=head_dim,
            hidden=hidden,
        )
        check(config)
        return config


def default_hidden(width: int, feedforward: str) -> int:
    """Choose the inner width so that all kinds cost the same."""
    if feedforward == "swiglu":
        return max(32, round(width * 8 / 3 / 32) * 32)
    return 4 * width


def check(config: ModelConfig) -> None:
    """Refuse shapes that cannot be.

    Raises:
        RecipeError: says which numbers do not fit together.
    """
    for name in SIZES:
        if getattr(config, name) < 1:
            raise RecipeError(
                f"model.{name} is {getattr(config, name)}; it must be "
                "at least 1"
            )
    if config.context > LONGEST:
        raise RecipeError(
            f"model.context is {config.context}; it can be at most "
            f"{LONGEST:,}"
        )
    if not config.eps > 0 or not config.softcap >= 0:
        raise RecipeError(
            "model.eps must be above 0 and model.softcap at least 0"
        )
    if config.pairs < 0:
        raise RecipeError(
            f"model.pairs is {config.pairs}; it must be 0, for no "
            "vectors of pairs, or their number"
        )
    if not config.rope_theta > 1:
        raise RecipeError("model.rope_theta must be above 1")
    if config.options and config.attention in STOCK:
        raise RecipeError(
            f"model.options has {', '.join(config.options)}, and the "
            f"attention {config.attention!r} takes no options; they "
            "are for one of your own"
        )
    if config.heads % config.kv_heads:
        raise RecipeError(
            f"model.heads ({config.heads}) is not divisible by "
            f"model.kv_heads ({config.kv_heads}); every group of "
            "queries needs its own keys"
        )
    if config.positions == "rope" and config.head_dim % 2:
        raise RecipeError(
            f"model.head_dim is {config.head_dim}; rotary positions "
            "turn pairs of numbers, so it must be even"
        )


def without_family(config: ModelConfig) -> str:
    """Say why no published family's code computes a shape, or "".

    >>> capped = make_config(vocab_size=512, softcap=15.0)
    >>> without_family(capped)
    'the llama family has no soft-cap, which nanochat has'
    """
    # Compare every choice with the form's own
    usual = make_config(form=config.form, vocab_size=1)
    stock = config.attention in STOCK
    for field in sorted({*config.__struct_fields__} - OPEN):
        free = field == "attention" and stock
        if not free and getattr(config, field) != getattr(usual, field):
            return (
                f"no model of the {config.form} family has {field} = "
                f"{getattr(config, field)!r}, so it cannot be written "
                "for Hugging Face"
            )

    # Compare what only some leave open
    whole = (config.heads, config.width)
    if config.form == "gpt2" and whole != (
        config.kv_heads,
        config.heads * config.head_dim,
    ):
        return (
            "the gpt2 family has neither kv_heads other than heads nor "
            "a head_dim other than width / heads"
        )
    if config.softcap and config.form != "nanochat":
        return (
            f"the {config.form} family has no soft-cap, which nanochat "
            "has"
        )
    return ""


def cannot_hold(config: ModelConfig, format: str) -> str:
    """Say why a format of files cannot hold a shape, or "".

    >>> cannot_hold(make_config(form="qwen3", vocab_size=512), "gguf")
    'GGUF is written of the llama family alone, and this is qwen3'
    """
    if format == "native":
        return ""
    if why := without_family(config):
        return why
    if format == "gguf" and config.form != "llama":
        return (
            "GGUF is written of the llama family alone, and this is "
            f"{config.form}"
        )
    return ""


def with_form(table: dict[str, Any]) -> dict[str, Any]:
    """Lay a recipe's ``[model]`` table over its form's choices."""
    return {**FORMS.get(str(table.get("form", "llama")), {}), **table}


def make_config(**table: Any) -> ModelConfig:
    """Build a resolved shape from a form and what differs from it.

    >>> make_config(form="gpt2", vocab_size=512).positions
    'learned'
    """
    return ModelConfig(**with_form(table)).resolved()
