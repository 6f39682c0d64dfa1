"""Quality rules: each says why a text goes, or nothing at all.

A rule is a pure function of the cleaned text and the recipe's limits.
It gives an empty string where the text may stay, else the finding, in
words that the card prints.
"""

import re
import zlib
from collections.abc import Callable

from hornbook.corpus.config import RulesConfig

Rule = Callable[[str, RulesConfig], str]

SYMBOLS = re.compile(r"[#{}<>\\|=^~*_\[\]]")
PLACEHOLDERS = re.compile(
    r"lorem ipsum|(enable|turn on) javascript|javascript is "
    r"(disabled|required)|404 not found|page not found|access denied",
    re.IGNORECASE,
)
PACKED_SAMPLE_BYTES = 100_000
LEAST_PACKED_BYTES = 1_000
PLACEHOLDER_CHARACTERS = 1_000


def too_short(text: str, limits: RulesConfig) -> str:
    """Refuse a text from which nothing can be learnt."""
    if len(text) >= limits.least_characters:
        return ""
    return f"{len(text)} characters"


def few_letters(text: str, limits: RulesConfig) -> str:
    """Refuse tables, numbers and rows of dots; any script counts."""
    visible = "".join(text.split())
    letters = sum(map(str.isalpha, visible))
    share = letters / max(len(visible), 1)
    return _below(share, limits.least_letters, "letters")


def undecodable(text: str, limits: RulesConfig) -> str:
    """Refuse a text whose letters were lost in some conversion."""
    share = text.count("\ufffd") / max(len(text), 1)
    return _above(share, limits.most_undecodable, "lost characters")


def symbol_heavy(text: str, limits: RulesConfig) -> str:
    """Refuse code, mark-up and drawings made of characters."""
    symbols = sum(1 for _ in SYMBOLS.finditer(text))
    share = symbols / max(len(text), 1)
    return _above(share, limits.most_symbols, "symbols")


def repeated_lines(text: str, limits: RulesConfig) -> str:
    """Refuse menus and forms: lines that say again what was said."""
    seen: set[str] = set()
    again = total = 0
    for line in filter(None, map(str.strip, text.split("\n"))):
        total += len(line)
        again += len(line) if line in seen else 0
        seen.add(line)
    share = again / max(total, 1)
    return _above(share, limits.most_repeated_lines, "repeated lines")


def repeated_phrases(text: str, limits: RulesConfig) -> str:
    """Refuse a text that a packing program shrinks to almost nothing.

    Prose packs to about 40 % of its bytes, in any language.
    """
    data = text.encode("utf-8")[:PACKED_SAMPLE_BYTES]
    if len(data) < LEAST_PACKED_BYTES:
        return ""
    share = len(zlib.compress(data, 1)) / len(data)
    return _below(share, limits.least_packed, "packed size")


def placeholder(text: str, limits: RulesConfig) -> str:
    """Refuse a short page that stands where the text should be."""
    if len(text) > PLACEHOLDER_CHARACTERS:
        return ""
    found = PLACEHOLDERS.search(text)
    return f"it says {found.group()!r}" if found else ""


def _below(share: float, least: float, what: str) -> str:
    """Say by how much a share is too small."""
    return f"{what}: {share:.1%}" if share < least else ""


def _above(share: float, most: float, what: str) -> str:
    """Say by how much a share is too large."""
    return f"{what}: {share:.1%}" if share > most else ""


def judge(text: str, limits: RulesConfig) -> tuple[str, str]:
    """Give the first rule that a text breaks and the finding.

    >>> judge("No.", RulesConfig())
    ('too_short', '3 characters')
    """
    for name in limits.names:
        finding = RULES[name](text, limits)
        if finding:
            return name, finding
    return "", ""


RULES: dict[str, Rule] = {
    "too_short": too_short,
    "few_letters": few_letters,
    "undecodable": undecodable,
    "symbol_heavy": symbol_heavy,
    "repeated_lines": repeated_lines,
    "repeated_phrases": repeated_phrases,
    "placeholder": placeholder,
}
