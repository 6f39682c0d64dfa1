"""Text that surprises who has read good examples only.

Runs of up to three words are counted in examples of good text that you
choose. A text whose words are far less likely after each other than
those of good text is a list, a menu, shuffled, or in another language.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from jaxtyping import Int64, UInt32

from hornbook.base.errors import DataError
from hornbook.corpus.arrays import load_arrays, save_arrays
from hornbook.corpus.grams import Hashes, word_hashes

UNKNOWN = 1e-6
"""The chance of one word among all that can be imagined."""
MOST_ROWS = 1 << 22
"""Runs that can be counted, and more; they take 64 MB."""
LEAST_ROWS = 1 << 8
HELDOUT_EVERY = 10
"""Of so many good examples, one tells what good text scores."""
LEAST_EXAMPLES = 100
LEAST_WORDS = 10_000

Rows = UInt32[np.ndarray, "..."]
Numbers = Int64[np.ndarray, "..."]


class PerplexityConfig(msgspec.Struct, frozen=True):
    """Which text is good, and how far from it a text may be."""

    good: str
    """The path of a file or folder of good text."""
    most: float = 6.0
    """A text goes whose perplexity is more than so many times the
    median of good text; 6 costs about 2 in 100 good texts."""
    order: int = 3
    """The words of the longest run that is counted, from 1 to 5."""
    least_words: int = 20
    """A text of fewer words is not judged."""

    def __post_init__(self) -> None:
        """Refuse limits that no text or every text would break."""
        if not self.most > 1:
            raise ValueError("'most' is above 1")
        if not 1 <= self.order <= 5:
            raise ValueError("'order' is from 1 to 5")
        if self.least_words < 1:
            raise ValueError("'least_words' is at least 1")


class About(msgspec.Struct, frozen=True, tag="perplexity 1"):
    """What is known of a model besides its counts."""

    order: int
    examples: int
    """The good texts that were counted."""
    forgotten: int
    """How often the rarest runs had to make room."""
    median: float = 0.0
    """The perplexity of a word of good text that was not counted."""


class NgramModel(msgspec.Struct, frozen=True):
    """How often runs of words occur in good text."""

    about: About
    rows: Rows
    """For each run its tag, its count, and two of what follows."""
    totals: Numbers
    """All words, the different ones, and the rows in use."""

    def perplexity(self, text: str) -> float:
        """Tell among how many words the model chooses at each word.

        Units: words; infinite for a text without words.

        Source: shannon1951; ney1994.
        """
        return self.perplexity_of(word_hashes(text))

    def perplexity_of(self, words: Hashes) -> float:
        """Give the perplexity of a text whose words were hashed."""
        from hornbook.corpus.perplexity_fast import surprise

        if not len(words):
            return math.inf
        order = self.about.order
        room = np.zeros(order + 1, np.int64)
        nats = surprise(
            words, order, UNKNOWN, self.rows, self.totals, room
        )
        return math.exp(nats / len(words))

    def save(self, path: Path) -> None:
        """Write the model as one file."""
        arrays = {"rows": self.rows, "totals": self.totals}
        save_arrays(path, self.about, arrays)

    @classmethod
    def load(cls, path: Path) -> "NgramModel":
        """Open a model that was saved.

        Raises:
            CorruptFileError: it is missing, broken, or another's.
        """
        about, arrays = load_arrays(path, About)
        return cls(about, **arrays)


def fit_ngrams(
    texts: Sequence[str], config: PerplexityConfig
) -> NgramModel:
    """Count the runs of good texts; every tenth is kept to compare.

    Raises:
        DataError: there is too little good text.
    """
    from hornbook.corpus import perplexity_fast as fast

    # Count, and forget the rarest runs where there are too many
    rows = np.zeros((MOST_ROWS, 4), np.uint32)
    totals, forgotten = np.zeros(3, np.int64), 0
    for place, text in enumerate(texts):
        if place % HELDOUT_EVERY:
            words = word_hashes(text)
            fast.count_runs(words, config.order, rows, totals)
        floor = 0
        while totals[fast.USED] >= fast.FULL * len(rows):
            floor, forgotten = floor + 1, forgotten + 1
            rows = _keep(rows, floor, MOST_ROWS, totals)
    running = int(totals[fast.RUNNING])
    if len(texts) < LEAST_EXAMPLES or running < LEAST_WORDS:
        raise DataError(
            f"{len(texts):,} good examples with {running:,} "
            f"words are too few for {config.good}: at least "
            f"{LEAST_EXAMPLES} with {LEAST_WORDS:,} words are needed"
        )

    # Keep a table that is just large enough
    size = LEAST_ROWS
    while totals[fast.USED] > fast.FULL * size:
        size *= 2
    rows = _keep(rows, 0, size, totals)

    # See what good text scores that was not counted
    about = About(config.order, len(texts), forgotten)
    model = NgramModel(about, rows, totals)
    middle = _median(texts[::HELDOUT_EVERY], model, config)
    about = msgspec.structs.replace(about, median=middle)
    return msgspec.structs.replace(model, about=about)


def _median(
    texts: Sequence[str], model: NgramModel, config: PerplexityConfig
) -> float:
    """Give the median perplexity of the texts that are long enough."""
    found = [
        model.perplexity_of(words)
        for words in map(word_hashes, texts)
        if len(words) >= config.least_words
    ]
    if not found:
        raise DataError(
            f"the good examples of {config.good} have fewer than "
            f"{config.least_words} words each; lower 'least_words'"
        )
    return median(found)


def _keep(
    rows: Rows, floor: int, size: int, totals: Numbers
) -> Rows:
    """Give a table of the runs that occur more than ``floor`` times."""
    from hornbook.corpus import perplexity_fast as fast

    kept = np.zeros((size, 4), np.uint32)
    totals[fast.USED] = fast.keep_rows(rows, floor, kept)
    return kept


def judge_perplexity(
    text: str, model: NgramModel, config: PerplexityConfig
) -> str:
    """Say how far a text is from good text; "" where it is near."""
    words = word_hashes(text)
    if len(words) < config.least_words:
        return ""
    found = model.perplexity_of(words)
    if found <= config.most * model.about.median:
        return ""
    times = found / model.about.median
    return (
        f"perplexity {found:,.0f}, {times:.1f} times that of good text"
    )
