"""Quality rules: each says why a text goes, or nothing at all.

A rule is a pure function of a ``Reading`` of the cleaned text and of
the recipe's limits. It gives an empty string where the text may stay,
else the finding, in words that the card prints. A cut tells of a line
whether the text stays without it.
"""

import re
import zlib
from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from hornbook.corpus import c4, fineweb, gopher
from hornbook.corpus.c4 import C4Config
from hornbook.corpus.clean import EMPTY_LINES
from hornbook.corpus.fineweb import FineWebConfig
from hornbook.corpus.gopher import GopherConfig
from hornbook.corpus.reading import (
    LETTER,
    READ_CHARACTERS,
    SPACE,
    Reading,
    character_codes,
    kinds,
)
from hornbook.corpus.verdict import above, below

SYMBOLS = r"#{}<>\|=^~*_[]"
PLACEHOLDERS = re.compile(
    r"lorem ipsum|(enable|turn on) javascript|javascript is "
    r"(disabled|required)|404 not found|page not found|access denied",
    re.IGNORECASE,
)
PACKED_SAMPLE_BYTES = 100_000
LEAST_PACKED_BYTES = 1_000
PLACEHOLDER_CHARACTERS = 1_000


class RulesConfig(msgspec.Struct, frozen=True):
    """The limits of the quality rules."""

    names: tuple[str, ...] = (
        "too_short",
        "few_letters",
        "undecodable",
        "symbol_heavy",
        "repeated_lines",
        "repeated_phrases",
        "placeholder",
    )
    """The rules that apply, in this order; the first to fire counts.
    ``gopher``, ``c4`` and ``fineweb`` stand for all of theirs."""
    cuts: tuple[str, ...] = ()
    """What is cut out of texts, line by line, before rules apply;
    ``c4`` stands for all of its cuts."""
    least_characters: int = 50
    """A shorter text is ``too_short``."""
    least_letters: float = 0.6
    """The least share of letters among the visible characters."""
    most_undecodable: float = 0.002
    """The largest share of characters that were lost in decoding."""
    most_symbols: float = 0.1
    """The largest share of the marks of code and mark-up."""
    most_repeated_lines: float = 0.3
    """The largest share of characters in lines that came before."""
    least_packed: float = 0.15
    """A text that zlib packs into a smaller share repeats itself."""
    gopher: GopherConfig = GopherConfig()
    """The limits of Gopher's rules."""
    c4: C4Config = C4Config()
    """The limits of C4's rules and cuts."""
    fineweb: FineWebConfig = FineWebConfig()
    """The limits of FineWeb's rules."""

    def __post_init__(self) -> None:
        """Put a preset's rules in its place; refuse unknown cuts."""
        names = expand(self.names, PRESETS)
        cuts = expand(self.cuts, PRESET_CUTS)
        for cut in cuts:
            if cut not in CUTS:
                raise ValueError(
                    f"'cuts' names {cut!r}; known are {', '.join(CUTS)}"
                )
        msgspec.structs.force_setattr(self, "names", names)
        msgspec.structs.force_setattr(self, "cuts", cuts)


Rule = Callable[[Reading, RulesConfig], str]
Cut = Callable[[str, RulesConfig], bool]


def expand(
    names: tuple[str, ...], presets: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Put the names that a preset stands for in its place, once each.

    >>> expand(("a", "b"), {"b": ("c", "a")})
    ('a', 'c')
    """
    every = (presets.get(name, (name,)) for name in names)
    return tuple(dict.fromkeys(name for few in every for name in few))


def too_short(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text from which nothing can be learnt."""
    if len(reading.text) >= limits.least_characters:
        return ""
    return f"{len(reading.text)} characters"


def few_letters(reading: Reading, limits: RulesConfig) -> str:
    """Refuse tables, numbers and rows of dots; any script counts."""
    letters = visible = 0
    for start in range(0, len(reading.text), READ_CHARACTERS):
        piece = reading.text[start : start + READ_CHARACTERS]
        found = kinds()[character_codes(piece)]
        letters += int(np.count_nonzero(found & LETTER))
        visible += int(np.count_nonzero(found & SPACE == 0))
    share = letters / max(visible, 1)
    return below(share, limits.least_letters, "letters")


def undecodable(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text whose letters were lost in some conversion."""
    share = reading.text.count("\ufffd") / max(len(reading.text), 1)
    return above(share, limits.most_undecodable, "lost characters")


def symbol_heavy(reading: Reading, limits: RulesConfig) -> str:
    """Refuse code, mark-up and drawings made of characters."""
    symbols = sum(map(reading.text.count, SYMBOLS))
    share = symbols / max(len(reading.text), 1)
    return above(share, limits.most_symbols, "symbols")


def repeated_lines(reading: Reading, limits: RulesConfig) -> str:
    """Refuse menus and forms: lines that say again what was said."""
    seen: set[str] = set()
    again = total = 0
    for line in filter(None, map(str.strip, reading.text.split("\n"))):
        total += len(line)
        again += len(line) if line in seen else 0
        seen.add(line)
    share = again / max(total, 1)
    return above(share, limits.most_repeated_lines, "repeated lines")


def repeated_phrases(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text that a packing program shrinks to almost nothing.

    Prose packs to about 40 % of its bytes, in any language.
    """
    data = reading.text.encode("utf-8")[:PACKED_SAMPLE_BYTES]
    if len(data) < LEAST_PACKED_BYTES:
        return ""
    share = len(zlib.compress(data, 1)) / len(data)
    return below(share, limits.least_packed, "packed size")


def placeholder(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a short page that stands where the text should be."""
    if len(reading.text) > PLACEHOLDER_CHARACTERS:
        return ""
    found = PLACEHOLDERS.search(reading.text)
    return f"it says {found.group()!r}" if found else ""


def judge(
    text: str,
    limits: RulesConfig,
    rules: Mapping[str, Rule],
    language: str = "",
) -> tuple[str, str]:
    """Give the first rule that a text breaks and the finding.

    A rule that asks for the language finds it out where none is given.

    >>> judge("No.", RulesConfig(), RULES)
    ('too_short', '3 characters')
    """
    reading = Reading(text, language)
    for name in limits.names:
        finding = rules[name](reading, limits)
        if finding:
            return name, finding
    return "", ""


def cut_lines(
    text: str, limits: RulesConfig
) -> tuple[str, dict[str, int]]:
    r"""Cut out the lines that the recipe's cuts find; count them.

    Each line counts for the first cut that finds it.

    >>> limits = RulesConfig(cuts=("policy_line",))
    >>> cut_lines("A hat.\nThis site uses cookies.", limits)
    ('A hat.', {'policy_line': 1})
    """
    counts = dict.fromkeys(limits.cuts, 0)
    kept = []
    for line in text.split("\n") if limits.cuts else ():
        for name in limits.cuts:
            if CUTS[name](line, limits):
                counts[name] += 1
                break
        else:
            kept.append(line)
    if not any(counts.values()):
        return text, {}
    shorter = EMPTY_LINES.sub("\n\n", "\n".join(kept)).strip("\n")
    return shorter, {name: n for name, n in counts.items() if n}


PRESETS = {
    "gopher": gopher.QUALITY + gopher.REPETITION,
    "c4": c4.RULES_OF_C4,
    "fineweb": fineweb.RULES_OF_FINEWEB,
}
PRESET_CUTS = {"c4": c4.CUTS_OF_C4}
CUTS: dict[str, Cut] = {
    "javascript_line": c4.javascript_line,
    "policy_line": c4.policy_line,
    "short_line": c4.short_line,
    "unfinished_line": c4.unfinished_line,
}
RULES: dict[str, Rule] = {
    "too_short": too_short,
    "few_letters": few_letters,
    "undecodable": undecodable,
    "symbol_heavy": symbol_heavy,
    "repeated_lines": repeated_lines,
    "repeated_phrases": repeated_phrases,
    "placeholder": placeholder,
    "word_count": gopher.word_count,
    "word_length": gopher.word_length,
    "hash_marks": gopher.hash_marks,
    "ellipses": gopher.ellipses,
    "bullet_lines": gopher.bullet_lines,
    "ellipsis_lines": gopher.ellipsis_lines,
    "lettered_words": gopher.lettered_words,
    "stop_words": gopher.stop_words,
    "lines_again": gopher.lines_again,
    "line_characters": gopher.line_characters,
    "paragraphs_again": gopher.paragraphs_again,
    "paragraph_characters": gopher.paragraph_characters,
    "top_phrases": gopher.top_phrases,
    "phrases_again": gopher.phrases_again,
    "few_sentences": c4.few_sentences,
    "lorem_ipsum": c4.lorem_ipsum,
    "curly_brackets": c4.curly_brackets,
    "listed_words": c4.listed_words,
    "ended_lines": fineweb.ended_lines,
    "copied_lines": fineweb.copied_lines,
    "short_lines": fineweb.short_lines,
}
