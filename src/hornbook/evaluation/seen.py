"""Tasks that cannot be trusted: seen before, or in another language."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from hornbook.evaluation.items import Item
from hornbook.evaluation.material import Material
from hornbook.evaluation.memorise import WORD, Overlap, overlaps

SEEN_WORDS = 12
"""So many words in a row are no coincidence."""
SEEN_SHARE = 0.01
"""A task is refused when more of its items were seen than this."""
COMMON_SHARE = 0.25
"""Of a task's words, text in its language uses more than this often:"""
COMMON_DOCUMENTS = 0.02
"""in more than this share of its documents."""
LOOK_DOCUMENTS = 500
"""Training documents whose words are compared."""


def refusals(
    items: Mapping[str, Sequence[Item]], material: Material
) -> dict[str, str]:
    """Say of each task that must be refused why.

    The training text is read once, for all tasks together.
    """
    # Send the text past the items of all tasks
    texts = [item.text for own in items.values() for item in own]
    learnt = [document.full_text for document in material.training]
    found = overlaps(texts, learnt)

    # Judge task by task
    refused, start = {}, 0
    for name, own in items.items():
        stop = start + len(own)
        reason = seen(own, found[start:stop]) or foreign(own, learnt)
        if reason:
            refused[name] = reason
        start = stop
    return refused


def seen(items: Sequence[Item], found: Sequence[Overlap]) -> str:
    """Say that items stand in the training text; "" if they do not.

    An item counts as seen when twelve words in a row of its prompt and
    right answer, or the whole of a shorter one, are found in a text.
    """
    count = sum(
        overlap.words >= min(SEEN_WORDS, len(WORD.findall(item.text)))
        for item, overlap in zip(items, found, strict=True)
    )
    if count <= SEEN_SHARE * len(items):
        return ""
    return (
        f"{count:,} of its {len(items):,} items stand in the run's "
        "training text, so a score would measure memory"
    )


def foreign(items: Sequence[Item], texts: Sequence[str]) -> str:
    """Say that a task speaks another language; "" if it does not.

    What counts is the share of the task's running words that the text
    uses often. Small words are shared by all texts of a language, and
    by few of another; so even a task of rare things is known by them.
    """
    some = texts[:LOOK_DOCUMENTS]
    uses = Counter(word for text in some for word in {*words(text)})
    often = max(1.0, COMMON_DOCUMENTS * len(some))
    asked = [word for item in items for word in words(item.text)]
    count = sum(uses[word] >= often for word in asked)
    share = count / max(len(asked), 1)
    if share >= COMMON_SHARE:
        return ""
    return (
        f"the training text uses only {share:.0%} of its words often, "
        "so it seems to be in another language"
    )


def words(text: str) -> list[str]:
    """Cut a text into words without marks, all small."""
    return re.findall(r"\w+", text.lower())
