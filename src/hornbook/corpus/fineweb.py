"""The rules that FineWeb adds, by the form of a text's lines.

Source: penedo2024, section 3.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hornbook.corpus.c4 import NO_FULL_STOPS
from hornbook.corpus.reading import Reading
from hornbook.corpus.verdict import above, below

if TYPE_CHECKING:
    from hornbook.corpus.rules import RulesConfig


class FineWebConfig(msgspec.Struct, frozen=True):
    """The limits of FineWeb's rules, as they were published."""

    least_ended: float = 0.12
    """The least share of lines that end in a mark of punctuation."""
    most_line_characters: float = 0.1
    """The largest share of the text in lines that came before."""
    most_short: float = 0.67
    """The largest share of lines of up to 30 characters."""


def ended_lines(reading: Reading, limits: RulesConfig) -> str:
    """Refuse menus: too few lines end in a mark of punctuation.

    It says nothing of languages that write no full stops.
    """
    share = reading.lines.ended / max(reading.lines.every, 1)
    finding = below(share, limits.fineweb.least_ended, "ended lines")
    if finding and reading.language in NO_FULL_STOPS:
        return ""
    return finding


def copied_lines(reading: Reading, limits: RulesConfig) -> str:
    """Refuse pages whose lines come again and again."""
    lines = reading.lines
    share = lines.again_characters / max(lines.characters, 1)
    most = limits.fineweb.most_line_characters
    return above(share, most, "text in lines that came before")


def short_lines(reading: Reading, limits: RulesConfig) -> str:
    """Refuse lists: too many lines are short."""
    share = reading.lines.short / max(reading.lines.every, 1)
    return above(share, limits.fineweb.most_short, "short lines")


RULES_OF_FINEWEB = ("ended_lines", "copied_lines", "short_lines")
