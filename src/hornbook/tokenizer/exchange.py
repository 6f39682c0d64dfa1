"""Vocabularies as files: ours, Hugging Face's, OpenAI's.

``tokenizer.json`` is written and read; ``*.tiktoken`` and GPT-2's pair
of files are read. Whatever a file says is checked before it is used.
"""

import base64
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from hornbook.base.errors import (
    CorruptFileError,
    DataError,
    HornbookError,
)
from hornbook.base.store import digest_bytes
from hornbook.tokenizer.alphabet import character_bytes, unspell
from hornbook.tokenizer.bpe import Merges
from hornbook.tokenizer.hugging_face import (
    number_merges,
    parse_tokenizer_json,
    split_merge,
)
from hornbook.tokenizer.split import PATTERNS, Splitter
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
}
"""What a .tiktoken file leaves out, by the start of its digest."""


def read_vocabulary(
    path: Path,
    pattern: str | None = None,
    special_tokens: Iterable[str] | None = None,
) -> Vocabulary:
    """Read a vocabulary from a folder or from one of its files.

    ``pattern`` replaces the file's own, and ``special_tokens`` that
    it lacks come after its last id.

    Raises:
        CorruptFileError: the file is damaged or contradicts itself.
        DataError: there is no vocabulary of a known format.
    """
    file = find_file(path)
    read = reader_of(file)
    if pattern is not None:
        pattern = Splitter(pattern).pattern
    try:
        vocabulary = read(file, pattern)
        Splitter(vocabulary.pattern)
        vocabulary.check()
    except OSError as error:
        raise CorruptFileError(
            f"{error.filename} cannot be read: {error.strerror}"
        ) from error
    except (HornbookError, UnicodeError) as error:
        raise CorruptFileError(
            f"{file} is no tokenizer that Hornbook can use: {error}"
        ) from error
    return vocabulary.with_specials(tuple(special_tokens or ())).check()


def find_file(path: Path) -> Path:
    """Find the file that holds the vocabulary of ``path``.

    Raises:
        DataError: nothing is there, or only what is not read yet.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError(
            f"there is no tokenizer at {path}; give a folder or a file "
            "such as tokenizer.json"
        )
    for name in FORMATS:
        found = sorted(path.glob(name))
        if found:
            return found[0]
    raise DataError(
        f"the folder {path} holds no tokenizer: neither tokenizer.json "
        "nor a .tiktoken file nor encoder.json with vocab.bpe"
    )


def reader_of(file: Path) -> "Reader":
    """Choose the reader by the file's name.

    Raises:
        DataError: this format is not read.
    """
    for name, reader in FORMATS.items():
        if file.match(name) and reader is not None:
            return reader
    if file.suffix == ".json":
        return read_tokenizer_json
    raise DataError(
        f"{file}: Hornbook does not read tokenizers in the format "
        f"{file.suffix or file.name}; convert it to tokenizer.json "
        "with the package transformers"
    )


def read_tokenizer_json(file: Path, pattern: str | None) -> Vocabulary:
    """Read the format of the package ``tokenizers``."""
    vocabulary = parse_tokenizer_json(file.read_bytes())
    return msgspec.structs.replace(
        vocabulary, pattern=pattern or vocabulary.pattern
    )


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
            token, rank = line.split()
            tokens[base64.b64decode(token, validate=True)] = int(rank)
        except ValueError as error:
            raise DataError(
                f"line {number} is not a token in base64 and its rank"
            ) from error
    merges: Merges = {}
    for whole, id_ in tokens.items():
        for cut in range(1, len(whole)):
            left = tokens.get(whole[:cut])
            right = tokens.get(whole[cut:])
            if left is not None and right is not None:
                merges[left, right] = id_, id_
    return Vocabulary("bpe", pattern, tokens, specials, merges, True)


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
    plain = {name: ids[name] for name in ids if name in joined}
    return Vocabulary(
        "bpe",
        pattern or PATTERNS["gpt2"],
        {unspell(name): id_ for name, id_ in plain.items()},
        {name: ids[name] for name in ids if name not in joined},
        number_merges(pairs, plain),
    )


MERGES_BESIDE = {
    "encoder.json": "vocab.bpe",
    "vocab.json": "merges.txt",
}
"""The file of merges that belongs to a file of ids."""

Reader = Callable[[Path, str | None], Vocabulary]

FORMATS: dict[str, Reader | None] = {
    "tokenizer.json": read_tokenizer_json,
    "*.tiktoken": read_tiktoken,
    "encoder.json": read_gpt2,
    "vocab.json": read_gpt2,
    "*.model": None,
    "*.gguf": None,
}
"""How each file is read; what is known by name only has no reader."""
