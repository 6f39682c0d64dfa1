"""What a recipe says about the tokenizer."""

import re
from typing import Literal

import msgspec

from hornbook.base.errors import RecipeError

PAD = "<|pad|>"
"""The name of the token that fills the short rows of a batch."""

SPECIALS = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>", PAD)
"""The control tokens of a dialogue, and the one that ends any text."""

ENDS = ("<|end|>", "<|endoftext|>", "<|end_of_text|>", "</s>")
"""The names that the token behind every document may have."""

Kind = Literal["bpe", "word", "char"]

KINDS: dict[str, int] = {"bpe": 256, "word": 1, "char": 1}
"""The kinds, with the tokens that each has before it learns any."""


NO_LIMIT = 1 << 31
"""More bytes than any token has."""

MOST = 1 << 62
"""The largest count or size that a kernel can compare."""

MOST_TOKENS = 1 << 24
"""No vocabulary has more; a larger id is damage."""

HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair."""


class TokenizerConfig(msgspec.Struct, frozen=True):
    """How a vocabulary is learned from text."""

    vocab_size: int = 4096
    """All tokens: the bytes, the learned ones and the special ones."""
    pattern: str = "gpt2"
    """Where text is cut: a published name or a regular expression."""
    kind: Kind = "bpe"
    """Byte pairs, whole words or single characters."""
    min_frequency: int = 0
    """How often a pair or a word must occur to become a token."""
    max_token_bytes: int = 0
    """The most bytes of a token; 0 sets no limit."""
    special_tokens: tuple[str, ...] = SPECIALS
    """Tokens that text never holds; they take the last ids."""

    def check(self) -> "TokenizerConfig":
        """Return this configuration if a vocabulary can meet it.

        Raises:
            RecipeError: names the field and what it may be.
        """
        if self.kind not in KINDS:
            raise RecipeError(
                f"there is no tokenizer of kind {self.kind!r}; choose "
                f"one of {', '.join(KINDS)}"
            )
        for name in ("min_frequency", "max_token_bytes"):
            value = getattr(self, name)
            if not 0 <= value <= MOST:
                raise RecipeError(
                    f"{name} is {value}; it must be between 0 and "
                    f"{MOST:,}"
                )
        names = self.special_tokens
        if "" in names or len(set(names)) < len(names):
            raise RecipeError(
                f"special_tokens {names} holds an empty name or one "
                "name twice; give each token a name of its own"
            )
        for word in (self.pattern, *names):
            if not word.isascii() and HALF.search(word):
                raise RecipeError(
                    f"{word!r} holds half of a surrogate pair, which "
                    "is no character"
                )
        least = KINDS[self.kind] + len(names)
        if self.vocab_size < least:
            raise RecipeError(
                f"vocab_size is {self.vocab_size}, but a {self.kind} "
                f"tokenizer begins with {KINDS[self.kind]} tokens and "
                f"has {len(names)} special ones; give {least} or more"
            )
        if self.vocab_size > MOST_TOKENS:
            raise RecipeError(
                f"vocab_size is {self.vocab_size:,}, and the most is "
                f"{MOST_TOKENS:,}"
            )
        return self
