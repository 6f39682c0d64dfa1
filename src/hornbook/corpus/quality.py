"""Good or bad, as the examples that you marked have it.

A text is the words and pairs of words that stand in it; each has a
weight, learnt from the examples, and their sum tells how likely the
text is one of the good ones. How often that is right is measured on
examples that were kept out of learning.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from hornbook.base.errors import DataError
from hornbook.corpus.arrays import load_arrays, save_arrays
from hornbook.corpus.grams import run_hashes, word_hashes

FEATURE_BITS = 18
"""Words and pairs share so many places: 262,144 of them."""
FOLDS = 5
"""Each part of the examples is judged by what the others taught."""
LEAST_EXAMPLES = 50
INVERSE_PENALTY = 100.0
"""How freely weights grow, as scikit-learn counts it."""
Z = 1.96
"""Standard errors on each side of an interval of 95 %."""


class QualityConfig(msgspec.Struct, frozen=True):
    """Which examples are good and bad, and how good a text must be."""

    good: str = ""
    """The path of a file or folder of good examples."""
    bad: str = ""
    """The path of a file or folder of bad ones."""
    examples: str = ""
    """Instead of both, a JSONL file whose records have a ``text`` and
    a ``label``, which is ``good`` or ``bad``."""
    least: float = 0.5
    """The least probability of being good; below it, a text goes."""

    def __post_init__(self) -> None:
        """Ask for examples, given one way."""
        given = bool(self.good), bool(self.bad), bool(self.examples)
        if given not in {(True, True, False), (False, False, True)}:
            raise ValueError(
                "name either 'good' and 'bad' examples, or one file of "
                "'examples'"
            )
        if not 0 < self.least < 1:
            raise ValueError("'least' is between 0 and 1")


class About(msgspec.Struct, frozen=True, tag="quality 1"):
    """What is known of a model besides its weights."""

    good: int
    bad: int
    """The examples of each kind."""
    right: int
    """Those that were told rightly when kept out of learning."""
    intercept: float
    """What is added to the weights of a text."""


class QualityModel(msgspec.Struct, frozen=True):
    """What each word and pair of words says for a text."""

    about: About
    weights: Float32[np.ndarray, "features"]

    @property
    def accuracy(self) -> float:
        """The share of examples told rightly, each kept out once."""
        return self.about.right / (self.about.good + self.about.bad)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the accuracy lies with 95 % confidence.

        Source: wilson1927.
        """
        count, share = self.about.good + self.about.bad, self.accuracy
        middle = share + Z**2 / (2 * count)
        spread = share * (1 - share) / count + (Z / (2 * count)) ** 2
        scale, half = 1 + Z**2 / count, Z * math.sqrt(spread)
        return (middle - half) / scale, min((middle + half) / scale, 1)

    def probability(self, text: str) -> float:
        """Tell how likely a text is good, from 0 to 1."""
        places = features(text)
        score = float(self.weights[places].sum())
        score = self.about.intercept + score * _scale(len(places))
        return 1 / (1 + math.exp(-max(min(score, 500.0), -500.0)))

    def save(self, path: Path) -> None:
        """Write the model as one file."""
        save_arrays(path, self.about, {"weights": self.weights})

    @classmethod
    def load(cls, path: Path) -> "QualityModel":
        """Open a model that was saved.

        Raises:
            CorruptFileError: it is missing, broken, or another's.
        """
        about, arrays = load_arrays(path, About)
        return cls(about, **arrays)


def features(text: str) -> Int64[np.ndarray, "features"]:
    """Give the places of a text's words and pairs of words."""
    words = word_hashes(text)
    hashes = np.concatenate([words, run_hashes(words, 2)])
    return (hashes >> np.uint64(64 - FEATURE_BITS)).astype(np.int64)


def _scale(count: int) -> float:
    """Give the weight of each of ``count`` features."""
    return 1 / math.sqrt(max(count, 1))


def fit_quality(
    good: Sequence[str],
    bad: Sequence[str],
    config: QualityConfig,
    seed: int,
) -> QualityModel:
    """Learn from examples what a good text is.

    Raises:
        DataError: there are too few, or they do not differ.

    Source: joulin2017; platt1999.
    """
    from sklearn.linear_model import LogisticRegression

    if min(len(good), len(bad)) < LEAST_EXAMPLES:
        where = config.examples or f"{config.good} and {config.bad}"
        raise DataError(
            f"{len(good):,} good and {len(bad):,} bad examples in "
            f"{where} are too few to learn from: {LEAST_EXAMPLES} of "
            "each are needed"
        )

    # Judge each part by what was learnt from the others
    matrix = _matrix([*good, *bad])
    labels = np.arange(matrix.shape[0]) < len(good)
    scores = _judge_parts(matrix, labels, seed)
    right = int(((scores > 0) == labels).sum())

    # Let probabilities be as sure as those judgements were right
    learner = _learner(seed).fit(matrix, labels)
    sure = LogisticRegression().fit(scores[:, None], labels)
    slope, start = float(sure.coef_[0, 0]), float(sure.intercept_[0])
    weights = (slope * learner.coef_[0]).astype(np.float32)
    start += slope * float(learner.intercept_[0])
    about = About(len(good), len(bad), right, start)
    model = QualityModel(about, weights)

    _refuse_chance(model)
    return model


def _refuse_chance(model: QualityModel) -> None:
    """Refuse what is no better than always giving the same answer."""
    about, low = model.about, model.interval[0]
    chance = max(about.good, about.bad) / (about.good + about.bad)
    if low <= chance:
        raise DataError(
            f"good and bad examples cannot be told apart: "
            f"{model.accuracy:.0%} are told rightly, and {chance:.0%} "
            "would be by one answer to all; mark more, or clearer ones"
        )


def _judge_parts(
    matrix: Any, labels: Bool[np.ndarray, "texts"], seed: int
) -> Float64[np.ndarray, "texts"]:
    """Score each example by what was learnt without its part."""
    part = np.random.default_rng(seed).permutation(len(labels)) % FOLDS
    scores = np.zeros(len(labels))
    for fold in range(FOLDS):
        own = part == fold
        learner = _learner(seed).fit(matrix[~own], labels[~own])
        scores[own] = learner.decision_function(matrix[own])
    return scores


def _matrix(texts: Sequence[str]) -> Any:
    """Give the features of texts as one sparse row each."""
    from scipy.sparse import csr_matrix

    places = [features(text) for text in texts]
    counts = np.array([len(own) for own in places])
    values = np.repeat([_scale(count) for count in counts], counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    matrix = csr_matrix(
        (values, np.concatenate(places), starts),
        shape=(len(texts), 1 << FEATURE_BITS),
    )
    matrix.sum_duplicates()
    return matrix


def _learner(seed: int) -> Any:
    """Prepare the logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=INVERSE_PENALTY, solver="liblinear", random_state=seed
    )


def judge_quality(
    text: str, model: QualityModel, config: QualityConfig
) -> str:
    """Say how unlikely a text is good; "" where it is likely enough."""
    found = model.probability(text)
    if found >= config.least:
        return ""
    return f"good with a probability of {found:.0%}"
