"""Pairs of a question and its answer: which stay, and why not."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

KEPT = "kept"
EXAMPLES = 3
QUESTION_CHARACTERS = 5
"""A shorter question asks for nothing."""
LONGEST_CHARACTERS = 2000
"""A longer question or answer is no turn of a dialogue."""

SPANS = frozenset({"year", "place", "agent", "number"})
"""Kinds whose answer is found in the document as it stands."""
WRITTEN, QUOTED = "written", "quoted"
"""What another model wrote, and what it was to quote."""

POINTING = re.compile(
    r"\b(?:(?:this|(?:according to|in|from) the|the (?:above|given))"
    r" (?:text|passage|document|article|excerpt)"
    r"|the (?:text|passage|document|article|excerpt)"
    r" (?:says|states|mentions|describes|does not)"
    r"|(?:laut|im|diese[rmns]?|in diesem|laut dem)"
    r" (?:Text|Dokument|Artikel|Abschnitt)"
    r"|(?:ce|selon le|dans le|d'après le) (?:texte|passage|document)"
    r"|(?:cet|selon l'|dans l') ?article"
    r"|(?:este|según el|en el)"
    r" (?:texto|pasaje|documento|artículo))\b",
    re.IGNORECASE,
)
"""Words for a text that whoever is asked does not see."""


class Question(msgspec.Struct, frozen=True):
    """A question, the answer its document gives, and its subject."""

    kind: str
    """A key of a language's phrases, or the kind of a span."""
    prompt: str
    reference: str
    subject: str
    """The document's name, without what stands in brackets."""
    document: str
    """The id of the document."""


def way_of(kind: str) -> str:
    """Name the way in which a kind of pair is made."""
    if kind in SPANS:
        return "extractive"
    return "writer" if kind in (WRITTEN, QUOTED) else "templates"


def too_short(pair: Question, text: str) -> str:
    """Find a question that asks nothing, an answer without a word."""
    if len(pair.prompt) < QUESTION_CHARACTERS:
        return f"a question of {len(pair.prompt)} characters"
    said = any(letter.isalnum() for letter in pair.reference)
    return "" if said else "an answer without a letter or a digit"


def too_long(pair: Question, text: str) -> str:
    """Find what no small model could learn in one turn."""
    longest = max(len(pair.prompt), len(pair.reference))
    if longest > LONGEST_CHARACTERS:
        return f"{longest:,} characters"
    return ""


def points_at_text(pair: Question, text: str) -> str:
    """Find a written pair that speaks of a text nobody sees."""
    if way_of(pair.kind) != "writer":
        return ""
    found = POINTING.search(f"{pair.prompt}\n{pair.reference}")
    return f"speaks of {found[0]!r}" if found else ""


def not_in_document(pair: Question, text: str) -> str:
    """Find a quotation that does not stand in its document."""
    if pair.kind not in SPANS | {QUOTED}:
        return ""
    found = squeeze(pair.reference) in squeeze(text)
    return "" if found else "the document does not say it like this"


def number_not_in_document(pair: Question, text: str) -> str:
    """Find a written answer with a number that its document lacks."""
    if way_of(pair.kind) != "writer":
        return ""
    known = set(re.findall(r"\d+", text))
    strange = set(re.findall(r"\d+", pair.reference)) - known
    return f"not there: {', '.join(sorted(strange))}" if strange else ""


def verdict(
    pair: Question, text: str, asked: Mapping[str, str]
) -> tuple[str, str]:
    """Give the rule that drops a pair and its finding, or two "".

    ``text`` is all that the pair's document says; ``asked`` has the
    plain answer to every plain question that was kept before.
    """
    for rule, find in RULES.items():
        if finding := find(pair, text):
            return rule, finding
    earlier = asked.get(plain(pair.prompt))
    if earlier is None:
        return "", ""
    if earlier == plain(pair.reference):
        return "same_pair", "asked and answered before"
    return "same_question", f"answered before: {earlier!r:.80}"


def squeeze(text: str) -> str:
    """Write a text's gaps as single spaces, its letters as one."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def plain(text: str) -> str:
    """Take off what does not tell two sentences apart.

    >>> plain("What  is a hat ?") == plain("What is a hat?")
    True
    """
    return squeeze(text).rstrip(" ?!.。？！")


class Sieve:
    """Keeps what passes every rule, and counts what does not."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        """For each way of making pairs: kept, or dropped by a rule."""
        self.examples: dict[str, list[dict[str, str]]] = {}
        self._asked: dict[str, str] = {}

    def keeps(self, pair: Question, text: str) -> bool:
        """Judge a pair by its document's text, and count it."""
        rule, finding = verdict(pair, text, self._asked)
        way = self.counts.setdefault(way_of(pair.kind), Counter())
        way[rule or KEPT] += 1
        if not rule:
            self._asked[plain(pair.prompt)] = plain(pair.reference)
            return True
        shown = self.examples.setdefault(rule, [])
        if len(shown) < EXAMPLES:
            shown.append(
                {
                    "question": pair.prompt,
                    "answer": pair.reference,
                    "document": pair.document,
                    "finding": finding,
                }
            )
        return False

    def card(self) -> dict[str, Any]:
        """Count what came in, what stayed, and what each rule took."""
        whole: Counter[str] = Counter()
        for way in self.counts.values():
            whole.update(way)
        ways = {w: reconcile(n) for w, n in self.counts.items()}
        return {
            **reconcile(whole),
            "ways": ways,
            "examples": self.examples,
        }


def reconcile(counts: Mapping[str, int]) -> dict[str, Any]:
    """Write counts so that in is kept and all that was dropped."""
    dropped = {r: n for r, n in sorted(counts.items()) if r != KEPT}
    return {
        "in": sum(counts.values()),
        "kept": counts.get(KEPT, 0),
        "dropped": dropped,
    }


RULES: dict[str, Callable[[Question, str], str]] = {
    "too_short": too_short,
    "too_long": too_long,
    "points_at_text": points_at_text,
    "not_in_document": not_in_document,
    "number_not_in_document": number_not_in_document,
}
"""What a pair must pass by itself, in this order."""

MEANINGS = {
    "too_short": "a question or an answer without content",
    "too_long": "too long for one turn",
    "points_at_text": "speaks of a text that nobody sees",
    "not_in_document": "a quotation that the document lacks",
    "number_not_in_document": "a number that the document lacks",
    "same_pair": "asked and answered before",
    "same_question": "asked before, with another answer",
}
"""Each rule for people: what is wrong with a pair that it drops."""
