"""Judgements of an answer's form; none of them needs a model.

They say whether an answer is shaped as asked. Whether it is true they
cannot say.
"""

import re
from collections.abc import Collection, Sequence

from hornbook.tuning.pairs import Question
from hornbook.tuning.sentences import ENDS, split_sentences

LOOP_WORDS = 4
CONTROL = re.compile(r"<\|[a-z_]*\|?>?")


def fault(
    question: Question, answer: str, topics: Collection[str]
) -> str:
    """Say what is wrong with an answer's form; "" if nothing is.

    A *topic* must be one of the topics, letter for letter. A
    *description* must be one line of 1 to 12 words, begin with a
    capital or a digit and end without a full stop. Every other answer
    must be exactly one sentence of 3 to 40 words that begins with a
    capital or a digit and ends with a full stop, a question mark or
    an exclamation mark. None may hold a control token, or the same
    four words in a row twice, whatever marks stand between them.
    """
    # Look for what no answer may hold
    words = answer.split()
    if not words:
        return "empty"
    if CONTROL.search(answer):
        return "control token"
    if loops(re.findall(r"\w+", answer)):
        return "loop"

    # Hold it against the form that its question asks for
    if question.kind == "topic":
        return "" if answer in topics else "not a topic"
    if not (answer[0].isupper() or answer[0].isdigit()):
        return "no capital"
    if question.kind == "description":
        if len(words) > 12 or "\n" in answer:
            return "too long"
        return "full stop" if answer[-1] in ENDS else ""
    if answer[-1] not in ENDS:
        return "no end"
    if len(split_sentences(answer)) != 1:
        return "not one sentence"
    return "" if 3 <= len(words) <= 40 else "length"


def loops(words: Sequence[str], size: int = LOOP_WORDS) -> bool:
    """Tell whether ``size`` words in a row stand there twice.

    >>> loops("a bird of the sea and a bird of the sea".split())
    True
    """
    runs = [
        tuple(words[start : start + size])
        for start in range(len(words) - size + 1)
    ]
    return len(set(runs)) < len(runs)
