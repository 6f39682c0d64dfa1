"""How often each source is read: weights, and epochs."""

from collections.abc import Mapping, Sequence

from hornbook.base.store import drawn
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.sources import source_name


def epochs_of(
    sources: Sequence[SourceConfig], sizes: Mapping[str, int]
) -> dict[str, float]:
    """Say how often each source's documents are read in one epoch.

    Weights are shares of the text that is read, whose amount stays what
    it is: a source of a tenth of the text and a weight of a fifth is
    read twice. ``epochs`` says it directly, and multiplies.

    Units: ``sizes`` in bytes.

    Source: muennighoff2023, for how much repetition is worth.

    >>> sources = [SourceConfig("folder", "a", "a", weight=1),
    ...            SourceConfig("folder", "b", "b", weight=3)]
    >>> epochs_of(sources, {"a": 50, "b": 50})
    {'a': 0.5, 'b': 1.5}
    """
    weights = {source_name(s): s.weight for s in sources}
    heaviness, total = sum(weights.values()), sum(sizes.values())
    epochs = {}
    for source in sources:
        name = source_name(source)
        often = source.epochs
        if heaviness and sizes.get(name):
            share = weights[name] / heaviness
            often *= share * total / sizes[name]
        epochs[name] = often
    return epochs


def copies(epochs: float, name: str) -> int:
    """Say how often a document of this id is read.

    A part of an epoch takes each document or leaves it, by a hash of
    its id: the same documents every time.

    >>> copies(2.0, "00ff00ff00ff00ff")
    2
    """
    return int(epochs) + (drawn(f"mixture {name}") < epochs % 1)
