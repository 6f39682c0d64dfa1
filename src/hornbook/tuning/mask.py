"""The loss mask of a dialogue, cut into pieces that can be shown."""

from itertools import groupby
from pathlib import Path

import msgspec
from rich.text import Text

from hornbook.base.dialogue import Dialogue
from hornbook.tokenizer.chat import render
from hornbook.tokenizer.config import KINDS, SPECIALS
from hornbook.tokenizer.tokenizer import Tokenizer

LEARNED, READ = "black on #b9d8c2", "dim"


class Piece(msgspec.Struct, frozen=True):
    """Tokens in a row that are all learned, or all only read."""

    text: str
    tokens: int
    learned: bool


class Masked(msgspec.Struct, frozen=True):
    """A dialogue, cut where the mask of its loss changes."""

    pieces: tuple[Piece, ...]

    @property
    def tokens(self) -> int:
        """All tokens of the dialogue."""
        return sum(piece.tokens for piece in self.pieces)

    @property
    def learned(self) -> int:
        """The tokens that the loss counts."""
        return sum(p.tokens for p in self.pieces if p.learned)

    @property
    def bracketed(self) -> str:
        """The dialogue with brackets around what is learned.

        >>> Masked((Piece("Hat?", 4, False), Piece("Yes.", 4, True))
        ...     ).bracketed
        'Hat?[Yes.]'
        """
        return "".join(
            f"[{piece.text}]" if piece.learned else piece.text
            for piece in self.pieces
        )

    def painted(self) -> Text:
        """The dialogue in colour: learned text on green."""
        styles = {True: LEARNED, False: READ}
        return Text.assemble(
            *((p.text, styles[p.learned]) for p in self.pieces)
        )


def describe(tok: Tokenizer, dialogue: Dialogue) -> Masked:
    """Cut a dialogue by the mask that ``finetune`` trains with.

    All pieces in a row are the whole dialogue, marks included.

    Raises:
        DataError: the roles are out of order, or a message is empty.
    """
    ids, mask = render(tok, dialogue)
    runs = groupby(zip(ids, mask, strict=True), key=lambda p: p[1])
    cut = [(learned, [id_ for id_, _ in run]) for learned, run in runs]
    return Masked(
        tuple(
            Piece(tok.decode(part), len(part), learned)
            for learned, part in cut
        )
    )


def open_tokenizer(source: str) -> Tokenizer:
    """Open the tokenizer of a run, a folder or a file.

    Without one each byte is a token: the mask is the same, but for
    the number of tokens.

    Raises:
        DataError: there is no tokenizer of a known format.
    """
    if not source:
        size = KINDS["bpe"] + len(SPECIALS)
        return Tokenizer.train(["."], size, special_tokens=SPECIALS)
    inside = Path(source) / "tokenizer"
    return Tokenizer.load(inside if inside.is_dir() else Path(source))
