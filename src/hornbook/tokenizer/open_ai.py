"""The files of OpenAI's programs, read and written.

``*.tiktoken`` has tokens with their ranks; GPT-2's pair of files has
ids in one, and merges in the other.
"""

import base64
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hornbook.base.errors import DataError
from hornbook.base.store import digest_bytes, write_bytes, write_json
from hornbook.tokenizer.alphabet import character_bytes, spell, unspell
from hornbook.tokenizer.bpe import Merges, merge_piece
from hornbook.tokenizer.hugging_face import number_merges, split_merge
from hornbook.tokenizer.split import PATTERNS
from hornbook.tokenizer.vocabulary import Vocabulary

END = "<|endoftext|>"

PUBLISHED: dict[str, tuple[str, dict[str, int]]] = {
    "306cd27f03c1a714eca7108e03d66b7d": (
        "gpt2",
        {END: 50256},
    ),
    "223921b76ee99bde995b7ff738513eef": (
        "cl100k",
        {
            END: 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
    "446a9538cb6c348e3516120d7c08b09f": (
        "o200k",
        {END: 199999, "<|endofprompt|>": 200018},
    ),
    "82e9d31979e92ab929cd544440f129d9": (
        "cl100k",  # as Llama 3 has it, too
        {
            "<|begin_of_text|>": 128000,
            "<|end_of_text|>": 128001,
            "<|start_header_id|>": 128006,
            "<|end_header_id|>": 128007,
            "<|eot_id|>": 128009,
        },
    ),
}
"""What a .tiktoken file leaves out, by the start of its digest."""


def read_tiktoken(file: Path, pattern: str | None) -> Vocabulary:
    """Read lines of a token in base64 and its rank, which is its id.

    The file has no merges: any two neighbours join whose bytes are a
    token together. So every way to cut a token in two is a merge.
    """
    # Recognise a published file, for what it leaves out
    data = file.read_bytes()
    name, specials = PUBLISHED.get(digest_bytes(data)[:32], ("", {}))
    pattern = pattern or PATTERNS.get(name)
    if pattern is None:
        raise DataError(
            "a .tiktoken file does not say how text is cut, and this "
            "is none of the published ones; give its pattern"
        )

    # Read the tokens, then find the merges
    tokens: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            written, rank = line.split()
            token = base64.b64decode(written, validate=True)
        except ValueError as error:
            raise not_a_token(number) from error
        if not rank.isdigit() or token in tokens:
            raise not_a_token(number)
        tokens[token] = int(rank)
    merges = rank_merges(tokens)
    return Vocabulary("bpe", pattern, tokens, specials, merges, True)


def not_a_token(line: int) -> DataError:
    """Say which line of a .tiktoken file is wrong."""
    return DataError(
        f"line {line} is not a new token in base64 and its rank"
    )


def rank_merges(tokens: Mapping[bytes, int]) -> Merges:
    """List every way to cut a token in two; its id is its rank."""
    merges: Merges = {}
    for whole, id_ in tokens.items():
        for cut in range(1, len(whole)):
            left = tokens.get(whole[:cut])
            right = tokens.get(whole[cut:])
            if left is not None and right is not None:
                merges[left, right] = id_, id_
    return merges


def read_gpt2(file: Path, pattern: str | None) -> Vocabulary:
    """Read GPT-2's ids and, from the file beside it, its merges.

    A token that is no byte and comes from no merge is a special one.
    """
    # Read the ids, and the merges in their order
    try:
        ids = msgspec.json.decode(
            file.read_bytes(), type=dict[str, int]
        )
    except msgspec.DecodeError as error:
        raise DataError(str(error)) from error
    beside = file.with_name(MERGES_BESIDE[file.name])
    lines = beside.read_text(encoding="utf-8").split("\n")
    pairs = [
        split_merge(line)
        for line in lines
        if line and not line.startswith("#version")
    ]

    # Tell ordinary tokens from special ones
    joined = {left + right for left, right in pairs}
    joined |= character_bytes().keys()
    unmade = [name for name in ids if name not in joined]
    for name in unmade:
        if not (name.startswith(OPENS) and name.endswith(CLOSES)):
            raise DataError(
                f"the token {name!r} comes from no merge of "
                f"{beside.name}, which may be cut short"
            )
    plain = {name: ids[name] for name in ids if name in joined}
    return Vocabulary(
        "bpe",
        pattern or PATTERNS["gpt2"],
        {unspell(name): id_ for name, id_ in plain.items()},
        {name: ids[name] for name in unmade},
        number_merges(pairs, plain),
    )


def write_tiktoken(vocabulary: Vocabulary, folder: Path) -> None:
    """Write the ranks of ordinary tokens, and nothing else.

    Raises:
        DataError: joining by rank would give other ids.
    """
    # Refuse what the file cannot say
    need_byte_pairs(vocabulary, "tiktoken")
    tokens, merges = vocabulary.tokens, vocabulary.merges
    made = [id_ for _, id_ in sorted(merges.values())]
    if made != sorted(made) or not all_reached(vocabulary):
        raise DataError(
            "in a .tiktoken file the token with the lowest id joins "
            "first, out of any two that make it up; the merges of this "
            "vocabulary are others, so save it as tokenizer.json"
        )

    # Write a line for each token
    ranked = sorted(tokens, key=lambda token: tokens[token])
    lines = [
        b"%s %d\n" % (base64.b64encode(token), tokens[token])
        for token in ranked
    ]
    write_bytes(folder / "tokenizer.tiktoken", b"".join(lines))


def all_reached(vocabulary: Vocabulary) -> bool:
    """Tell whether the bytes of each token join into that token.

    Then it is the same which pairs may make it up: nothing that joins
    inside a token can be in the way of its own merge.
    """
    tokens, merges = vocabulary.tokens, vocabulary.merges
    return all(
        merge_piece([tokens[bytes((b,))] for b in token], merges)
        == [id_]
        for token, id_ in tokens.items()
    )


def write_gpt2(vocabulary: Vocabulary, folder: Path) -> None:
    """Write the ids of all tokens, and the merges in their order.

    Raises:
        DataError: the files cannot say how this vocabulary joins.
    """
    # Refuse what the files cannot say
    need_byte_pairs(vocabulary, "gpt2")
    if vocabulary.whole_first or vocabulary.pattern != PATTERNS["gpt2"]:
        raise DataError(
            "GPT-2's files mean GPT-2's pattern, and that every token "
            "comes from merges; save this one as tokenizer.json"
        )

    # Write both files
    names = {
        id_: spell(token) for token, id_ in vocabulary.tokens.items()
    }
    ids = {name: id_ for id_, name in names.items()}
    merges = vocabulary.merges
    ranked = sorted(merges, key=lambda pair: merges[pair])
    lines = [f"{names[left]} {names[right]}" for left, right in ranked]
    text = "\n".join(["#version: 0.2", *lines, ""])
    write_json(folder / "encoder.json", ids | vocabulary.specials)
    write_bytes(folder / "vocab.bpe", text.encode())


def need_byte_pairs(vocabulary: Vocabulary, format: str) -> None:
    """Refuse what is no plain byte-level BPE.

    Raises:
        DataError: names the format that cannot hold it.
    """
    if not vocabulary.plain:
        raise DataError(
            f"the format {format} holds byte pairs alone; save this "
            "vocabulary as tokenizer.json"
        )


OPENS, CLOSES = ("<", "["), (">", "]")
"""How the names of special tokens begin and end in these files."""

MERGES_BESIDE = {
    "encoder.json": "vocab.bpe",
    "vocab.json": "merges.txt",
}
"""The file of merges that belongs to a file of ids."""
