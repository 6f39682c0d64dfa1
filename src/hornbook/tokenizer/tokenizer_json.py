"""The parts of a tokenizer.json that are understood, as types.

They mean a byte-level BPE, a list of words, or what a SentencePiece
model became. A file with anything else in it is refused, since ids
that differ in silence would be worse.
"""

from typing import Any, Literal

import msgspec

from hornbook.tokenizer.alphabet import SPACE


class AddedToken(msgspec.Struct):
    """A special token: found in text before anything else is."""

    id: int
    content: str
    single_word: Literal[False] = False
    lstrip: Literal[False] = False
    rstrip: Literal[False] = False
    normalized: bool = False
    special: bool = True


class ByteLevel(msgspec.Struct, tag=True):
    """Spells bytes; with ``use_regex``, it first cuts as GPT-2 did."""

    add_prefix_space: Literal[False] = False
    trim_offsets: bool = True
    use_regex: bool = True


class Regex(msgspec.Struct):
    """A pattern, as the format wraps it."""

    Regex: str


class Split(msgspec.Struct, tag=True):
    """Cuts at every match and keeps matches and gaps as pieces."""

    pattern: Regex
    behavior: Literal["Isolated"] = "Isolated"
    invert: Literal[False] = False


class Digits(msgspec.Struct, tag=True):
    """Cuts at every digit."""

    individual_digits: Literal[True]


class Sequence(msgspec.Struct, tag=True):
    """One step after the other."""

    pretokenizers: list[Split | ByteLevel | Digits]


class Nfc(msgspec.Struct, tag="NFC"):
    """Brings text into the composed form of Unicode."""


class Prepend(msgspec.Struct, tag=True):
    """Puts a sign before every text."""

    prepend: Literal["▁"] = "▁"


class Text(msgspec.Struct):
    """A text, as the format wraps it."""

    String: str


class Replace(msgspec.Struct, tag=True):
    """Puts one text in the place of another."""

    pattern: Text
    content: str


class Normalizers(msgspec.Struct, tag="Sequence"):
    """One change of the text after the other."""

    normalizers: list[Prepend | Replace]


class Bpe(msgspec.Struct, tag="BPE"):
    """Byte-pair encoding: tokens, and merges in their order."""

    vocab: dict[str, int]
    merges: list[tuple[str, str] | str]
    dropout: None = None
    unk_token: str | None = None
    continuing_subword_prefix: Literal[""] | None = None
    end_of_word_suffix: Literal[""] | None = None
    fuse_unk: bool = False
    byte_fallback: bool = False
    ignore_merges: bool = False


class WordLevel(msgspec.Struct, tag=True):
    """One id for each piece."""

    vocab: dict[str, int]
    unk_token: str


class TokenizerFile(msgspec.Struct):
    """A tokenizer.json."""

    version: str
    truncation: Any
    padding: Any
    added_tokens: list[AddedToken]
    normalizer: Nfc | Normalizers | None
    pre_tokenizer: Split | ByteLevel | Sequence | None
    post_processor: Any
    decoder: Any
    model: Bpe | WordLevel


SPACED: list[Prepend | Replace] = [
    Prepend(),
    Replace(Text(" "), SPACE),
]
"""What a SentencePiece model does to a text before it reads it."""
