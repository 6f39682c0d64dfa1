"""The vocabulary that stands at the head of a GGUF model."""

from pathlib import Path
from typing import Any, TypeVar

from hornbook.base.errors import DataError
from hornbook.base.gguf import HEAD_BYTES, read_values
from hornbook.base.tape import Tape
from hornbook.tokenizer.alphabet import unspell
from hornbook.tokenizer.hugging_face import (
    number_merges,
    split_merge,
)
from hornbook.tokenizer.sentence_piece import (
    CONTROL,
    NORMAL,
    UNK,
    UNUSED,
    USER,
    Piece,
    from_pieces,
)
from hornbook.tokenizer.split import PATTERNS
from hornbook.tokenizer.vocabulary import Vocabulary

T = TypeVar("T")


def read_gguf(file: Path) -> Vocabulary:
    """Read the vocabulary of a GGUF model.

    Raises:
        DataError: the file is damaged, or its vocabulary is of a kind
            that is not understood.
    """
    # Read the named values, and what tokenizers share
    with file.open("rb") as whole:
        values, _ = read_values(Tape(whole.read(HEAD_BYTES)))
    family = value_of(values, "model", str)
    tokens = value_of(values, "tokens", list)
    kinds = value_of(values, "token_type", list)
    if len(kinds) != len(tokens):
        raise DataError("it has not one token_type for each token")

    # Read characters with scores, or bytes with merges
    if family == "llama":
        scores = value_of(values, "scores", list)
        if len(scores) != len(tokens):
            raise DataError("it has not one score for each token")
        opens = value_of(values, "add_space_prefix", bool, True)
        pieces = zip(tokens, scores, kinds, strict=True)
        return from_pieces([Piece(*piece) for piece in pieces], opens)
    if family != "gpt2":
        raise DataError(
            f"its tokenizer is of the kind {family!r}; only gpt2 and "
            "llama are understood"
        )
    return byte_pairs(values, tokens, kinds)


def byte_pairs(
    values: dict[str, Any], tokens: list[str], kinds: list[int]
) -> Vocabulary:
    """Make a vocabulary of byte pairs from a model's values.

    Raises:
        DataError: the way it cuts text, or a token, is not known.
    """
    # Find out how text is cut
    name = value_of(values, "pre", str, "")
    if name not in CUTTING:
        raise DataError(
            f"it cuts text as {name!r}; only {', '.join(CUTTING)} are "
            "understood"
        )
    pattern, whole_first, normal = CUTTING[name]

    # Tell ordinary tokens from special ones, and from mere filling
    ordinary: dict[str, int] = {}
    specials: dict[str, int] = {}
    places = {
        NORMAL: ordinary,
        UNK: specials,
        CONTROL: specials,
        USER: specials,
        UNUSED: {},
    }
    for id_, token in enumerate(tokens):
        kind = kinds[id_]
        if kind not in places or token in places[kind]:
            raise DataError(
                f"its token {token!r} is of the unknown kind {kind}, "
                "or stands twice"
            )
        places[kind][token] = id_
    merges = value_of(values, "merges", list)
    return Vocabulary(
        "bpe",
        pattern,
        {unspell(token): id_ for token, id_ in ordinary.items()},
        specials,
        number_merges(map(split_merge, merges), ordinary),
        whole_first,
        "NFC" if normal else "",
    )


def value_of(
    values: dict[str, Any],
    name: str,
    kind: type[T],
    default: T | None = None,
) -> T:
    """Give a value about the tokenizer.

    Raises:
        DataError: it is missing, or of another type.
    """
    found = values.get(f"tokenizer.ggml.{name}", default)
    texts = name in OF_TEXTS
    if not isinstance(found, kind) or (
        isinstance(found, list)
        and any(isinstance(each, str) != texts for each in found)
    ):
        raise DataError(
            f"tokenizer.ggml.{name} is missing, or of another type"
        )
    return found


OF_TEXTS = ("tokens", "merges")
"""The lists that hold texts; the others hold numbers."""
CUTTING = {
    "gpt-2": (PATTERNS["gpt2"], False, False),
    "llama-bpe": (PATTERNS["cl100k"], True, False),
    "qwen2": (PATTERNS["qwen"], False, True),
    "smollm": (PATTERNS["smollm"], False, False),
}
"""How text is cut; whether a piece that is a token is taken whole; and
whether text is composed first: by the name that the file gives it."""
