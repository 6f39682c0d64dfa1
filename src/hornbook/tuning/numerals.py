"""Numbers in an answer: found, and compared exactly."""

import re
from fractions import Fraction

TAGGED = re.compile(r"<answer>(.*?)</answer>|####(.*)", re.DOTALL)
NUMERAL = re.compile(
    r"(?<![\w.)])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?"
    r"|(?<=[\w)])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?"
)
"""A minus after a word, a number or a bracket takes away."""
LONGEST = 100
"""Digits beyond which nothing is taken for a number."""


def final_number(text: str) -> Fraction | None:
    """Give the number that an answer ends in.

    That is the last in the last ``<answer>`` tag, or after the last
    ``####``, or, where there is neither, in the whole text.

    >>> final_number("12 hats and 1,030.50 coats")
    Fraction(2061, 2)
    >>> final_number("<answer>7</answer> of 9")
    Fraction(7, 1)
    """
    tagged = list(TAGGED.finditer(text))
    if tagged:
        text = tagged[-1][1] or tagged[-1][2] or ""
    found = NUMERAL.findall(text)
    return parse(found[-1]) if found else None


def parse(numeral: str) -> Fraction | None:
    """Read one numeral; None where it is too long, or no number."""
    plain = numeral.replace(",", "")
    whole, _, below = plain.partition("/")
    if len(plain) > LONGEST or (below and not int(below)):
        return None
    return Fraction(whole) / int(below or 1)
