"""Token shards: a corpus as one long row of ids on disk.

``NAME.bin`` holds the ids alone, little-endian, so that it can be
mapped into memory and read at any place. ``NAME.idx`` holds where each
document starts, in tokens and in bytes of text. ``NAME.json`` says
what the two must look like; it is written last, and without it there
is no shard.
"""

import os
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from jaxtyping import Int64, UInt

from hornbook.base.console import console
from hornbook.base.errors import CorruptFileError, DataError
from hornbook.base.store import (
    digest_bytes,
    digest_file,
    disk_errors,
    read_json,
    write_bytes,
    write_json,
)
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tokenizer.words import UNKNOWN

Count = Annotated[int, msgspec.Meta(ge=1)]

OFFSET = np.dtype("<i8")
AGAIN = "make it again with 'hornbook tokenize RUN --force'"


class ShardInfo(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True
):
    """What a shard holds, and what its files must add up to."""

    dtype: Literal["<u2", "<u4"]
    """The type of one id."""
    tokens: Count
    """Ids in the shard, with one ``<|end|>`` for each document."""
    documents: Count
    bytes: int
    """Bytes of the documents' texts in UTF-8."""
    digest: str
    """The SHA-256 of the ids."""
    offsets_digest: str
    """The SHA-256 of the places where documents start."""
    tokenizer: str
    """The digest of the tokenizer that made the ids."""
    vocab_size: int


def write_shard(
    path: Path, documents: Iterable[str], tok: Tokenizer
) -> ShardInfo:
    """Encode documents into a shard; each is followed by ``<|end|>``.

    A shard that stood there before stays until this one is whole.

    Raises:
        DataError: there is no document, or one is not Unicode.
        DiskError: the disk is full.
    """
    # Write the ids under another name
    ids_file, offsets_file, info_file = shard_files(path)
    fresh = ids_file.with_name(f".{ids_file.name}.new")
    try:
        with disk_errors(ids_file):
            fresh.parent.mkdir(parents=True, exist_ok=True)
            starts = write_ids(fresh, documents, tok)
            digest = digest_file(fresh)
            # From here to the end there is no shard
            info_file.unlink(missing_ok=True)
            os.replace(fresh, ids_file)
    finally:
        fresh.unlink(missing_ok=True)

    # Describe them, and so make them valid
    table = np.array(starts, OFFSET).tobytes()
    write_bytes(offsets_file, table)
    tokens, text_bytes = starts[-1]
    info = ShardInfo(
        dtype=id_type(tok),
        tokens=tokens,
        documents=len(starts) - 1,
        bytes=text_bytes,
        digest=digest,
        offsets_digest=digest_bytes(table),
        tokenizer=tok.digest,
        vocab_size=tok.vocab_size,
    )
    write_json(info_file, msgspec.to_builtins(info))
    return info


def write_ids(
    file: Path, documents: Iterable[str], tok: Tokenizer
) -> list[tuple[int, int]]:
    """Write ids; give where documents start, in tokens and in bytes.

    Raises:
        DataError: there is no document, or one is not Unicode.
    """
    dtype, end = np.dtype(id_type(tok)), np.uint32(tok.end)
    starts = [(0, 0)]
    total = len(documents) if isinstance(documents, Sized) else None
    with (
        file.open("wb") as ids,
        console.progress("encoding", total, "documents") as bar,
    ):
        for row, length in tok.encode_stream(documents):
            ids.write(np.append(row, end).astype(dtype).tobytes())
            token, byte = starts[-1]
            starts.append((token + row.size + 1, byte + length))
            bar.advance()
        ids.flush()
        os.fsync(ids.fileno())
    if len(starts) == 1:
        raise DataError("there is no document to make a shard of")
    return starts


@dataclass(frozen=True)
class TokenShard:
    """A shard opened for reading; its ids stay on disk until used."""

    path: Path
    info: ShardInfo
    tokens: UInt[np.ndarray, "tokens"]
    """All ids in a row, mapped from the file."""
    offsets: Int64[np.ndarray, "documents+1"]
    """Where each document starts, and where the last one ends."""
    document_bytes: Int64[np.ndarray, "documents"]
    """The length of each document's text in UTF-8."""
    tok: Tokenizer | None = None
    """What encoded it, where that was given."""

    @classmethod
    def open(
        cls, path: Path, tok: Tokenizer | None = None
    ) -> "TokenShard":
        """Open the shard ``path``, after checking that it is whole.

        With ``tok``, the shard must have been made by that tokenizer.

        Raises:
            CorruptFileError: names the file that is missing, cut
                short, changed, or of another tokenizer.
        """
        # Read what the files must look like
        ids_file, offsets_file, info_file = shard_files(path)
        info = read_info(info_file)
        known = (info.tokenizer, info.vocab_size)
        if tok is not None and known != (tok.digest, tok.vocab_size):
            raise CorruptFileError(
                f"{ids_file} was encoded by another tokenizer; {AGAIN}"
            )

        # Check and map them
        ids_bytes = info.tokens * np.dtype(info.dtype).itemsize
        starts_bytes = (info.documents + 1) * 2 * OFFSET.itemsize
        check_file(ids_file, ids_bytes, info.digest)
        check_file(offsets_file, starts_bytes, info.offsets_digest)
        tokens = np.memmap(ids_file, info.dtype, mode="r")
        starts = np.fromfile(offsets_file, OFFSET).reshape(-1, 2)
        if starts[-1].tolist() != [info.tokens, info.bytes]:
            raise CorruptFileError(
                f"{info_file} does not agree with {offsets_file.name}; "
                f"{AGAIN}"
            )
        sizes = np.diff(starts[:, 1])
        return cls(path, info, tokens, starts[:, 0], sizes, tok)

    @property
    def documents(self) -> int:
        """How many documents the shard holds."""
        return self.info.documents

    @property
    def bytes(self) -> int:
        """How many bytes the documents' texts have in UTF-8."""
        return self.info.bytes

    @cached_property
    def lost_bytes(self) -> Int64[np.ndarray, "documents"]:
        """The bytes of each document that ``<|unk|>`` stands for."""
        if self.tok is None or self.tok.vocabulary.kind == "bpe":
            return np.zeros_like(self.document_bytes)
        lengths = np.zeros(self.tok.vocab_size, np.int64)
        for token, id_ in self.tok.vocabulary.tokens.items():
            lengths[id_] = len(token) if token != UNKNOWN else 0
        known = np.add.reduceat(
            lengths[self.tokens], self.offsets[:-1]
        )
        return self.document_bytes - known

    def document(self, index: int) -> UInt[np.ndarray, "tokens"]:
        """Give one document's ids, the closing ``<|end|>`` included."""
        start, end = self.offsets[index : index + 2]
        return self.tokens[start:end]


def shard_files(path: Path) -> tuple[Path, Path, Path]:
    """Name the files of ids, of offsets and of facts.

    >>> [file.name for file in shard_files(Path("train.bin"))]
    ['train.bin', 'train.idx', 'train.json']
    """
    name = path.name.removesuffix(".bin")
    return (
        path.with_name(f"{name}.bin"),
        path.with_name(f"{name}.idx"),
        path.with_name(f"{name}.json"),
    )


def id_type(tok: Tokenizer) -> Literal["<u2", "<u4"]:
    """Choose two bytes for an id where they suffice, else four."""
    return "<u2" if tok.vocab_size <= 1 << 16 else "<u4"


def read_info(file: Path) -> ShardInfo:
    """Read the facts of a shard.

    Raises:
        CorruptFileError: they are missing, or not of a shard.
    """
    try:
        return msgspec.convert(read_json(file), ShardInfo)
    except msgspec.ValidationError as error:
        raise CorruptFileError(
            f"{file} does not describe a token shard ({error}); {AGAIN}"
        ) from error


def check_file(file: Path, size_bytes: int, digest: str) -> None:
    """Make sure that a file is the one that was written.

    Raises:
        CorruptFileError: it is missing, cut short, or changed.
    """
    there = file.stat().st_size if file.is_file() else None
    if there == size_bytes and digest_file(file) == digest:
        return
    if there is None:
        wrong = "is missing"
    elif there != size_bytes:
        wrong = f"has {there:,} bytes where {size_bytes:,} belong"
    else:
        wrong = "has changed since it was written"
    raise CorruptFileError(f"{file} {wrong}; {AGAIN}")
