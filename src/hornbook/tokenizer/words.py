"""Whole words or characters as tokens: what subwords improve upon.

Both cut the text and give each piece an id. What the training text
did not hold, or held too rarely, has none: it becomes ``<|unk|>``,
and no decoder can say what it was.
"""

from collections.abc import Mapping

UNKNOWN = b"<|unk|>"
"""The token of every piece that the vocabulary lacks."""

CHARACTER = r"[\s\S]"
"""The pattern whose pieces are single characters."""


def learn_words(
    pieces: Mapping[bytes, int], size: int, min_frequency: int
) -> dict[bytes, int]:
    """Give ids to the most frequent pieces, ``<|unk|>`` being first.

    >>> learn_words({b"a": 5, b" hat": 2, b" is": 2}, 3, 0)
    {b'<|unk|>': 0, b'a': 1, b' hat': 2}
    """
    known = [
        piece
        for piece, count in pieces.items()
        if count >= min_frequency and piece != UNKNOWN
    ]
    known.sort(key=lambda piece: (-pieces[piece], piece))
    words = [UNKNOWN, *known[: size - 1]]
    return {word: id_ for id_, word in enumerate(words)}


def encode_word(piece: bytes, tokens: Mapping[bytes, int]) -> list[int]:
    """Give the one id of a piece, known or not."""
    return [tokens.get(piece, tokens[UNKNOWN])]
