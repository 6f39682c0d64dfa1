"""The vocabulary at the head of a GGUF model, read and written."""

from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

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
    vocabulary = byte_pairs(values, tokens, kinds)
    template = values.get("tokenizer.chat_template", "")
    return replace(vocabulary, system=system_in(template))


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


def write_values(vocabulary: Vocabulary, rows: int) -> dict[str, Any]:
    """Give what a model's head says of a vocabulary of byte pairs.

    Ids up to ``rows`` that no token has are named, too.

    Raises:
        DataError: llama.cpp does not cut text so, or joins no pairs.
    """
    # List the tokens by their ids, and the merges by their ranks
    told = transformers_settings(vocabulary)
    spelled = {
        id_: vocabulary.written(token)
        for token, id_ in vocabulary.tokens.items()
    }
    tokens, kinds = listed(vocabulary, spelled, rows)
    merges = vocabulary.merges
    values: dict[str, Any] = {
        "model": "gpt2",
        "pre": cutting_of(vocabulary),
        "tokens": tokens,
        "token_type": kinds,
        "merges": [
            f"{spelled[left]} {spelled[right]}"
            for left, right in sorted(merges, key=merges.__getitem__)
        ],
        "add_bos_token": False,
        **closing(vocabulary, told),
    }
    found = {f"tokenizer.ggml.{name}": v for name, v in values.items()}
    if "chat_template" in told:
        found["tokenizer.chat_template"] = told["chat_template"]
    return found


def cutting_of(vocabulary: Vocabulary) -> str:
    """Name the way in which a vocabulary of byte pairs cuts text.

    Raises:
        DataError: it has no name, or joins no pairs of bytes.
    """
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
    return named[0]


def listed(
    vocabulary: Vocabulary, spelled: dict[int, str], rows: int
) -> tuple[list[str], list[int]]:
    """List all tokens by their ids, and of which kind each is."""
    special = {id_: name for name, id_ in vocabulary.specials.items()}
    tokens, kinds = [], []
    for id_ in range(max(rows, vocabulary.size)):
        name = spelled.get(id_) or special.get(id_)
        kind = NORMAL if id_ in spelled else CONTROL
        tokens.append(name or f"[PAD{id_}]")
        kinds.append(kind if name else UNUSED)
    return tokens, kinds


def closing(
    vocabulary: Vocabulary, told: dict[str, Any]
) -> dict[str, int]:
    """Give the ids of the tokens that end and fill a text."""
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
