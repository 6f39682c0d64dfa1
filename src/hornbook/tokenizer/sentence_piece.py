"""SentencePiece's models: BPE over characters, bytes where it lacks.

A model file is a protocol buffer: numbered fields, each with a length
or a number. Of these only the ones that decide about ids are looked
at; a model that uses anything else is refused by the field's name.

Source: kudo2018sentencepiece.
"""

import math
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hornbook.base.errors import DataError
from hornbook.base.tape import Tape
from hornbook.tokenizer.alphabet import SPACE
from hornbook.tokenizer.bpe import Merges
from hornbook.tokenizer.vocabulary import Vocabulary

UNKNOWN_PIECE = "<unk>"
"""How these models name what they do not know."""

NORMAL, UNK, CONTROL, USER, UNUSED, BYTE = range(1, 7)
"""The kinds of pieces, in the format's numbers."""

KNOWN = {NORMAL, UNK, CONTROL, BYTE}
"""The kinds that are understood here."""

BPE = 2
"""The number of the one kind of model that is understood here."""


class Piece(NamedTuple):
    """A token of such a model."""

    text: str
    score: float
    """Pairs join into the token with the highest score first."""
    kind: int


def read_model(file: Path) -> Vocabulary:
    """Read a SentencePiece model.

    Raises:
        DataError: it is damaged, or of a kind that is not understood.
    """
    # Take the parts of the model apart
    pieces: list[Piece] = []
    parts: dict[int, dict[int, bytes | int]] = {2: {}, 3: {}}
    for number, value in fields(file.read_bytes()):
        if number == 1 and isinstance(value, bytes):
            pieces.append(read_piece(value))
        elif number in parts and isinstance(value, bytes):
            parts[number] = dict(fields(value))

    # Refuse what would give other ids
    trainer, normalizer = parts[2], parts[3]
    for where, number, name, usual, known in (
        (trainer, 3, "model_type", 1, (BPE,)),
        (trainer, 24, "treat_whitespace_as_suffix", 0, (0,)),
        (trainer, 35, "byte_fallback", 0, (1,)),
        (normalizer, 2, "precompiled_charsmap", b"", (b"",)),
        (normalizer, 4, "remove_extra_whitespaces", 1, (0,)),
        (normalizer, 5, "escape_whitespaces", 1, (1,)),
    ):
        found = where.get(number, usual)
        if found not in known:
            shown = found if isinstance(found, int) else "a table"
            raise DataError(
                f"its {name} is {shown}, where {known[0]!r} is "
                "understood"
            )
    return from_pieces(pieces, bool(normalizer.get(3, 1)))


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Give the number and the value of each field of a message.

    Raises:
        DataError: the data are no such message.
    """
    tape = Tape(data)
    while tape.left:
        number, form = divmod(varint(tape), 8)
        if form == 0:
            yield number, varint(tape)
        elif form in WIDTHS:
            yield number, tape.take(WIDTHS[form])
        elif form == 2:
            yield number, tape.take(varint(tape))
        else:
            raise DataError("it is no SentencePiece model")


def varint(tape: Tape) -> int:
    """Read a number of seven bits a byte, the lowest first."""
    number = shift = 0
    while True:
        (byte,) = tape.take(1)
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift > 63:
            return number


def read_piece(data: bytes) -> Piece:
    """Read one token of a model.

    Raises:
        DataError: a part of it has another form.
    """
    found = dict(fields(data))
    text, score = found.get(1, b""), found.get(2, bytes(4))
    kind = found.get(3, NORMAL)
    if (
        not isinstance(text, bytes)
        or not isinstance(score, bytes)
        or not isinstance(kind, int)
        or len(score) != WIDTHS[5]
    ):
        raise DataError("a token of the model has another form")
    return Piece(text.decode(), struct.unpack("<f", score)[0], kind)


def read_llama2c(file: Path) -> Vocabulary:
    """Read the form that llama2.c gives such a model.

    It drops the kinds: unknown, begin and end come first, then bytes.

    Raises:
        DataError: it is damaged.
    """
    tape = Tape(file.read_bytes())
    tape.take(4)
    pieces: list[Piece] = []
    while tape.left:
        score, length = struct.unpack("<fI", tape.take(8))
        text = tape.take(length).decode().replace(" ", SPACE)
        kind = NORMAL
        if len(pieces) < 3:
            text, kind = text.strip("\n"), CONTROL
        elif len(pieces) < 3 + 256:
            kind = BYTE
        pieces.append(Piece(text, score, kind))
    return from_pieces(pieces, opens=True)


def from_pieces(pieces: Iterable[Piece], opens: bool) -> Vocabulary:
    """Make a vocabulary of a model's tokens, whose ids are in order.

    ``opens`` says whether a space is put before every text.

    Raises:
        DataError: a token is of a kind that is not understood, or two
            tokens contradict each other.
    """
    # Sort the tokens by their kinds
    names: dict[str, int] = {}
    specials: dict[str, int] = {}
    scores: dict[int, float] = {}
    for id_, piece in enumerate(pieces):
        if piece.kind not in KNOWN:
            raise DataError(
                f"its token {piece.text!r} is of kind {piece.kind}; "
                f"only the kinds {sorted(KNOWN)} are understood"
            )
        ordinary = piece.kind in (NORMAL, BYTE)
        place = names if ordinary else specials
        if piece.text in names or piece.text in specials:
            raise DataError(f"the token {piece.text!r} stands twice")
        place[piece.text] = id_
        scores[id_] = piece.score

    # Find the merges
    fallback, tokens = part_bytes(names)
    return Vocabulary(
        "bpe",
        cutting(tokens),
        tokens,
        specials,
        merges_by_score(tokens, scores),
        fallback=fallback,
        opening=" " if opens else "",
    )


def part_bytes(
    names: Mapping[str, int],
) -> tuple[tuple[int, ...], dict[bytes, int]]:
    """Part the tokens of bytes, named like <0x41>, from the others.

    Raises:
        DataError: a byte has no token, or a token stands twice.
    """
    rest = dict(names)
    try:
        fallback = tuple(rest.pop(f"<0x{b:02X}>") for b in range(256))
    except KeyError as error:
        raise DataError(f"the byte {error} has no token") from error
    tokens: dict[bytes, int] = {}
    for name, id_ in rest.items():
        token = name.replace(SPACE, " ").encode()
        if token in tokens:
            raise DataError(f"it has two tokens {token.decode()!r}")
        tokens[token] = id_
    return fallback, tokens


def merges_by_score(
    tokens: Mapping[bytes, int], scores: Mapping[int, float]
) -> Merges:
    """List every way to cut a token in two, best scores first.

    Of tokens with one score the leftmost in a text joins first, which
    no order of merges can say; but where they are runs of spaces, the
    longer first comes to the same.

    Raises:
        DataError: other tokens have one score, or one that is none.
    """
    if not all(map(math.isfinite, scores.values())):
        raise DataError("a token's score is no finite number")

    # Cut every token wherever both halves are tokens
    cuts: dict[bytes, list[tuple[int, int]]] = {}
    for token in tokens:
        pairs = [
            (tokens[token[:cut]], tokens[token[cut:]])
            for cut in range(1, len(token))
            if token[:cut] in tokens and token[cut:] in tokens
        ]
        if pairs:
            cuts[token] = pairs

    # Number the merges in the order of their tokens' scores
    ranks = {token: -scores[tokens[token]] for token in cuts}
    ranked = sorted(cuts, key=lambda token: (ranks[token], -len(token)))
    for one, other in pairwise(ranked):
        if ranks[one] == ranks[other] and (one + other).strip(b" "):
            raise DataError(
                f"its tokens {one.decode()!r} and {other.decode()!r} "
                "have one score, so that neither comes first"
            )
    return {
        pair: (rank, tokens[token])
        for rank, token in enumerate(ranked)
        for pair in cuts[token]
    }


def cutting(tokens: Iterable[bytes]) -> str:
    """Give a pattern that cuts where no token reaches across.

    Such a model has no pattern. But if no token goes on with a space
    after something else, a text may be cut before each run of spaces.
    """
    across = re.compile(rb"[^ ] ")
    if any(across.search(token) for token in tokens):
        return r"[\s\S]+"
    return r" *[^ ]+| +"


WIDTHS = {1: 8, 5: 4}
"""The bytes of the fields whose width is fixed, by their form."""
