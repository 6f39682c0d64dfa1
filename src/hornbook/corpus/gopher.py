"""The rules of Gopher's MassiveText, for any script.

Source: rae2021, appendix A.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hornbook.corpus.reading import Reading
from hornbook.corpus.verdict import above, below

if TYPE_CHECKING:
    from hornbook.corpus.rules import RulesConfig

EDGES = ".,;:!?()[]{}\"'“”„‘’«»…。，؟،।"


class GopherConfig(msgspec.Struct, frozen=True):
    """The limits of Gopher's rules, as they were published."""

    least_words: int = 50
    most_words: int = 100_000
    """The words of a text; characters, where a script has no spaces."""
    least_word_length: float = 3.0
    most_word_length: float = 10.0
    """The mean length of words, in characters; scripts with spaces."""
    most_hashes: float = 0.1
    """The most ``#`` for each word."""
    most_ellipses: float = 0.1
    """The most ellipses for each word."""
    most_bullet_lines: float = 0.9
    """The largest share of lines that begin with a bullet."""
    most_ellipsis_lines: float = 0.3
    """The largest share of lines that end in an ellipsis."""
    least_lettered: float = 0.8
    """The least share of words with a letter, symbols counted in."""
    least_stop_words: int = 2
    """The least number of a language's commonest words."""
    most_lines_again: float = 0.3
    """The largest share of lines that came before."""
    most_line_characters: float = 0.2
    """The largest share of the text in such lines."""
    most_paragraphs_again: float = 0.3
    """The largest share of paragraphs that came before."""
    most_paragraph_characters: float = 0.2
    """The largest share of the text in such paragraphs."""
    most_top: tuple[float, ...] = (0.20, 0.18, 0.16)
    """The largest share of the commonest phrase of 2, 3, 4 words."""
    most_again: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)
    """The largest share of repeated phrases of 5, 6, ... 10 words."""

    def __post_init__(self) -> None:
        """Refuse limits of which there are too few or too many."""
        for field, count in (("most_top", 3), ("most_again", 6)):
            if len(getattr(self, field)) != count:
                raise ValueError(f"{field!r} is {count} shares")


def word_count(reading: Reading, limits: RulesConfig) -> str:
    """Refuse texts of too few words, or of too many."""
    words, gopher = reading.words.bare, limits.gopher
    if gopher.least_words <= words <= gopher.most_words:
        return ""
    return f"{words:,} words"


def word_length(reading: Reading, limits: RulesConfig) -> str:
    """Refuse what is no prose by the length of its words.

    It says nothing where most words are of scripts without spaces.
    """
    words, gopher = reading.words, limits.gopher
    if 2 * words.spaced <= words.bare:
        return ""
    mean = words.spaced_characters / words.spaced
    if gopher.least_word_length <= mean <= gopher.most_word_length:
        return ""
    return f"mean word length: {mean:.1f}"


def hash_marks(reading: Reading, limits: RulesConfig) -> str:
    """Refuse tag lists and code: too many ``#`` for the words."""
    share = reading.part.count("#") / max(reading.words.bare, 1)
    return above(share, limits.gopher.most_hashes, "# a word")


def ellipses(reading: Reading, limits: RulesConfig) -> str:
    """Refuse lists of beginnings: too many ellipses for the words."""
    count = reading.part.count("...") + reading.part.count("…")
    share = count / max(reading.words.bare, 1)
    return above(share, limits.gopher.most_ellipses, "ellipses a word")


def bullet_lines(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text that is a list and nothing else."""
    share = reading.lines.bullets / max(reading.lines.every, 1)
    return above(share, limits.gopher.most_bullet_lines, "bullet lines")


def ellipsis_lines(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a page of previews, each cut off at an ellipsis."""
    share = reading.lines.trailing / max(reading.lines.every, 1)
    most = limits.gopher.most_ellipsis_lines
    return above(share, most, "lines that end in an ellipsis")


def lettered_words(reading: Reading, limits: RulesConfig) -> str:
    """Refuse tables: too few of the words have a letter."""
    share = reading.words.lettered / max(reading.words.every, 1)
    least = limits.gopher.least_lettered
    return below(share, least, "words with a letter")


def stop_words(reading: Reading, limits: RulesConfig) -> str:
    """Refuse lists of words: prose has the commonest of its language.

    It says nothing of languages whose words do not stand in
    ``STOP_WORDS``.
    """
    known = set(STOP_WORDS.get(reading.language, "").split())
    least, found = limits.gopher.least_stop_words, set[str]()
    if not known:
        return ""
    for line in reading.part.split("\n"):
        if reading.language in UNSPACED:
            found |= known.intersection(line)
        else:
            words = (w.strip(EDGES) for w in line.lower().split())
            found |= known.intersection(words)
        if len(found) >= least:
            return ""
    return f"{len(found)} stop words"


def lines_again(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text many of whose lines came before."""
    share = reading.lines.again / max(reading.lines.every, 1)
    most = limits.gopher.most_lines_again
    return above(share, most, "lines that came before")


def line_characters(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text much of which is in lines that came before."""
    share = reading.lines.again_characters / max(len(reading.part), 1)
    most = limits.gopher.most_line_characters
    return above(share, most, "text in lines that came before")


def paragraphs_again(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text many of whose paragraphs came before."""
    lines = reading.lines
    share = lines.paragraphs_again / max(lines.paragraphs, 1)
    most = limits.gopher.most_paragraphs_again
    return above(share, most, "paragraphs that came before")


def paragraph_characters(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text much of which is in paragraphs come before."""
    again = reading.lines.paragraphs_again_characters
    most = limits.gopher.most_paragraph_characters
    share = again / max(len(reading.part), 1)
    return above(share, most, "text in paragraphs that came before")


def top_phrases(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text much of which is one phrase of a few words."""
    return _phrases(reading, limits.gopher.most_top, 2, "commonest")


def phrases_again(reading: Reading, limits: RulesConfig) -> str:
    """Refuse a text much of which is in phrases that came before."""
    return _phrases(reading, limits.gopher.most_again, 5, "repeated")


def _phrases(
    reading: Reading, most: tuple[float, ...], size: int, what: str
) -> str:
    """Compare the shares of phrases of ``size`` words and longer."""
    for words, limit in enumerate(most, size):
        share = reading.phrases[words] / max(len(reading.part), 1)
        finding = above(share, limit, f"{what} {words} words")
        if finding:
            return finding
    return ""


QUALITY = (
    "word_count",
    "word_length",
    "hash_marks",
    "ellipses",
    "bullet_lines",
    "ellipsis_lines",
    "lettered_words",
    "stop_words",
)
REPETITION = (
    "lines_again",
    "line_characters",
    "paragraphs_again",
    "paragraph_characters",
    "top_phrases",
    "phrases_again",
)
UNSPACED = {"ja", "zh"}
STOP_WORDS = {
    "ar": "في من على إلى أن عن التي الذي هذا هذه مع كان ما لا و أو كل",
    "de": "der die und in den von zu das mit ist des auf für nicht ein",
    "en": "the be to of and that have with",
    "es": "de la que el en y a los se del las un por con no una para",
    "fr": "de la le et les des en un une du que est pour dans qui au",
    "hi": "के का की में है और से को पर कि यह हैं एक ने भी नहीं हो था",
    "it": "di e che la il un a per in una è non si con del della le",
    "ja": "の に は を た が で と し て も な い る",
    "nl": "de het een van en in is dat op te zijn met voor niet aan",
    "pt": "de a o que e do da em um para é com não uma os no se na",
    "ru": "и в не на что с по как это он из у за но для от к а его",
    "zh": "的 是 在 不 了 有 和 人 这 中 大 为 以 及 或 與 這",
}
"""The commonest words, by the code of their language."""
