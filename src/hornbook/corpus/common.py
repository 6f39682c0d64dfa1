"""Paragraphs and lines that many documents have in common.

Menus, notices and letterheads stand on every page of a site. None of
those pages is a copy of another, yet a model that reads them all learns
the notice by heart. It stays in the first document that has it.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

from hornbook.corpus.clean import EMPTY_LINES
from hornbook.corpus.engine import computed, engine, spread
from hornbook.corpus.texts import Places, Texts

Unit = Literal["paragraph", "line"]
MARKS: dict[Unit, str] = {"paragraph": "\n\n", "line": "\n"}
TEXTS_AT_ONCE = 256
PASS_BYTES = 400_000_000
"""So much text is counted at once, and the rest in further passes."""


def pieces(text: str, unit: Unit) -> list[str]:
    r"""Give the paragraphs or lines of a text.

    >>> pieces("One.\n\nTwo.\nThree.", "paragraph")
    ['One.', 'Two.\nThree.']
    """
    return text.split(MARKS[unit])


def piece_key(piece: str) -> int:
    """Give a piece's number; case and outer blanks do not count."""
    data = piece.strip().casefold().encode("utf-8")
    digest = hashlib.blake2b(data, digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


class Cutter:
    """Numbers the pieces of texts, in one process."""

    def __init__(
        self, places: Places, unit: Unit, turn: int, turns: int
    ) -> None:
        self._texts = Texts(places)
        self._unit = unit
        self._turn, self._turns = turn, turns

    def keys(self, rank: int) -> list[int]:
        """Give the keys of a text's pieces that this turn counts."""
        parts = pieces(self._texts[rank], self._unit)
        found = {piece_key(part) for part in parts if part.strip()}
        return [k for k in found if k % self._turns == self._turn]


def find_common(
    alive: Any, unit: Unit, least: int, places: Places, total_bytes: int
) -> Any:
    """Find pieces that stand in ``least`` documents: the query of them.

    Gives ``rank`` and ``keys``: the pieces that the document of that
    rank has to give up, since an earlier one keeps them.
    """
    turns = 1 + total_bytes // PASS_BYTES
    col = engine().col
    found: Any = None
    for turn in range(turns):
        # Count the documents that hold each piece
        cutter = spread(Cutter, len(places.starts))(
            places, unit, turn, turns
        )
        ranks = alive.select("rank").into_batches(TEXTS_AT_ONCE)
        held = ranks.with_column("key", cutter.keys(col("rank")))
        held = held.explode("key").where(col("key").not_null())
        crowds = held.groupby("key").agg(
            col("rank").count().alias("size"),
            col("rank").min().alias("keeper"),
        )
        crowds = crowds.where(col("size") >= least)

        # All but the first give it up
        given = held.join(crowds, on="key")
        given = given.where(col("rank") != col("keeper"))
        given = computed(given.select("rank", "key"))
        found = given if found is None else found.union_all(given)
    keys = col("key").list_agg().alias("keys")
    return found.groupby("rank").agg(keys)


def without(text: str, unit: Unit, keys: Sequence[int]) -> str:
    r"""Take the pieces with these keys out of a text.

    >>> without("Menu\nA hat.", "line", [piece_key("menu")])
    'A hat.'
    """
    gone = set(keys)
    left = [
        piece
        for piece in pieces(text, unit)
        if not piece.strip() or piece_key(piece) not in gone
    ]
    return EMPTY_LINES.sub("\n\n", MARKS[unit].join(left)).strip("\n")
