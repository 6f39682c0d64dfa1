"""The vocabulary at the head of a GGUF model, read and written."""

from pathlib import Path
from typing import Any, TypeVar

from hornbook.base.errors import DataError
from hornbook.base.gguf import HEAD_BYTES, read_values
from hornbook.base.tape import Tape
from hornbook.tokenizer.alphabet import unspell
from hornbook.tokenizer.forms import system_in
from hornbook.tokenizer.hugging_face import (
    number_merges,
    split_merge,
    transformers_settings,
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
        system=system_in(values.get("tokenizer.chat_template", "")),
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


def write_values(vocabulary: Vocabulary, rows: int) -> dict[str, Any]:
    """Give what a model's head says of a vocabulary of byte pairs.

    Ids up to ``rows`` that no token has are named, too.

    Raises:
        DataError: llama.cpp does not cut text so, or joins no pairs.
    """
    # Find the name for the way text is cut
    cuts = (
        vocabulary.pattern,
        vocabulary.whole_first,
        bool(vocabulary.normal),
    )
    named = [name for name, known in CUTTING.items() if known == cuts]
    if vocabulary.kind != "bpe" or vocabulary.fallback or not named:
        raise DataError(
            "this tokenizer cannot be written for llama.cpp, which has "
            "no name for the way it cuts text; byte pairs of the "
            f"patterns of {', '.join(CUTTING)} can be"
        )

    # List the tokens by their ids, and the merges by their ranks
    spelled = {
        id_: vocabulary.written(token)
        for token, id_ in vocabulary.tokens.items()
    }
    special = {id_: name for name, id_ in vocabulary.specials.items()}
    ids = range(max(rows, vocabulary.size))
    merges = vocabulary.merges
    values: dict[str, Any] = {
        "model": "gpt2",
        "pre": named[0],
        "tokens": [
            spelled.get(id_) or special.get(id_) or f"[PAD{id_}]"
            for id_ in ids
        ],
        "token_type": [
            NORMAL
            if id_ in spelled
            else CONTROL
            if id_ in special
            else UNUSED
            for id_ in ids
        ],
        "merges": [
            f"{spelled[left]} {spelled[right]}"
            for left, right in sorted(merges, key=merges.__getitem__)
        ],
        "add_bos_token": False,
    }
    values |= closing(vocabulary)
    return {f"tokenizer.ggml.{name}": v for name, v in values.items()}


def closing(vocabulary: Vocabulary) -> dict[str, int]:
    """Give the ids of the tokens that end and fill a text."""
    told = transformers_settings(vocabulary)
    ids = vocabulary.specials
    if "eos_token" not in told:
        return {}
    end, pad = ids[told["eos_token"]], ids[told["pad_token"]]
    return {
        "bos_token_id": end,
        "eos_token_id": end,
        "padding_token_id": pad,
    }


OF_TEXTS = ("tokens", "merges")
"""The lists that hold texts; the others hold numbers."""

CUTTING = {
    "gpt-2": (PATTERNS["gpt2"], False, False),
    "llama-bpe": (PATTERNS["cl100k"], True, False),
    "dbrx": (PATTERNS["cl100k"], False, False),
    "qwen2": (PATTERNS["qwen"], False, True),
    "smollm": (PATTERNS["smollm"], False, False),
}
"""How text is cut; whether a piece that is a token is taken whole; and
whether text is composed first: by the name that the file gives it."""
