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
    pieces: Mapping[bytes, int], size: int, least: int, longest: int
) -> dict[bytes, int]:
    """Give ids to the most frequent pieces, ``<|unk|>`` being first.

    Those that occur less often than ``least`` or have more bytes than
    the ``longest`` get none.

    >>> learn_words({b"a": 5, b" hat": 2, b" is": 2}, 3, 0, 9)
    {b'<|unk|>': 0, b'a': 1, b' hat': 2}
    """
    known = [
        piece
        for piece, count in pieces.items()
        if count >= least
        and len(piece) <= longest
        and piece != UNKNOWN
    ]
    known.sort(key=lambda piece: (-pieces[piece], piece))
    words = [UNKNOWN, *known[: size - 1]]
    return {word: id_ for id_, word in enumerate(words)}


def encode_word(piece: bytes, tokens: Mapping[bytes, int]) -> list[int]:
    """Give the one id of a piece, known or not."""
    return [tokens.get(piece, tokens[UNKNOWN])]
