"""Chances that can be believed, and what is mistaken for what."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from hornbook.base.console import console
from hornbook.base.document import Document
from hornbook.tuning.classify import (
    Classifier,
    chances_of,
    truth_of,
)
from hornbook.tuning.labels import split_labels

BINS = 10
WIDEST = 5.0
"""Temperatures lie between this power of e and its inverse."""
SHOWN = 5


def find_temperature(
    scores: Float[np.ndarray, "texts classes"],
    truth: Bool[np.ndarray, "texts classes"],
    several: bool,
) -> float:
    """Give the number to divide scores by, so that chances are true.

    A model that is surer of itself than it is right gets a number
    above one. The order of the classes stays as it is.

    Source: guo2017, section 4.2.
    """

    def cost(log: float) -> float:
        cooled = scores / np.exp(log)
        if several:
            said = log_expit(np.where(truth, cooled, -cooled))
            return -float(said.mean())
        return -float(log_softmax(cooled, axis=-1)[truth].mean())

    bounds = (-WIDEST, WIDEST)
    found = minimize_scalar(cost, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def calibration_error(
    chances: Float[np.ndarray, " texts"],
    right: Bool[np.ndarray, " texts"],
) -> float:
    """Give how far chances lie from how often they come true.

    They are sorted into ten bins of equal width; in each the mean
    chance is held against the share that was right.

    Source: guo2017, equation 3.
    """
    bins = np.minimum((chances * BINS).astype(int), BINS - 1)
    gaps = [
        abs(chances[bins == b].sum() - right[bins == b].sum())
        for b in range(BINS)
    ]
    return float(sum(gaps) / max(len(chances), 1))


def calibrate(
    model: Classifier, documents: Sequence[Document]
) -> dict[str, Any]:
    """Find a classifier's temperature on texts that it never saw.

    Gives it, and the error of the chances without and with it.
    """
    several = model.several
    labels = [split_labels(d.topic, several) for d in documents]
    truth = truth_of(labels, model.classes)
    scores = model.scores([d.full_text for d in documents])
    before = sureness(scores, truth, 1.0, several)
    model.temperature = find_temperature(scores, truth, several)
    after = sureness(scores, truth, model.temperature, several)
    return {
        "temperature": model.temperature,
        "calibration_error": {"before": before, "after": after},
    }


def sureness(
    scores: Float[np.ndarray, "texts classes"],
    truth: Bool[np.ndarray, "texts classes"],
    temperature: float,
    several: bool,
) -> float:
    """Give the calibration error of what a classifier decides by."""
    chances = chances_of(scores, temperature, several)
    if several:
        return calibration_error(chances.ravel(), truth.ravel())
    best = chances.argmax(-1)
    rows = np.arange(len(chances))
    return calibration_error(chances[rows, best], truth[rows, best])


def judge(
    model: Classifier, documents: Sequence[Document], what: str
) -> dict[str, Any]:
    """Measure a classifier on labelled texts.

    A label that it never learnt counts as missed, and is named. With
    one label to a text, ``confusion`` has a row for each true class
    and a column for each that was named.
    """
    # Name what cannot be right
    labels = [split_labels(d.topic, model.several) for d in documents]
    strange = Counter(
        name
        for names in labels
        for name in names
        if name not in model.classes
    )
    if strange:
        first = ", ".join(map(repr, sorted(strange)[:SHOWN]))
        console.warn(
            f"{strange.total():,} of {len(documents):,} {what} texts "
            f"have labels that were not learnt ({first}); they count "
            "as missed"
        )

    # Compare
    truth = truth_of(labels, model.classes)
    chances = model.probabilities([d.full_text for d in documents])
    unseen = strange.total()
    told: dict[str, Any] = {"texts": len(documents), "unseen": unseen}
    if model.several:
        return told | judge_several(chances > 0.5, truth, unseen)
    best = chances.argmax(-1)
    rows = np.arange(len(best))
    confusion = np.zeros((len(model.classes),) * 2, int)
    known = truth.any(-1)
    np.add.at(confusion, (truth.argmax(-1)[known], best[known]), 1)
    told["accuracy"] = float(truth[rows, best].mean())
    return told | {"confusion": confusion.tolist()}


def judge_several(
    named: Bool[np.ndarray, "texts classes"],
    truth: Bool[np.ndarray, "texts classes"],
    unseen: int,
) -> dict[str, float]:
    """Measure labels that are named each for itself.

    ``accuracy`` asks for all of a text's labels and no other, ``f1``
    is over all labels of all texts.
    """
    hits = int((named & truth).sum())
    asked = int(truth.sum()) + unseen
    return {
        "accuracy": float((named == truth).all(-1).mean()),
        "f1": 2 * hits / max(int(named.sum()) + asked, 1),
    }
