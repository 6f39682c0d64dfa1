"""All that a tokenizer knows, in one value that files can hold."""

import msgspec

from hornbook.base.errors import DataError
from hornbook.tokenizer.alphabet import byte_alphabet, spell
from hornbook.tokenizer.bpe import Merges
from hornbook.tokenizer.config import Kind
from hornbook.tokenizer.words import UNKNOWN

MOST_TOKENS = 1 << 24
"""No vocabulary has more; a larger id is damage."""


class Vocabulary(msgspec.Struct, frozen=True):
    """Tokens with their ids, and the rules that find them in text."""

    kind: Kind
    pattern: str
    """The regular expression that cuts text into pieces."""
    tokens: dict[bytes, int]
    """The ids of all ordinary tokens."""
    specials: dict[str, int]
    """The ids of the tokens that text itself never produces."""
    merges: Merges = {}
    """Which pairs join, and in which order; only in kind ``bpe``."""
    whole_first: bool = False
    """Whether a piece that is a token is taken without merging."""

    @property
    def size(self) -> int:
        """One more than the highest id: the rows of an embedding."""
        ids = [*self.tokens.values(), *self.specials.values()]
        return max(ids) + 1

    def with_specials(self, names: tuple[str, ...]) -> "Vocabulary":
        """Add the special tokens that are not there yet, at the end."""
        fresh = [name for name in names if name not in self.specials]
        ids = range(self.size, self.size + len(fresh))
        specials = self.specials | dict(zip(fresh, ids, strict=True))
        return msgspec.structs.replace(self, specials=specials)

    def check(self) -> "Vocabulary":
        """Return this vocabulary if every text can be encoded by it.

        Raises:
            DataError: says which token does not fit.
        """
        ids = [*self.tokens.values(), *self.specials.values()]
        if len(set(ids)) < len(ids):
            raise DataError("two tokens have the same id")
        if any(not 0 <= id_ < MOST_TOKENS for id_ in ids):
            raise DataError(
                f"a token's id is not between 0 and {MOST_TOKENS:,}"
            )
        if b"" in self.tokens or "" in self.specials:
            raise DataError("a token is empty")
        self._check_names()
        if self.kind == "bpe":
            self._check_bytes()
        elif UNKNOWN not in self.tokens:
            raise DataError(f"{UNKNOWN.decode()} is missing")
        return self

    def written(self, token: bytes) -> str:
        """Write an ordinary token as vocabulary files do."""
        if self.kind == "bpe":
            return spell(token)
        return token.decode("utf-8")

    def _check_names(self) -> None:
        """Refuse a special token that is an ordinary one as well."""
        taken = {self.written(token) for token in self.tokens}
        for name in self.specials:
            if name in taken:
                raise DataError(
                    f"the special token {name!r} is an ordinary token "
                    "as well; give it another name, or take it out of "
                    "the text"
                )

    def _check_bytes(self) -> None:
        """Refuse a vocabulary that lacks a byte."""
        missing = set(byte_alphabet()) - self.tokens.keys()
        if missing:
            raise DataError(
                f"{len(missing)} of the 256 bytes have no token, so "
                "not every text can be encoded"
            )
