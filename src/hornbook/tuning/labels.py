"""Labels: what classes a text bears, and which texts are held out."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from hornbook.base.document import Document
from hornbook.base.errors import DataError, RecipeError
from hornbook.base.store import drawn

LEAST_CLASSES = 2
LEAST_HELDOUT = 20
"""Fewer texts say too little to calibrate by; none is held out then."""
MARK = ";"
"""What stands between the labels of a text that bears several."""


class ClassesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How classes are learnt: ``[finetune.NAME.classes]``."""

    weights: Literal["none", "balanced"] = "none"
    """``balanced`` lets rare classes count as much as common ones."""
    several: bool = False
    """Whether a text may bear several labels, as ``fish; recipe``."""
    heldout: float = 0.1
    """Share of the texts on which nothing is learnt: they calibrate
    the chances, and show what is mistaken for what."""
    test: str = ""
    """A file of labelled texts to measure the classifier on."""


def check_classes(config: ClassesConfig, section: str) -> None:
    """Refuse settings by which nothing can be learnt.

    Raises:
        RecipeError: names the section, the key and its bounds.
    """
    if not 0 <= config.heldout <= 0.5:
        raise RecipeError(
            f"{section}.classes.heldout is {config.heldout:g}; it must "
            "be from 0 to 0.5"
        )


def split_labels(label: str, several: bool) -> tuple[str, ...]:
    """Give the labels that a text bears.

    >>> split_labels("fish; recipe", several=True)
    ('fish', 'recipe')
    >>> split_labels("fish; recipe", several=False)
    ('fish; recipe',)
    """
    if not several:
        return (label,)
    parts = (part.strip() for part in label.split(MARK))
    return tuple(dict.fromkeys(part for part in parts if part))


def find_classes(
    labelled: Sequence[Document], several: bool = False
) -> list[str]:
    """List the classes of documents.

    Raises:
        DataError: there are fewer than two.
    """
    classes = sorted(
        {
            name
            for document in labelled
            for name in split_labels(document.topic, several)
        }
    )
    if len(classes) < LEAST_CLASSES:
        raise DataError(
            f"the documents have {len(classes)} topics, and a "
            "classifier needs two or more; name the field of the topic "
            "in [[corpus.source]], or sort files into sub-folders"
        )
    return classes


def hold_out(
    labelled: Sequence[Document], config: ClassesConfig, seed: int
) -> tuple[list[Document], list[Document]]:
    """Hold a share of the texts out; their classes stay learnable.

    The same text is held out whatever stands beside it. A text whose
    label would be learnt from nothing else is not held out.
    """
    if len(labelled) * config.heldout < LEAST_HELDOUT:
        return list(labelled), []
    held = [drawn(f"{seed}:held:{d.text}") for d in labelled]
    kept = Counter(
        name
        for d, chance in zip(labelled, held, strict=True)
        if chance >= config.heldout
        for name in split_labels(d.topic, config.several)
    )
    learnt: list[Document] = []
    heldout: list[Document] = []
    for document, chance in zip(labelled, held, strict=True):
        names = split_labels(document.topic, config.several)
        known = all(kept[name] for name in names)
        held_out = chance < config.heldout and known
        (heldout if held_out else learnt).append(document)
    return learnt, heldout


def balance(
    labels: Sequence[Sequence[str]], classes: Sequence[str]
) -> list[float]:
    """Give each class a weight by which all count alike.

    >>> balance([["a"], ["a"], ["a"], ["b"]], ["a", "b"])
    [0.6666666666666666, 2.0]
    """
    counts = Counter(name for each in labels for name in each)
    total = sum(counts.values())
    return [total / (len(classes) * counts[name]) for name in classes]
