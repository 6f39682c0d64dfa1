"""Vocabularies as files: ours and those of other programs.

A format is found by the file's name. Whatever a file says is checked
before it is used.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from hornbook.base.errors import (
    CorruptFileError,
    DataError,
    HornbookError,
)
from hornbook.tokenizer.config import TokenizerConfig
from hornbook.tokenizer.forms import system_in
from hornbook.tokenizer.gguf import read_gguf
from hornbook.tokenizer.hugging_face import parse_tokenizer_json
from hornbook.tokenizer.open_ai import (
    read_gpt2,
    read_tiktoken,
    write_gpt2,
    write_tiktoken,
)
from hornbook.tokenizer.sentence_piece import read_llama2c
from hornbook.tokenizer.sentence_piece import (
    read_model as read_sentence_piece,
)
from hornbook.tokenizer.split import Splitter
from hornbook.tokenizer.vocabulary import Vocabulary


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
    names = tuple(special_tokens or ())
    TokenizerConfig(special_tokens=names).check()
    return vocabulary.with_specials(names).check()


def find_file(path: Path) -> Path:
    """Find the file that holds the vocabulary of ``path``.

    Raises:
        DataError: nothing is there, or only what is not read yet.
    """
    try:
        there = path.exists()
    except (OSError, ValueError):
        there = False
    if there and path.is_file():
        return path
    if not there or not path.is_dir():
        raise DataError(
            f"there is no tokenizer at {path}; give a folder or a file "
            "such as tokenizer.json"
        )
    for name in FORMATS:
        found = sorted(path.glob(name))
        if found:
            return found[0]
    raise DataError(
        f"the folder {path} holds no tokenizer: none of "
        + ", ".join(FORMATS)
    )


def reader_of(file: Path) -> "Reader":
    """Choose the reader by the file's name.

    Raises:
        DataError: this format is not read.
    """
    for name, reader in FORMATS.items():
        if file.match(name):
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
        vocabulary,
        pattern=pattern or vocabulary.pattern,
        system=system_in(read_template(file.parent)),
    )


def read_template(folder: Path) -> object:
    """Give the template of dialogues that stands beside a tokenizer.

    Raises:
        DataError: the settings of the tokenizer are damaged.
    """
    apart, settings = (folder / name for name in TEMPLATES)
    if apart.is_file():
        return apart.read_text(encoding="utf-8")
    if not settings.is_file():
        return ""
    try:
        told = json.loads(settings.read_text(encoding="utf-8"))
        return told.get("chat_template") or ""
    except (AttributeError, RecursionError, ValueError) as error:
        raise DataError(f"{settings.name}: {error}") from error


def read_model(file: Path, pattern: str | None) -> Vocabulary:
    """Read a *.model: SentencePiece's, or ranks under that name.

    Every model of SentencePiece begins with the number of its first
    field; no line of base64 begins so.
    """
    with file.open("rb") as opened:
        ours = opened.read(1) == b"\n"
    if ours:
        return with_own_pattern(read_sentence_piece)(file, pattern)
    return read_tiktoken(file, pattern)


def with_own_pattern(
    read: Callable[[Path], Vocabulary],
) -> "Reader":
    """Make a reader of a format that says how text is cut.

    Raises:
        DataError: another pattern is asked for.
    """

    def reader(file: Path, pattern: str | None) -> Vocabulary:
        if pattern is not None:
            raise DataError(
                "it says itself how text is cut; leave the pattern out"
            )
        return read(file)

    return reader


def write_vocabulary(
    vocabulary: Vocabulary, folder: Path, format: str
) -> None:
    """Write a vocabulary into the files of another program.

    Raises:
        DataError: the format is unknown, or cannot hold it.
    """
    if format not in WRITERS:
        raise DataError(
            f"there is no format {format!r} for a tokenizer; known "
            f"are hf, {', '.join(WRITERS)}"
        )
    WRITERS[format](vocabulary, folder)


TEMPLATES = ("chat_template.jinja", "tokenizer_config.json")
"""Where transformers keeps the template, newer first."""

Reader = Callable[[Path, str | None], Vocabulary]

FORMATS: dict[str, Reader] = {
    "tokenizer.json": read_tokenizer_json,
    "*.tiktoken": read_tiktoken,
    "encoder.json": read_gpt2,
    "vocab.json": read_gpt2,
    "*.model": read_model,
    "*.gguf": with_own_pattern(read_gguf),
    "tok*.bin": with_own_pattern(read_llama2c),
}
"""How each file is read; in a folder, the first that is there."""

WRITERS = {"tiktoken": write_tiktoken, "gpt2": write_gpt2}
"""How other programs' files are written; ``hf`` is our own form."""
