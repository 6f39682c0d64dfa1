"""Definitions: what a text's first sentence says its subject is."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import msgspec

from hornbook.base.document import Document
from hornbook.tuning.sentences import (
    answer_sentence,
    split_sentences,
    tidy,
)

COPULA = re.compile(r"\b(is|are|was|were)\b")
EVASIVE = re.compile(
    r"(?:not|also|still|now|currently|only|available|common|found|set"
    r"|due|in|on|at|to|from|by|as|more|less|no|very|able|likely|often"
    r"|usually|generally|possible|when|that"
    r"|(?!located|situated|united)\w+(?:ed|ing)) ",
    re.IGNORECASE,
)
"""What follows "is" where a sentence is no definition."""
FIELD = re.compile(r"(?:In|Within|On) ")
ARTICLE = re.compile(r"(?:an?|the) ")
PLURAL = re.compile(r"(?:e?s)?(?=[ ,])")
LIFESPAN = re.compile(r"\b(\d{3,4})[–-](\d{3,4})\)|\b(?:born|died) ")
MID_SENTENCE = re.compile(r"(?<=[a-z,;] )[A-Za-z][a-z]+")


class Definition(msgspec.Struct, frozen=True):
    """A first sentence that says what its subject is."""

    sentence: str
    verb: str
    """The sentence's own form: is, are, was or were."""
    subject: str
    """As a question names it: "a hat", "porcupines", "Kannada"."""


def definition(
    document: Document, common: frozenset[str] = frozenset()
) -> Definition | None:
    """Read the first sentence as a definition, where it is one.

    It is one when it opens with the title and goes on to say what the
    subject "is", "are", "was" or "were". Where it opens with a longer
    form of a person's name, which nobody could know who is asked by
    the title, the title takes its place.
    """
    name = subject_name(document.title)
    sentence = first_sentence(document)
    verb = COPULA.search(sentence)
    if not verb or EVASIVE.match(sentence, verb.end() + 1):
        return None
    head = sentence[: verb.start()]

    # Take the subject as the sentence writes it, article included
    place = _opening(name, head)
    if not place:
        if not (is_person(document) and is_named(name, head)):
            return None
        plain = f"{name} {sentence[verb.start() :]}"
        return Definition(plain, verb[1], name)
    article, surface = place.article, place.surface
    if place.start == 0 and not article:
        surface = _in_case(surface, document, common)
    return Definition(sentence, verb[1], f"{article} {surface}".strip())


class Opening(msgspec.Struct, frozen=True):
    """Where a sentence names its subject, and how."""

    start: int
    """0, or where the subject stands after "In mathematics, "."""
    article: str
    surface: str


def _opening(name: str, sentence: str) -> Opening | None:
    """Find the name, or its plural, where a sentence opens with it."""
    if not name:
        return None
    plain, wanted = fold(sentence).lower(), fold(name).lower()
    starts = [0]
    if FIELD.match(sentence):
        starts += [m.end() for m in re.finditer(", ", sentence)]
    for start in starts:
        article = ARTICLE.match(plain, start)
        begin = article.end() if article else start
        if plain.startswith(wanted, begin):
            end = PLURAL.match(plain, begin + len(wanted))
            if end:
                article_word = plain[start:begin].strip()
                surface = sentence[begin : end.end()]
                return Opening(start, article_word, surface)
    return None


def _in_case(
    surface: str, document: Document, common: frozenset[str]
) -> str:
    """Lower the first letter of a common noun that opens a sentence."""
    first, *rest = surface.split()
    if any(word[0].isupper() for word in rest) or is_person(document):
        return surface

    # Ask the text itself, then what all texts do
    lowered = surface[0].lower() + surface[1:]
    words = set(MID_SENTENCE.findall(document.text))
    if first in words:
        return surface
    if first.lower() in words:
        return lowered
    dated = re.search(r"\b\d{4}\b", document.description)
    return lowered if first.lower() in common and not dated else surface


def common_words(documents: Iterable[Document]) -> frozenset[str]:
    """Find words that texts mostly write small within a sentence."""
    small: Counter[str] = Counter()
    for document in documents:
        for word in MID_SENTENCE.findall(document.text):
            small[word.lower()] += 1 if word[0].islower() else -2
    return frozenset(word for word, count in small.items() if count > 0)


def is_person(document: Document) -> bool:
    """Tell whether a document is about a person or a group of them."""
    if document.topic:
        return document.topic.lower() in {"people", "person", "persons"}
    found = LIFESPAN.search(document.description)
    if not found:
        return bool(re.search(r"\(born ", document.text[:200]))
    return not found[1] or int(found[2]) - int(found[1]) > 20


def opening_sentence(document: Document) -> str:
    """Give the first sentence if it opens with the title, else ""."""
    sentence = first_sentence(document)
    place = _opening(subject_name(document.title), sentence)
    return sentence if place and place.start == 0 else ""


def subject_name(title: str) -> str:
    """Drop what only tells two titles apart.

    >>> subject_name("Siemens (unit)")
    'Siemens'
    """
    return tidy(title)


def first_sentence(document: Document) -> str:
    """Give the first sentence as an answer, or "" if it makes none."""
    sentences = split_sentences(document.text[:2000])
    return answer_sentence(sentences[0]) if sentences else ""


def is_named(name: str, text: str) -> bool:
    """Tell whether all words of a name stand in a text."""
    wanted = _stems(name)
    return bool(wanted) and wanted <= _stems(text)


def _stems(text: str) -> set[str]:
    """Give the words, small, without accents or plural endings."""
    words = re.findall(r"\w+", fold(text).lower())
    return {
        re.sub(r"(?:ies|y)$", "i", re.sub(r"(?<=..)e?s$", "", word))
        for word in words
    }


def fold(text: str) -> str:
    """Take the accents off, letter for letter.

    >>> fold("Mahāyāna")
    'Mahayana'
    """
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFD", c)[0] for c in text)
