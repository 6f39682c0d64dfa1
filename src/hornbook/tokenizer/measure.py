"""Numbers about a tokenizer, and the joins that made a word."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from hornbook.base.errors import DataError
from hornbook.tokenizer.split import Splitter, utf8
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tokenizer.words import UNKNOWN


class Fit(msgspec.Struct, frozen=True):
    """How well a vocabulary fits a text."""

    documents: int
    bytes: int
    """Bytes of the text in UTF-8."""
    words: int
    """Stretches of the text without white space."""
    tokens: int
    unknown: int
    """Tokens that are ``<|unk|>``: their text is lost."""
    used: int
    """Distinct tokens that occur at least once."""
    lost_bytes: int = 0
    """Bytes of the text that unknown tokens stand for."""

    @property
    def bytes_per_token(self) -> float:
        """How many bytes a token stands for on average."""
        return self.bytes / max(self.tokens, 1)

    @property
    def lost(self) -> float:
        """The share of tokens whose text is lost."""
        return self.unknown / max(self.tokens, 1)

    @property
    def fertility(self) -> float:
        """How many tokens a word is cut into on average."""
        return self.tokens / max(self.words, 1)


def fit(tok: Tokenizer, texts: Iterable[str]) -> Fit:
    """Measure how well ``tok`` fits ``texts``.

    Raises:
        DataError: half a surrogate pair stands in a text.
    """
    lost = tok.vocabulary.tokens.get(UNKNOWN, -1)
    documents = text_bytes = words = tokens = unknown = missed = 0
    seen = np.zeros(tok.vocab_size, dtype=bool)
    for text in texts:
        ids = tok.encode_array(text)
        documents += 1
        text_bytes += len(utf8(text))
        words += len(text.split())
        tokens += ids.size
        seen[ids] = True
        if lost in ids:
            unknown += int((ids == lost).sum())
            known = len(tok.decode_bytes(ids[ids != lost]))
            missed += len(utf8(text)) - known
    return Fit(
        documents,
        text_bytes,
        words,
        tokens,
        unknown,
        int(seen.sum()),
        missed,
    )


def longest_tokens(
    tok: Tokenizer, n: int = 10
) -> list[tuple[int, str]]:
    """Give the ordinary tokens with the most bytes, and their ids."""
    tokens = tok.vocabulary.tokens
    order = sorted(
        tokens, key=lambda token: (-len(token), tokens[token])
    )
    return [
        (tokens[token], token.decode("utf-8", "replace"))
        for token in order[:n]
    ]


class MergeStep(NamedTuple):
    """One join on the way from a word's bytes to its tokens."""

    rank: int
    """When the join was learned: 0 is the first of all."""
    at: int
    """The place of the left part among the tokens before the join."""
    left: bytes
    right: bytes
    tokens: tuple[bytes, ...]
    """The word after the join."""


def merges_of(tok: Tokenizer, word: str) -> list[MergeStep]:
    """List the joins that turn a word's bytes into its tokens.

    The steps, drawn, are a tree over the word: each joins the parts
    at the places ``at`` and ``at + 1``.

    Raises:
        DataError: the tokenizer has no merges, or cuts the word.
    """
    # Start from the bytes of one piece
    vocabulary = tok.vocabulary
    pieces = Splitter(vocabulary.pattern)(word)
    if vocabulary.kind != "bpe" or len(pieces) != 1:
        raise DataError(
            f"{word!r} is not one piece of a BPE tokenizer; its "
            f"pieces are {pieces}"
        )
    ids = [vocabulary.tokens[bytes((byte,))] for byte in utf8(word)]

    # Join the pair of the lowest rank until no pair joins
    steps: list[MergeStep] = []
    while True:
        ranked = [
            (vocabulary.merges[pair], at)
            for at, pair in enumerate(pairwise(ids))
            if pair in vocabulary.merges
        ]
        if not ranked:
            return steps
        (rank, token), at = min(ranked)
        left, right = (
            tok.token_bytes(ids[at]),
            tok.token_bytes(ids[at + 1]),
        )
        ids[at : at + 2] = [token]
        spelled = tuple(tok.token_bytes(id_) for id_ in ids)
        steps.append(MergeStep(rank, at, left, right, spelled))


def show_pieces(tok: Tokenizer, ids: Sequence[int]) -> list[str]:
    """Give each token as text of its own, parts of characters as �."""
    return [tok.decode([id_]) for id_ in ids]
