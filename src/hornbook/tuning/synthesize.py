"""Dialogues made from documents: the questions a text can answer.

No model invents anything here. What a title, a description, a topic
and a first sentence say becomes a question with its answer.
"""

import re
from collections import Counter
from collections.abc import Sequence
from random import Random

from hornbook.base.dialogue import Dialogue
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
from hornbook.tuning.pairs import Question, Sieve
from hornbook.tuning.phrasing import ENGLISH, PHRASES
from hornbook.tuning.questions import language_of, opening, spans
from hornbook.tuning.sentences import (
    split_sentences,
    stands_alone,
    tidy,
)
from hornbook.tuning.talks import make_talks

NAMING = frozenset({"what", "who", "where", "about"})
"""Kinds whose answer is a sentence that names its subject."""

LOCATED = re.compile(
    r"\b(?:in|on|of|near|between|off) (?:\w+ )*[A-Z]|\blocated\b"
)


def make_dialogues(
    documents: Sequence[Document],
    seed: int,
    turns: int = 2,
    subjects: int = 2,
    extractive: bool = False,
) -> list[Dialogue]:
    """Make instruction dialogues; each fact is asked exactly once.

    The facts of a document come in random order, one to ``turns`` at
    a time. One to ``subjects`` such talks, on different documents,
    make a dialogue, so that a new subject is learnt to be new. If
    ``extractive``, years, places, makers and numbers are asked too.
    Pass training documents only.
    """
    facts = collect(documents, seed, extractive)
    kept = sift(documents, facts, Sieve())
    tongues = {d.id: tongue_of(d) for d in documents}
    talks = make_talks(kept, tongues, seed, turns, subjects)
    return [talk.dialogue for talk in talks]


def sift(
    documents: Sequence[Document],
    facts: Sequence[Sequence[Question]],
    sieve: Sieve,
) -> list[list[Question]]:
    """Keep of each document's pairs those that pass every rule."""
    return [
        [pair for pair in pairs if sieve.keeps(pair, text)]
        for pairs, text in zip(
            facts, (d.full_text for d in documents), strict=True
        )
    ]


def questions(
    documents: Sequence[Document], seed: int, n: int
) -> list[Question]:
    """Choose up to ``n`` questions, of all kinds as evenly as can be.

    Every document is asked once before any is asked a second time.
    """
    # Put the documents in an order that only the seed decides
    ordered = sorted(documents, key=lambda document: document.id)
    waiting = [facts for facts in collect(ordered, seed) if facts]
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


def collect(
    documents: Sequence[Document], seed: int, extractive: bool = False
) -> list[list[Question]]:
    """Collect the facts of every document; some have none.

    A text without a title is asked to go on. So are texts whose title
    tells nothing, if most texts are like that (a folder of chapters).
    """
    common = common_words(documents)
    collected = [_facts(d, common, _random(d, seed)) for d in documents]
    if extractive:
        for document, facts in zip(documents, collected, strict=True):
            facts += _extracts(document)
    speechless = sum(not facts for facts in collected)
    most = speechless > len(collected) / 2
    for document, facts in zip(documents, collected, strict=True):
        if not facts and (most or not document.title):
            facts += _continuations(document, _random(document, seed))
    return collected


def _random(document: Document, seed: int) -> Random:
    """Give a document its own chance, whatever stands beside it."""
    return Random(f"{seed}:{document.id}")


def tongue_of(document: Document) -> str:
    """Give the language to ask in: English, where we lack its own."""
    code = language_of(document)
    return code if code in PHRASES else ENGLISH


def _extracts(document: Document) -> list[Question]:
    """Ask for the years, places, makers and numbers of a text."""
    name = subject_name(document.title)
    return [
        Question(kind, prompt, answer, name, document.id)
        for kind, prompt, answer in spans(document, tongue_of(document))
    ]


def _facts(
    document: Document, common: frozenset[str], random: Random
) -> list[Question]:
    """Ask what a document says of the subject that its title names."""
    name, tongue = subject_name(document.title), tongue_of(document)
    english = tongue == ENGLISH
    found = definition(document, common) if english else None
    if english:
        first = "" if found else opening_sentence(document)
    else:
        first = opening(document, tongue)
    facts = []
    if found:
        kind = question_word(document, found, random)
        facts.append((kind, found.sentence))
    elif first and not (
        english and (document.description or document.topic)
    ):
        facts.append(("about", first))
    if name and document.description:
        facts.append(("description", tidy(document.description)))
    if name and document.topic:
        facts.append(("topic", document.topic.strip()))

    # Put each into words
    verb, subject = (found.verb, found.subject) if found else ("", "")
    return [
        Question(
            kind,
            random.choice(PHRASES[tongue].phrases[kind]).format(
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
    tongue = tongue_of(document)
    sentences = [
        tidy(s) for s in split_sentences(document.text, tongue)
    ]
    (form,) = PHRASES[tongue].phrases["continue"]
    pairs = [
        (first, second)
        for first, second in zip(sentences, sentences[1:], strict=False)
        if stands_alone(first) and stands_alone(second)
    ]
    count = min(1 + len(document.text) // 2000, 50, len(pairs))
    return [
        Question(
            "continue",
            form.format(name=first),
            second,
            "",
            document.id,
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
