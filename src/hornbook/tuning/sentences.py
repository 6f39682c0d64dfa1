"""Sentences: where they end, and which of them can stand alone."""

import re

LIMIT_CHARACTERS = 200
"""Longer sentences are no answers for a small model."""

ENDS = ".!?。！？"

SHORT_FORMS = """
    approx b c ca cf co col corp d dr e.g ed eds esp est etc fl fr ft
    gen gov h i.e inc jr lit lt ltd m mr mrs ms mt mts no nos op p ph.d
    pp prof r rev rom sec sen sgt sr ss st ste trans v viz vol vols vs
    jan feb mar apr jun jul aug sep sept oct nov dec
"""
ABBREVIATIONS = frozenset(SHORT_FORMS.split())
"""Words that take a full stop without ending a sentence."""

OPENERS = re.compile(
    "(?:The|A|An|It|Its|In|He|She|His|Her|They|Their|This|These|At|On"
    "|By|For|As|With|From|Since|There|However|During|After|Both|Most"
    r"|Many|Some|When|While|Although|Today|Unlike)\s"
)

_STOP = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s)|[。！？]+[」』”’]*")
_LAST_WORD = re.compile(r"([^\s(\[\"'“]*)$")
_DAY = re.compile(r"\b\d{1,2}\.$")
_BRACKETS = re.compile(r"\s*(?:\([^()\[\]]*\)|\[[^()\[\]]*\])")
_GAP = re.compile(r"\s{2,}|\s[,.;:]|[,;(]\s*[,.;)]|\(\s")
_GAP_BEFORE_VERB = re.compile(r"\s{2,}(?=(?:is|are|was|were)\b)")
_DEBRIS = re.compile(r"``|''|<\||\|>|\\|[()\[\]{}]|--|\.\.\.|\ufffd")
_CUT = re.compile(
    r"(?:,| –|;) (?:including|such as|which|who|whose|where|with|but"
    r"|and (?:is|was|are|were|has|which)|as well as|usually|typically"
    r"|often|especially|particularly|known for|best known|although"
    r"|bounded|bordered|located|situated|comprising|consisting|serving"
    r"|making|covering|characterized|based|when|in which|of which)\b"
)
_HANGING = re.compile(
    r"^(?:Al)?[Tt]hough |\b(?:[Ww]hen|[Ww]hile|[Ww]hether|[Ii]f|such as"
    r"|where|either|between|both) |\b(?:many|some|most|of|and|or|the)$"
)


def split_sentences(text: str, language: str = "en") -> list[str]:
    """Cut a text into its sentences, in order.

    A full stop ends a sentence only when a capital, a digit or a quote
    follows, and when it does not belong to an abbreviation, an initial
    or an open bracket; nor, in German, to a day of the month.

    >>> split_sentences("St. Ives is in the U.S. now. It rains.")
    ['St. Ives is in the U.S. now.', 'It rains.']
    """
    sentences = []
    for paragraph in re.split(r"\s*\n\s*", text):
        start = 0
        for stop in _STOP.finditer(paragraph):
            day = language == "de" and _DAY.search(
                paragraph, start, stop.end()
            )
            if not day and _ends_here(paragraph, start, stop):
                sentences.append(paragraph[start : stop.end()].strip())
                start = stop.end()
        if paragraph[start:].strip():
            sentences.append(paragraph[start:].strip())
    return sentences


def _ends_here(text: str, start: int, stop: re.Match[str]) -> bool:
    """Judge whether this full stop closes the sentence."""
    body = text[start : stop.start()]
    after = text[stop.end() :].lstrip()
    if stop[0][0] in "。！？" or not after:
        return True
    if body.count("(") > (body + stop[0]).count(")"):
        return False
    first = after.lstrip("\"'“‘([")[:1]
    if not first.isalnum() or first.islower():
        return False
    if stop[0][0] != ".":
        return True

    # Keep together what the stop only shortens
    found = _LAST_WORD.search(body)
    word = found[1] if found else ""
    if word.lower() in ABBREVIATIONS:
        return False
    if re.fullmatch(r"(?:\w\.)*[^\W\d_]", word):
        return bool(OPENERS.match(after))
    return True


def tidy(sentence: str) -> str:
    """Take brackets out of a sentence and close the gaps they leave.

    >>> tidy("Bede (died 735) was a monk , and a saint.")
    'Bede was a monk, and a saint.'
    """
    previous = ""
    while previous != sentence:
        previous, sentence = sentence, _BRACKETS.sub("", sentence)
    sentence = re.sub(r"\s+", " ", sentence).strip()
    sentence = re.sub(r"\s+([,.;:!?])", r"\1", sentence)
    return re.sub(r"[,;:]+([,.;:])", r"\1", sentence)


def stands_alone(sentence: str, limit: int = LIMIT_CHARACTERS) -> bool:
    """Judge whether a tidied sentence is whole, clean and short."""
    words = sentence.split()
    return (
        3 <= len(words) <= 40
        and len(sentence) <= limit
        and (sentence[0].isupper() or sentence[0].isdigit())
        and sentence[-1] in ENDS
        and sentence.count('"') % 2 == 0
        and sentence.count("“") == sentence.count("”")
        and not _DEBRIS.search(sentence)
    )


def answer_sentence(raw: str, limit: int = LIMIT_CHARACTERS) -> str:
    """Make an answer of a sentence, or give "" where it cannot be one.

    A hole where a formula or a foreign word once stood spoils it. A
    sentence that is too long may end before a clause that only adds.
    """
    # Refuse holes that are not the work of a bracket
    bare = _GAP_BEFORE_VERB.sub(" ", raw)
    previous = ""
    while previous != bare:
        previous, bare = bare, _BRACKETS.sub("", bare)
    if _GAP.search(bare.strip()):
        return ""

    # Shorten at the first clause that leaves a whole sentence behind
    sentence = tidy(raw)
    if len(sentence) > limit:
        cut = _CUT.search(sentence, 60)
        sentence = sentence[: cut.start()] if cut else ""
        if _HANGING.search(sentence):
            return ""
        sentence += "."
    return sentence if stands_alone(sentence, limit) else ""
