"""Dialogues of a run's documents: made, counted, written down."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.document import Document
from hornbook.base.store import digest_text, write_json, write_text
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.pairs import KEPT, Question, Sieve, reconcile
from hornbook.tuning.questions import need_phrases, phrased
from hornbook.tuning.replies import Writings
from hornbook.tuning.synthesize import collect, sift, tongue_of
from hornbook.tuning.talks import Talk, make_talks

FILE = "dialogues.jsonl"
CARD = "card.json"


class Made(msgspec.Struct, frozen=True):
    """Dialogues, and a card that tells what became of each pair."""

    talks: list[Talk]
    card: dict[str, Any]


def make(
    documents: Sequence[Document],
    config: TuningConfig,
    seed: int,
    written: Writings | None = None,
) -> Made:
    """Make dialogues by templates, and of what a writer wrote.

    Raises:
        DataError: there is no writer, and most documents are in
            languages that have no templates.
    """
    # Collect the pairs of each document
    asked = phrased_of(documents, config)
    made: dict[str, list[Question]] = {d.id: [] for d in documents}
    facts = collect(asked, seed, config.extractive)
    for document, pairs in zip(asked, facts, strict=True):
        made[document.id] += pairs
    for name, pairs in (written.pairs if written else {}).items():
        made[name] += pairs

    # Drop what breaks a rule, and put the rest in turn
    sieve, each = Sieve(), list({d.id: d for d in documents}.values())
    kept = sift(each, [made[d.id] for d in each], sieve)
    tongues = {d.id: tongue_of(d) for d in each if made[d.id]}
    talks = make_talks(
        kept, tongues, seed, config.turns, config.subjects
    )

    # Count them
    stayed = {pairs[0].document for pairs in kept if pairs}
    names = {d.id for d in asked}
    fates = Counter(
        KEPT
        if d.id in stayed
        else why_silent(d.id, made, names, written, config)
        for d in documents
    )
    return Made(talks, make_card(talks, sieve, fates, written, config))


def phrased_of(
    documents: Sequence[Document], config: TuningConfig
) -> list[Document]:
    """Give the documents that templates are to ask about."""
    if config.writer is None:
        return need_phrases(documents)
    if not config.writer.templates:
        return []
    return [document for document in documents if phrased(document)]


def why_silent(
    name: str,
    made: Mapping[str, Sequence[Question]],
    asked: Collection[str],
    written: Writings | None,
    config: TuningConfig,
) -> str:
    """Say why no pair of a document is learned."""
    if made[name]:
        return "pairs_dropped"
    if written and name in written.pairs:
        return "nothing_written"
    if name in asked:
        return "nothing_to_ask"
    alone = config.writer and not config.writer.templates
    return "no_reply" if alone else "language"


def make_card(
    talks: Sequence[Talk],
    sieve: Sieve,
    fates: Mapping[str, int],
    written: Writings | None,
    config: TuningConfig,
) -> dict[str, Any]:
    """Count documents, replies and pairs; each sum is reconciled."""
    kinds = Counter(pair.kind for talk in talks for pair in talk.pairs)
    card: dict[str, Any] = {
        "documents": reconcile(fates),
        "pairs": sieve.card(),
        "kinds": dict(sorted(kinds.items())),
        "dialogues": len(talks),
    }
    if written and config.writer:
        card["writer"] = {
            "model": config.writer.signature,
            "replies": reconcile(written.counts),
        }
    return card


def write_down(made: Made, folder: Path) -> None:
    """Write dialogues, and the document of each question, to a folder.

    A line can be read as an example again: see ``tuning.data``.
    """
    lines = [
        {
            "messages": msgspec.to_builtins(talk.dialogue.messages),
            "pairs": [
                {"document": pair.document, "kind": pair.kind}
                for pair in talk.pairs
            ],
        }
        for talk in made.talks
    ]
    text = "".join(
        json.dumps(line, ensure_ascii=False) + "\n" for line in lines
    )
    write_text(folder / FILE, text)
    card = {**made.card, "digest": digest_text(text)}
    write_json(folder / CARD, card)


def take_away(folder: Path) -> None:
    """Remove dialogues that are not learned from any more."""
    for name in (FILE, CARD):
        (folder / name).unlink(missing_ok=True)


DROPPED = {
    "language": "in a language without templates",
    "nothing_to_ask": "no sentence that answers a question",
    "nothing_written": "the writer wrote nothing about it",
    "no_reply": "no reply of the writer",
    "pairs_dropped": "no pair of it was kept",
}
"""For people: why no pair of a document is learned."""
