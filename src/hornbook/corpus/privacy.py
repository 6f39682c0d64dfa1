"""Personal data: found, and masked by words that say what stood there.

A model learns what it reads: an address that stands in the text may
stand in an answer. So addresses, numbers and keys are written over by
fixed words such as ``<email>``, which it may learn instead. Whatever
has a checksum must pass it; what only looks like a number of the kind
(a date, a price, an ISBN, a version) stays.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

import msgspec

from hornbook.corpus.private_forms import (
    A_VERSION,
    ACCOUNT,
    ANY_NUMBER,
    ASKED,
    ASSIGNMENT,
    CARD,
    CARD_LENGTHS,
    COLONS,
    EMAIL,
    FILE_ENDS,
    FOUR_NUMBERS,
    IBAN,
    IBAN_LENGTHS,
    IP4,
    IP6,
    KEYS,
    LONG_NUMBER,
    NATIONAL,
    NO_SECRET,
    NOT_A_NUMBER,
    NOT_AN_ADDRESS,
    PHONE_ABROAD,
    SECRET_NAME,
    UNIT,
)

BEFORE_CHARACTERS = 24
LINE_CHARACTERS = 120
NAME_CHARACTERS = 40
LONGEST_NUMBER = 1_000
LEAST_ENTROPY = 2.5


class PrivacyConfig(msgspec.Struct, frozen=True):
    """Which personal data is masked."""

    kinds: tuple[str, ...] = ()
    """Of ``email``, ``phone``, ``iban``, ``card``, ``ip`` and
    ``secret``; none: the text stays as it is."""

    def __post_init__(self) -> None:
        """Refuse kinds that are not known."""
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(
                    f"'kinds' names {kind!r}; known are "
                    f"{', '.join(KINDS)}"
                )


class Span(NamedTuple):
    """A place in a text and what stands there."""

    kind: str
    start: int
    stop: int


Place = tuple[int, int]
Finder = Callable[[str], Iterator[Place]]


def find_private(text: str, kinds: tuple[str, ...]) -> list[Span]:
    """Find personal data of some kinds, in the order of the text.

    No two places overlap: where two kinds claim one, the kind that
    comes first in ``KINDS`` has it.

    >>> find_private("Write to ada@hat.org.", ("email",))
    [Span(kind='email', start=9, stop=20)]
    """
    taken: list[Span] = []
    for kind, finder in KINDS.items():
        if kind not in kinds:
            continue
        fresh = [Span(kind, *place) for place in finder(text)]
        if taken and fresh:
            claimed = bytearray(len(text))
            for span in taken:
                size = span.stop - span.start
                claimed[span.start : span.stop] = b"\1" * size
            fresh = [s for s in fresh if not any(claimed[s[1] : s[2]])]
        taken += fresh
    return sorted(taken, key=lambda span: span.start)


def mask(
    text: str, kinds: tuple[str, ...]
) -> tuple[str, dict[str, int]]:
    """Write over personal data, and count it by kind.

    >>> mask("Write to ada@hat.org.", ("email",))
    ('Write to <email>.', {'email': 1})
    """
    parts, end = [], 0
    spans = find_private(text, kinds)
    for span in spans:
        parts += [text[end : span.start], f"<{span.kind}>"]
        end = span.stop
    parts.append(text[end:])
    return "".join(parts), dict(Counter(span.kind for span in spans))


def emails(text: str) -> Iterator[Place]:
    """Find addresses of e-mail, also with "(at)" for the sign."""
    if "@" not in text and "at)" not in text and "at]" not in text:
        return
    for match in EMAIL.finditer(text):
        local, _, domain = match.group().partition("@")
        end = domain.rpartition(".")[2].lower()
        if end not in FILE_ENDS and local != "git":
            yield match.span()


def ibans(text: str) -> Iterator[Place]:
    """Find bank accounts: a country's length, and a rest of 1 by 97."""
    if not ACCOUNT.search(text):
        return
    for match in IBAN.finditer(text):
        size = IBAN_LENGTHS.get(match.group()[:2], 0)
        place = _first_characters(match, size)
        letters = re.sub("[ \xa0-]", "", text[slice(*place)])
        if len(letters) != size or size == 0:
            continue
        turned = letters[4:] + letters[:4]
        number = "".join(str(int(letter, 36)) for letter in turned)
        if int(number) % 97 == 1:
            yield place


def cards(text: str) -> Iterator[Place]:
    """Find payment cards: a known beginning and Luhn's check digit."""
    for match in _around(text, (CARD,)):
        digits = re.sub("[ -]", "", match.group())
        lengths = next(
            (
                lengths
                for form, lengths in CARD_LENGTHS.items()
                if re.match(form, digits)
            ),
            (),
        )
        if len(digits) in lengths and luhn(digits):
            yield match.span()


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others.

    >>> luhn("79927398713"), luhn("79927398710")
    (True, False)
    """
    total = sum(map(int, digits[-1::-2]))
    for digit in digits[-2::-2]:
        total += sum(divmod(2 * int(digit), 10))
    return total % 10 == 0


def phones(text: str) -> Iterator[Place]:
    """Find telephone numbers.

    A number with a country's code says itself what it is; a national
    one by its form, and any other by a word before it, such as "Tel.".
    """
    end = 0
    forms = (PHONE_ABROAD, NATIONAL, ANY_NUMBER)
    for match in _around(text, forms):
        start, stop = _unwrap(match)
        digits = sum(map(str.isdigit, match["number"]))
        if start < end or not 6 <= digits <= 15:
            continue
        before = text[max(0, start - BEFORE_CHARACTERS) : start]
        if not ASKED.search(before) and (
            match.re is ANY_NUMBER
            or NOT_A_NUMBER.search(before)
            or UNIT.match(text, stop)
        ):
            continue
        end = stop
        yield start, stop


def _unwrap(match: re.Match[str]) -> Place:
    """Give a number's place, without brackets around all of it."""
    number = match["number"]
    start, stop = match.span("number")
    if number[0] == "(" and number.find(")") in (-1, len(number) - 1):
        start += 1
    if number[-1] == ")" and number.rfind("(") < 1:
        stop -= 1
    return start, stop


def _around(
    text: str, forms: tuple[re.Pattern[str], ...]
) -> Iterator[re.Match[str]]:
    """Look for forms where long numbers are, and nowhere else."""
    for number in LONG_NUMBER.finditer(text):
        start, stop = number.span()
        digits = sum(map(str.isdigit, number.group()))
        if digits < 6 or stop - start > LONGEST_NUMBER:
            continue
        start, stop = max(0, start - 3), stop + 6
        found = [
            match
            for form in forms
            for match in form.finditer(text, start, stop)
        ]
        yield from sorted(found, key=lambda m: (m.start(), -m.end()))


def addresses(text: str) -> Iterator[Place]:
    """Find the addresses of machines, but no versions.

    A machine's address of itself, and what masks a net, is nobody's.
    """
    for match in IP6.finditer(text) if COLONS.search(text) else ():
        if any(map(str.isdigit, match.group())) and _is_address(match):
            yield match.span()
    version = -LINE_CHARACTERS
    dotted = FOUR_NUMBERS.search(text)
    for match in IP4.finditer(text) if dotted else ():
        start, stop = match.span()
        before = text[max(0, start - BEFORE_CHARACTERS) : start]
        near = start - version < LINE_CHARACTERS
        if (
            NOT_AN_ADDRESS.search(before)
            or A_VERSION.match(text, stop)
            or (near and "\n" not in text[version:start])
        ):
            version = stop
        elif _is_address(match):
            yield start, stop


def _is_address(match: re.Match[str]) -> bool:
    """Tell whether an address is well formed, and another machine's."""
    try:
        address = ip_address(match.group())
    except ValueError:
        return False
    netmask = address.version == 4 and int(address) >> 24 == 255
    return not (address.is_loopback or netmask or not int(address))


def secrets(text: str) -> Iterator[Place]:
    """Find keys and passwords: by their forms, or by their names."""
    end = 0
    for start, stop in sorted(_secrets(text), key=_longest_first):
        if start >= end:
            yield start, stop
            end = stop


def _secrets(text: str) -> Iterator[Place]:
    """Find keys in the order of their forms."""
    for hints, pattern in KEYS:
        if any(hint in text for hint in hints):
            for match in pattern.finditer(text):
                yield match.span(match.lastindex or 0)
    if "=" not in text and ":" not in text and "：" not in text:
        return
    for match in ASSIGNMENT.finditer(text):
        start = match.start()
        name = text[max(0, start - NAME_CHARACTERS) : start]
        if _is_random(match[1]) and SECRET_NAME.search(name):
            yield match.span(1)


def _is_random(value: str) -> bool:
    """Tell whether a value looks like a secret, not like a word."""
    digits = any(map(str.isdigit, value))
    letters = any(map(str.isalpha, value))
    return (
        digits
        and letters
        and not NO_SECRET.search(value)
        and entropy(value) >= LEAST_ENTROPY
    )


def entropy(text: str) -> float:
    """Give the mean information of a text's characters.

    Units: bits per character.

    >>> entropy("aabb")
    1.0
    """
    shares = [n / len(text) for n in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def _first_characters(match: re.Match[str], size: int) -> Place:
    """Give the place of a match's first so many letters and digits."""
    start, stop = match.span()
    for at in range(start, stop):
        size -= match.string[at].isalnum()
        if size == 0:
            return start, at + 1
    return start, stop


def _longest_first(place: Place) -> Place:
    """Order places by where they begin, the longer first."""
    return place[0], -place[1]


KINDS: dict[str, Finder] = {
    "secret": secrets,
    "email": emails,
    "iban": ibans,
    "card": cards,
    "ip": addresses,
    "phone": phones,
}
