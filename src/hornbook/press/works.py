"""The bibliography, as far as a plain notebook names its works."""

import re
import unicodedata
from dataclasses import dataclass

FIELD = re.compile(
    r"^\s*(?P<name>\w+)\s*=\s*[{\"]?(?P<value>.*?)[}\"]?,?\s*$",
    re.MULTILINE,
)
ACCENTS = {
    "'": "\u0301",
    "`": "\u0300",
    '"': "\u0308",
    "^": "\u0302",
    "~": "\u0303",
    "c": "\u0327",
    "v": "\u030c",
}


@dataclass(frozen=True)
class Work:
    """A work of the bibliography, as far as a notebook names it."""

    author: str
    year: str
    title: str
    url: str = ""


def read_works(bibtex: str) -> dict[str, Work]:
    """Read authors, years and titles from BibTeX entries."""
    works = {}
    for entry in re.split(r"^@", bibtex, flags=re.MULTILINE)[1:]:
        key = entry.split("{", 1)[1].split(",", 1)[0].strip()
        fields = {
            match["name"].lower(): _untex(match["value"].strip())
            for match in FIELD.finditer(entry)
        }
        works[key] = Work(
            _authors(fields.get("author", key)),
            fields.get("year", ""),
            fields.get("title", ""),
            fields.get("url", ""),
        )
    return works


def _untex(value: str) -> str:
    """Write BibTeX's accents and braces as plain characters."""

    def accent(match: re.Match[str]) -> str:
        both = match[2] + ACCENTS[match[1]]
        return unicodedata.normalize("NFC", both)

    value = re.sub(r"\{?\\(['`\"^~cv])\s*\{?(\w)\}?\}?", accent, value)
    value = value.replace("--", "–")
    value = re.sub(r"\\([&$%#_])", r"\1", value)
    return re.sub(r"[{}]|\\(?=[a-zA-Z])", "", value)


def _authors(names: str) -> str:
    """Shorten authors as a citation does: one, two, or et al."""
    people = names.split(" and ")
    last = [
        person.split(",")[0] if "," in person else person.split()[-1]
        for person in people
    ]
    if len(last) == 1:
        return last[0]
    if len(last) == 2 and last[1] != "others":
        return f"{last[0]} and {last[1]}"
    return f"{last[0]} et al."
