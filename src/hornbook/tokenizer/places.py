"""Where in a text each of its tokens stands."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from jaxtyping import Int64

from hornbook.base.errors import DataError
from hornbook.tokenizer.split import utf8
from hornbook.tokenizer.vocabulary import Vocabulary


def token_places(
    vocabulary: Vocabulary,
    text: str,
    split: Callable[[str], Iterable[str]],
    encode: Callable[[str], list[int]],
    spelled: Mapping[int, bytes],
) -> Int64[np.ndarray, "tokens 2"]:
    """Give where each token begins and ends, in characters.

    ``split`` cuts the text into pieces, ``encode`` gives the ids of
    a piece, and ``spelled`` the bytes of an id.

    Raises:
        DataError: the text is not Unicode, or not in the form that
            the vocabulary brings it into: characters would shift.
    """
    # Cut what the tokens are made of
    prepared = vocabulary.prepared(text)
    opening = len(prepared) - len(text)
    if utf8(text) and vocabulary.normal and prepared != text:
        raise DataError(
            f"the text is not in the form {vocabulary.normal}, which "
            "this vocabulary reads; bring it into that form first"
        )

    # Measure the tokens in bytes
    lengths: list[int] = []
    for piece in split(prepared):
        ids = encode(piece)
        if len(ids) == 1:  # it may be unknown
            lengths.append(len(piece.encode()))
        else:
            lengths += [len(spelled[id_]) for id_ in ids]
    edges = np.cumsum([0, *lengths])

    # Say of which character each byte is, and count in characters
    data = np.frombuffer(prepared.encode(), np.uint8)
    starts = (data & 0xC0) != 0x80
    character = np.cumsum(starts, dtype=np.int64) - 1
    first, last = character[edges[:-1]], character[edges[1:] - 1]
    places = np.stack([first, last + 1], axis=1) - opening
    return places.clip(min=0)
