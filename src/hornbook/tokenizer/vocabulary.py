"""All that a tokenizer knows, in one value that files can hold."""

import unicodedata
from typing import Literal

import msgspec

from hornbook.base.errors import DataError
from hornbook.tokenizer.alphabet import SPACE, byte_alphabet, spell
from hornbook.tokenizer.bpe import Merges
from hornbook.tokenizer.config import MOST_TOKENS, Kind
from hornbook.tokenizer.words import UNKNOWN

PRINTED = frozenset(bytes((byte,)) for byte in range(32, 127))
"""The bytes that no vocabulary of byte pairs can do without."""


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
    normal: Literal["", "NFC"] = ""
    """The form of Unicode that a text is brought into first."""
    fallback: tuple[int, ...] = ()
    """The ids of the 256 bytes, where merging begins from characters
    and only those without a token are written in bytes."""
    opening: str = ""
    """What is put before every text, and taken off again."""
    system: str = ""
    """What the system says in dialogues that do not begin with it."""

    @property
    def size(self) -> int:
        """One more than the highest id: the rows of an embedding."""
        ids = *self.tokens.values(), *self.specials.values()
        return max((*ids, *self.fallback)) + 1

    @property
    def plain(self) -> bool:
        """Whether it is byte pairs alone, of text as it stands."""
        changed = self.fallback or self.normal
        missing = set(byte_alphabet()) - self.tokens.keys()
        return self.kind == "bpe" and not changed and not missing

    def with_specials(self, names: tuple[str, ...]) -> "Vocabulary":
        """Add the special tokens that are not there yet, at the end."""
        fresh = [name for name in names if name not in self.specials]
        ids = range(self.size, self.size + len(fresh))
        specials = self.specials | dict(zip(fresh, ids, strict=True))
        return msgspec.structs.replace(self, specials=specials)

    def composed(self, text: str) -> str:
        """Bring a text into the form of Unicode that is read here."""
        if self.normal:
            return unicodedata.normalize(self.normal, text)
        return text

    def prepared(self, text: str) -> str:
        """Give the text that is cut into pieces.

        Where merging begins from characters, the sign for a space is
        one, and a space may open the text.
        """
        text = self.composed(text)
        if self.fallback and text:
            text = self.opening + text.replace(SPACE, " ")
        return text

    def letters(self, piece: str) -> list[int]:
        """Give the ids of a piece before any of them join.

        Raises:
            DataError: the vocabulary lacks a byte of the piece.
        """
        data, known = piece.encode("utf-8"), self.tokens
        if self.fallback:
            return [
                id_
                for char in map(str.encode, piece)
                for id_ in (
                    [known[char]]
                    if char in known
                    else [self.fallback[byte] for byte in char]
                )
            ]
        try:
            return [known[bytes((byte,))] for byte in data]
        except KeyError as error:
            raise DataError(
                f"this vocabulary has no token for the byte {error} of "
                f"{piece!r}; take out such characters"
            ) from error

    def check(self) -> "Vocabulary":
        """Return this vocabulary if its parts fit together.

        Raises:
            DataError: says which token does not fit.
        """
        ordinary = [*self.tokens.values(), *self.fallback]
        ids = [*ordinary, *self.specials.values()]
        if not ordinary:
            raise DataError("it holds no token")
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
        if self.fallback:
            return token.decode("utf-8").replace(" ", SPACE)
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
        """Refuse a vocabulary that lacks a byte of plain English.

        Published ones lack some that hardly a text holds.
        """
        if self.fallback:
            if len(self.fallback) != 256:
                raise DataError(
                    f"it has tokens for {len(self.fallback)} bytes, "
                    "not for all 256"
                )
            return
        missing = set(byte_alphabet()) - self.tokens.keys()
        if missing & PRINTED:
            raise DataError(
                f"{len(missing)} of the 256 bytes have no token, so "
                "not every text can be encoded"
            )
