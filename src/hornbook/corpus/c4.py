"""The rules of C4: some cut lines out of a text, some refuse it.

Source: raffel2020, section 2.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import regex

from hornbook.corpus.grams import UNSPACED
from hornbook.corpus.reading import ELLIPSES, ENDINGS, QUOTES, Reading

if TYPE_CHECKING:
    from hornbook.corpus.rules import RulesConfig

NO_FULL_STOPS = {"lo", "my", "th"}
POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


class C4Config(msgspec.Struct, frozen=True):
    """The limits of C4's rules, as they were published."""

    least_line_words: int = 5
    """A line of fewer words is cut."""
    least_sentences: int = 3
    """A text of fewer sentences goes."""
    listed: tuple[str, ...] = ()
    """Words, in small letters, that no text may hold."""


def unfinished_line(line: str, limits: RulesConfig) -> bool:
    """Cut a line that ends in no full stop, mark or quotation."""
    line = line.rstrip()
    ended = line[-1:] in ENDINGS + QUOTES
    return not ended or line.endswith(ELLIPSES)


def short_line(line: str, limits: RulesConfig) -> bool:
    """Cut a line of few words; scripts without spaces stay."""
    words = len(line.split())
    if words < limits.c4.least_line_words and not line.isascii():
        words += len(regex.findall(UNSPACED, line))
    return 0 < words < limits.c4.least_line_words


def javascript_line(line: str, limits: RulesConfig) -> bool:
    """Cut what a page says where scripts are off."""
    return "javascript" in line.lower()


def policy_line(line: str, limits: RulesConfig) -> bool:
    """Cut what a page says of cookies and terms."""
    line = line.lower()
    return any(words in line for words in POLICIES)


def few_sentences(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text of few sentences.

    It says nothing of languages that write no full stops.
    """
    if reading.sentences >= limits.c4.least_sentences:
        return ""
    if reading.language in NO_FULL_STOPS:
        return ""
    return f"{reading.sentences} sentences"


def lorem_ipsum(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a page whose text was still to be written."""
    for written in ("lorem ipsum", "Lorem ipsum", "LOREM IPSUM"):
        if written in reading.text:
            return f"it says {written!r}"
    return ""


def curly_brackets(reading: Reading, limits: RulesConfig) -> str:
    """Refuse code: prose has no curly bracket."""
    return "it has a curly bracket" if "{" in reading.text else ""


def listed_words(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text that holds a word of the recipe's own list."""
    text = reading.text.lower() if limits.c4.listed else ""
    for word in limits.c4.listed:
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text):
            return f"it says {word!r}"
    return ""


RULES_OF_C4 = (
    "few_sentences",
    "lorem_ipsum",
    "curly_brackets",
    "listed_words",
)
CUTS_OF_C4 = (
    "javascript_line",
    "policy_line",
    "short_line",
    "unfinished_line",
)
