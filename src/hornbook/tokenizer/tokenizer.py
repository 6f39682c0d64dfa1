"""The tokenizer: text to ids and back, by a vocabulary."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64, UInt32

from hornbook.base.errors import DataError
from hornbook.base.store import digest_bytes, write_bytes, write_json
from hornbook.tokenizer.bpe import merge_piece
from hornbook.tokenizer.config import (
    ENDS,
    PAD,
    SPECIALS,
    Kind,
    TokenizerConfig,
)
from hornbook.tokenizer.exchange import (
    read_vocabulary,
    write_vocabulary,
)
from hornbook.tokenizer.forms import FORMS
from hornbook.tokenizer.gguf import write_values
from hornbook.tokenizer.hugging_face import (
    format_tokenizer_json,
    transformers_settings,
)
from hornbook.tokenizer.places import token_places
from hornbook.tokenizer.split import Splitter, utf8
from hornbook.tokenizer.train import checked, thread_count, train
from hornbook.tokenizer.vocabulary import Vocabulary
from hornbook.tokenizer.words import encode_word

if TYPE_CHECKING:
    from hornbook.tokenizer.encoder import Encoder

__all__ = ["SPECIALS", "Tokenizer"]

CACHED_PIECES = 1 << 18
"""How many pieces a tokenizer remembers before it forgets them all."""

CACHED_LENGTH = 64
"""Pieces with more characters than this are not remembered."""

PATIENCE = 1 << 16
"""After so many characters, machine code encodes."""


class PieceCache(dict[str, list[int]]):
    """Remembers the ids of pieces: most of a text is repetition."""

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        self._encode = encode

    def __missing__(self, piece: str) -> list[int]:
        """Encode a new piece, and keep it if there is room."""
        ids = self._encode(piece)
        if len(piece) <= CACHED_LENGTH:
            if len(self) >= CACHED_PIECES:
                self.clear()
            self[piece] = ids
        return ids


class Tokenizer:
    """Turns text into ids and ids into text.

    >>> tok = Tokenizer.train(["a hat, a hat"], vocab_size=260)
    >>> tok.decode(tok.encode("a hat")), tok.vocab_size
    ('a hat', 260)
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.specials = dict(vocabulary.specials)
        self.vocab_size = vocabulary.size
        self._encoder: Encoder | None = None
        self._patience = PATIENCE
        self._split = Splitter(vocabulary.pattern)
        self._opening = vocabulary.opening.encode()
        self._pieces = PieceCache(self._encode_piece)
        self._bytes = {i: t for t, i in vocabulary.tokens.items()}
        self._bytes |= {i: n.encode() for n, i in self.specials.items()}
        self._bytes |= {
            id_: bytes((byte,))
            for byte, id_ in enumerate(vocabulary.fallback)
        }

    def __repr__(self) -> str:
        """Name the kind and the size."""
        kind = self.vocabulary.kind
        return f"Tokenizer(kind={kind!r}, vocab_size={self.vocab_size})"

    @classmethod
    def train(
        cls,
        texts: Iterable[str | Path],
        vocab_size: int = 4096,
        pattern: str = "cl100k",
        special_tokens: Iterable[str] = ("<|end|>",),
        kind: Kind = "bpe",
        min_frequency: int = 0,
        threads: int | None = None,
        max_token_bytes: int = 0,
    ) -> "Tokenizer":
        """Learn a vocabulary from texts.

        In the place of a text may stand a ``Path``: each line of that
        file is a text, so that no token spans two lines.
        ``vocab_size`` counts bytes and special tokens; these come
        last. Pieces are counted on ``threads``, by default one for
        each core; the result does not depend on them.

        Raises:
            RecipeError: an argument is not possible.
            DataError: the texts cannot be learned from.
        """
        config = TokenizerConfig(
            vocab_size=vocab_size,
            pattern=pattern,
            kind=kind,
            min_frequency=min_frequency,
            max_token_bytes=max_token_bytes,
            special_tokens=tuple(special_tokens),
        )
        return cls(train(texts, config, threads))

    @classmethod
    def load(
        cls,
        path: Path | str,
        pattern: str | None = None,
        special_tokens: Iterable[str] | None = None,
    ) -> "Tokenizer":
        """Read a tokenizer from a folder or a file.

        Formats: tokenizer.json, *.tiktoken, encoder.json with
        vocab.bpe, SentencePiece's *.model, llama2.c's tok*.bin, *.gguf.
        A .tiktoken file that is not a published one needs its
        ``pattern``; ``special_tokens`` are added to the file's.

        Raises:
            CorruptFileError: the file is damaged.
            DataError: there is no tokenizer of a known format.
        """
        return cls(read_vocabulary(Path(path), pattern, special_tokens))

    def save(self, folder: Path | str, format: str = "hf") -> None:
        """Write the folder that Hugging Face's packages open too.

        ``format`` may also be ``tiktoken`` or ``gpt2``: the files that
        OpenAI's programs read.

        Raises:
            DataError: the format is unknown, or cannot hold this.
        """
        folder = Path(folder)
        if format != "hf":
            write_vocabulary(self.vocabulary, folder, format)
            return
        write_bytes(folder / "tokenizer.json", self._file)
        write_json(
            folder / "tokenizer_config.json",
            transformers_settings(self.vocabulary),
        )

    def gguf_values(self, rows: int) -> dict[str, Any]:
        """Give what a GGUF model of so many rows says of this.

        Raises:
            DataError: llama.cpp has no such tokenizer.
        """
        return write_values(self.vocabulary, rows)

    def encode(
        self, text: str, specials: Iterable[str] = ()
    ) -> list[int]:
        """Give the ids of ``text``.

        What looks like a special token is text as well, unless it is
        named in ``specials``.

        Raises:
            DataError: half a surrogate pair stands in the text, or a
                special token is not of this tokenizer.
        """
        if specials == ():
            return self._encode_text(text)
        names = sorted(specials, key=len, reverse=True)
        if not names:
            return self._encode_text(text)
        ids = {name: self.special(name) for name in names}
        parts = re.split(f"({'|'.join(map(re.escape, names))})", text)
        encoded: list[int] = []
        for place, part in enumerate(parts):
            if place % 2:
                encoded.append(ids[part])
            else:
                encoded += self._encode_text(part)
        return encoded

    def encode_array(self, text: str) -> UInt32[np.ndarray, "tokens"]:
        """Give the ids of ``text`` as an array."""
        encoder = self._fast(len(text))
        if encoder is not None:
            return encoder.encode_array(text)
        return np.array(self._encode_text(text), dtype=np.uint32)

    def encode_batch(
        self, texts: Iterable[str], threads: int | None = None
    ) -> list[UInt32[np.ndarray, "tokens"]]:
        """Give the ids of each text as an array.

        ``threads`` encode side by side, by default one for each core;
        but a pattern that is not a published one needs Python's lock.
        """
        return [ids for ids, _ in self.encode_stream(texts, threads)]

    def encode_stream(
        self, texts: Iterable[str], threads: int | None = None
    ) -> Iterator[tuple[UInt32[np.ndarray, "tokens"], int]]:
        """Give the ids of each text, and its bytes in UTF-8.

        Texts are taken as they are needed, a few ahead.
        """
        checked(texts)
        threads = thread_count(threads)
        encoder = self._fast(PATIENCE)
        if encoder is not None:
            yield from encoder.encode_stream(texts, threads)
            return
        for text in texts:
            yield self.encode_array(text), len(utf8(text))

    def offsets(self, text: str) -> Int64[np.ndarray, "tokens 2"]:
        """Give the first character of each token, and the one after.

        A row belongs to each id of ``encode(text)``. A character that
        is shared by several tokens is in all of them.

        Raises:
            DataError: half a surrogate pair stands in the text, or it
                is not in the form that this vocabulary brings it into.
        """
        return token_places(
            self.vocabulary,
            text,
            self._split,
            self._pieces.__getitem__,
            self._bytes,
        )

    def decode(
        self, ids: Iterable[int], errors: str = "replace"
    ) -> str:
        """Give the text of ``ids``.

        ``errors`` says what becomes of bytes that are not UTF-8: some
        tokens are parts of a character. Special tokens show as names.

        Raises:
            DataError: an id is not in the vocabulary.
        """
        return self.decode_bytes(ids).decode("utf-8", errors)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Give the bytes of ``ids``, without a space that opens them
        if the vocabulary puts one before every text.

        Raises:
            DataError: an id is not in the vocabulary.
        """
        return self._joined(ids).removeprefix(self._opening)

    def token_bytes(self, id_: int) -> bytes:
        """Give the bytes of one token.

        Raises:
            DataError: the id is not in the vocabulary.
        """
        return self._joined([id_])

    def _joined(self, ids: Iterable[int]) -> bytes:
        """Give the bytes of ``ids`` as they stand in the table."""
        table = self._bytes
        try:
            return b"".join([table[id_] for id_ in plain_ids(ids)])
        except KeyError as error:
            raise DataError(
                f"there is no token with the id {error}; this "
                f"vocabulary has ids from 0 to {self.vocab_size - 1:,}"
            ) from error

    def special(self, name: str) -> int:
        """Give the id of a special token.

        Raises:
            DataError: this tokenizer has no such token.
        """
        if name not in self.specials:
            raise DataError(
                f"this tokenizer has no special token {name!r}; it has "
                f"{', '.join(self.specials) or 'none'}"
            )
        return self.specials[name]

    @property
    def end(self) -> int:
        """The id of the token that ends a document or a message."""
        found = [name for name in ENDS if name in self.specials]
        return self.special(found[0] if found else ENDS[0])

    @property
    def pad(self) -> int:
        """The id of the token that fills a row up: it means nothing."""
        return self.specials.get(PAD, self.end)

    @property
    def ends(self) -> set[int]:
        """The ids of all tokens with which a model stops."""
        closing = (*ENDS, *(form.end for form in FORMS.values()))
        names = self.specials.keys() & set(closing)
        return {self.specials[name] for name in names}

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the tokenizer's file: its identity."""
        return digest_bytes(self._file)

    @cached_property
    def _file(self) -> bytes:
        """What tokenizer.json holds."""
        return format_tokenizer_json(self.vocabulary)

    def _encode_text(self, text: str) -> list[int]:
        """Give the ids of a text without special tokens."""
        encoder = self._fast(len(text))
        if encoder is not None:
            return encoder.encode(text)
        ids = self._pieces.__getitem__
        pieces = self._split(self.vocabulary.prepared(text))
        try:
            return list(chain.from_iterable(map(ids, pieces)))
        except UnicodeEncodeError:
            utf8(text)
            raise

    def _fast(self, characters: int) -> "Encoder | None":
        """Give the encoder in machine code, once there is enough text.

        A few short texts are encoded sooner than it is loaded.
        """
        if self._encoder is None and self._patience > 0:
            self._patience -= characters
            if self._patience <= 0:
                self._encoder = fast_encoder(self.vocabulary)
        return self._encoder

    def _encode_piece(self, piece: str) -> list[int]:
        """Give the ids of one piece."""
        data, known = piece.encode("utf-8"), self.vocabulary.tokens
        if self.vocabulary.kind != "bpe":
            return encode_word(data, known)
        if self.vocabulary.whole_first and data in known:
            return [known[data]]
        word = self.vocabulary.letters(piece)
        return merge_piece(word, self.vocabulary.merges)


def fast_encoder(vocabulary: Vocabulary) -> "Encoder | None":
    """Give the encoder in machine code, if the pattern has one."""
    if not vocabulary.plain:
        return None
    from hornbook.tokenizer.encoder import Encoder
    from hornbook.tokenizer.scan import rules_of

    rules = rules_of(vocabulary.pattern)
    return None if rules is None else Encoder(vocabulary, rules)


def plain_ids(ids: Iterable[int]) -> list[int]:
    """Turn any sequence or array of whole numbers into a list.

    Raises:
        DataError: they are not whole numbers in one row.
    """
    array = np.asarray(ids if hasattr(ids, "__len__") else list(ids))
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise DataError(
            "token ids must be one row of whole numbers, not an array "
            f"of type {array.dtype} and shape {array.shape}"
        )
    plain: list[int] = array.tolist()
    return plain
