"""Talks: pairs of questions and answers, put in turn."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import TypeVar

import msgspec

from hornbook.base.dialogue import Dialogue, ask
from hornbook.tuning.pairs import Question
from hornbook.tuning.phrasing import PHRASES

T = TypeVar("T")


class Talk(msgspec.Struct, frozen=True):
    """A dialogue, and the pairs that it was made from, in order."""

    dialogue: Dialogue
    pairs: tuple[Question, ...]
    """One for each question; its document need not be the first's."""


def make_talks(
    facts: Sequence[Sequence[Question]],
    tongues: Mapping[str, str],
    seed: int,
    turns: int,
    subjects: int,
) -> list[Talk]:
    """Make dialogues of the pairs of each document.

    One to ``turns`` pairs of a document follow each other, and one to
    ``subjects`` documents; ``tongues`` has each document's language.
    """
    # Talk of one document
    talks = []
    for found in filter(None, facts):
        pairs, name = list(found), found[0].document
        random = Random(f"{seed}:dialogue:{name}")
        random.shuffle(pairs)
        for group in _groups(pairs, turns, random):
            talks.append(_talk(group, random, tongues[name]))

    # Go on to another
    random = Random(f"{seed}:subjects")
    random.shuffle(talks)
    return [_join(g) for g in _groups(talks, subjects, random)]


def _groups(
    items: Sequence[T], most: int, random: Random
) -> Iterator[Sequence[T]]:
    """Cut a list into groups of one to ``most``."""
    start = 0
    while start < len(items):
        stop = start + random.randint(1, most)
        yield items[start:stop]
        start = stop


def _talk(
    pairs: Sequence[Question], random: Random, tongue: str
) -> Talk:
    """Ask one document's pairs; later questions may be short."""
    turns = [pairs[0].prompt, pairs[0].reference]
    for pair in pairs[1:]:
        short = PHRASES[tongue].follow_ups.get(pair.kind)
        turns += [
            random.choice(short) if short else pair.prompt,
            pair.reference,
        ]
    said = ask(*turns, document=pairs[0].document)
    return Talk(said, tuple(pairs))


def _join(talks: Sequence[Talk]) -> Talk:
    """Make one dialogue of several; it is named by the first."""
    messages = [m for talk in talks for m in talk.dialogue.messages]
    pairs = [pair for talk in talks for pair in talk.pairs]
    first = talks[0].dialogue.document
    return Talk(Dialogue(tuple(messages), first), tuple(pairs))
