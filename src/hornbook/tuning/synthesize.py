"""Dialogues made from documents: the questions a text can answer.

No model invents anything here. What a title, a description, a topic
and a first sentence say becomes a question with its answer.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

import msgspec

from hornbook.base.dialogue import Dialogue, ask
from hornbook.base.document import Document
from hornbook.tuning.definition import (
    Definition,
    common_words,
    definition,
    is_named,
    is_person,
    opening_sentence,
    subject_name,
)
from hornbook.tuning.sentences import (
    split_sentences,
    stands_alone,
    tidy,
)

T = TypeVar("T")

NAMING = frozenset({"what", "who", "where", "about"})
"""Kinds whose answer is a sentence that names its subject."""

PHRASES = {
    "what": (
        "What {verb} {subject}?",
        "What {verb} {subject}?",
        "What {verb} {subject}?",
        "Tell me what {subject} {verb}.",
        "Explain what {subject} {verb}.",
    ),
    "who": (
        "Who {verb} {subject}?",
        "Who {verb} {subject}?",
        "Tell me who {subject} {verb}.",
    ),
    "where": (
        "Where {verb} {subject}?",
        "Tell me where {subject} {verb}.",
    ),
    "about": (
        "Tell me about {name}.",
        "Tell me something about {name}.",
    ),
    "description": (
        "Describe {name} in a few words.",
        "Describe {name} in a few words.",
        "Sum up {name} in a few words.",
    ),
    "topic": (
        "Which topic does {name} belong to?",
        "Which topic does {name} belong to?",
        "What is the topic of {name}?",
    ),
}
"""How a question of each kind opens a dialogue; repeats weigh more."""

FOLLOW_UPS = {
    "description": ("In a few words?", "And in a few words?"),
    "topic": ("And which topic is it?", "Which topic is that?"),
}
"""How a question is put when its subject was already named."""

LOCATED = re.compile(
    r"\b(?:in|on|of|near|between|off) (?:\w+ )*[A-Z]|\blocated\b"
)


class Question(msgspec.Struct, frozen=True):
    """A question, the answer its document gives, and its subject."""

    kind: str
    """A key of ``PHRASES``, or ``continue``."""
    prompt: str
    reference: str
    subject: str
    """The document's name, without what stands in brackets."""
    document: str
    """The id of the document."""


def make_dialogues(
    documents: Sequence[Document],
    seed: int,
    turns: int = 2,
    subjects: int = 2,
) -> list[Dialogue]:
    """Make instruction dialogues; each fact is asked exactly once.

    The facts of a document come in random order, one to ``turns`` at
    a time. One to ``subjects`` such talks, on different documents,
    make a dialogue, so that a new subject is learnt to be new. Pass
    training documents only.
    """
    # Talk of one document
    talks = []
    for facts in _collect(documents, seed):
        random = Random(f"{seed}:dialogue:{facts[0].document}")
        random.shuffle(facts)
        for group in _groups(facts, turns, random):
            talks.append(_talk(group, random))

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


def _join(talks: Sequence[Dialogue]) -> Dialogue:
    """Make one dialogue of several; it is named by the first."""
    messages = [m for talk in talks for m in talk.messages]
    return Dialogue(tuple(messages), talks[0].document)


def _talk(facts: Sequence[Question], random: Random) -> Dialogue:
    """Ask one document's facts; later questions may be short."""
    turns = [facts[0].prompt, facts[0].reference]
    for fact in facts[1:]:
        short = FOLLOW_UPS.get(fact.kind)
        turns += [
            random.choice(short) if short else fact.prompt,
            fact.reference,
        ]
    return ask(*turns, document=facts[0].document)


def questions(
    documents: Sequence[Document], seed: int, n: int
) -> list[Question]:
    """Choose up to ``n`` questions, of all kinds as evenly as can be.

    Every document is asked once before any is asked a second time.
    """
    # Put the documents in an order that only the seed decides
    ordered = sorted(documents, key=lambda document: document.id)
    waiting = _collect(ordered, seed)
    Random(f"{seed}:questions").shuffle(waiting)

    # Take the kind that was asked least, round after round
    asked: Counter[str] = Counter()
    chosen: list[Question] = []
    while waiting and len(chosen) < n:
        for facts in waiting[: n - len(chosen)]:
            fact = min(facts, key=lambda f: asked[_family(f.kind)])
            facts.remove(fact)
            asked[_family(fact.kind)] += 1
            chosen.append(fact)
        waiting = [facts for facts in waiting if facts]
    return chosen


def _family(kind: str) -> str:
    """Count what, who, where and about as one kind of question."""
    return "sentence" if kind in NAMING else kind


def _collect(
    documents: Sequence[Document], seed: int
) -> list[list[Question]]:
    """Collect the facts of every document that has any.

    A text without a title is asked to go on. So are texts whose title
    tells nothing, if most texts are like that (a folder of chapters).
    """
    common = common_words(documents)
    named = [_facts(d, common, _random(d, seed)) for d in documents]
    speechless = sum(not facts for facts in named) > len(named) / 2
    collected = []
    for document, facts in zip(documents, named, strict=True):
        if not facts and (speechless or not document.title):
            facts = _continuations(document, _random(document, seed))
        if facts:
            collected.append(facts)
    return collected


def _random(document: Document, seed: int) -> Random:
    """Give a document its own chance, whatever stands beside it."""
    return Random(f"{seed}:{document.id}")


def _facts(
    document: Document, common: frozenset[str], random: Random
) -> list[Question]:
    """Ask what a document says of the subject that its title names."""
    name = subject_name(document.title)
    found = definition(document, common)
    opening = "" if found else opening_sentence(document)
    facts = []
    if found:
        kind = question_word(document, found, random)
        facts.append((kind, found.sentence))
    elif opening and not (document.description or document.topic):
        facts.append(("about", opening))
    if name and document.description:
        facts.append(("description", tidy(document.description)))
    if name and document.topic:
        facts.append(("topic", document.topic.strip()))

    # Put each into words
    verb, subject = (found.verb, found.subject) if found else ("", "")
    return [
        Question(
            kind,
            random.choice(PHRASES[kind]).format(
                name=name, verb=verb, subject=subject
            ),
            answer,
            name,
            document.id,
        )
        for kind, answer in facts
        if answer
    ]


def _continuations(
    document: Document, random: Random
) -> list[Question]:
    """Pair sentences with the next ones, if both can stand alone.

    A long text gives one pair for every 2,000 characters, at most 50.
    """
    sentences = [tidy(s) for s in split_sentences(document.text)]
    pairs = [
        (first, second)
        for first, second in zip(sentences, sentences[1:], strict=False)
        if stands_alone(first) and stands_alone(second)
    ]
    count = min(1 + len(document.text) // 2000, 50, len(pairs))
    return [
        Question(
            "continue", f"Continue: {first}", second, "", document.id
        )
        for first, second in random.sample(pairs, count)
    ]


def question_word(
    document: Document, found: Definition, random: Random
) -> str:
    """Choose between who, where and what."""
    if is_person(document):
        return "who"
    placed = document.topic.lower() in {"geography", "places"}
    placed = placed and bool(LOCATED.search(found.sentence))
    return random.choice(("what", "where")) if placed else "what"


def names_subject(question: Question, answer: str) -> bool:
    """Tell whether an answer speaks of what it was asked about."""
    return is_named(question.subject, answer)
