"""Project Gutenberg's plain books: the text, less what was put around.

Editions of thirty years mark their beginning and end in their own
ways; where no mark stands, the text is taken as it is.
"""

import re
from datetime import datetime

from hornbook.corpus.encodings import decode
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig

LICENCE = "Public domain in the USA"
ADDRESS = "https://www.gutenberg.org/ebooks/"
HEADER_BYTES = 20_000
HEADER_CHARACTERS = 20_000
NOTE_CHARACTERS = 3_000

START = re.compile(
    r"^ ?\*\*\* ?START (?:OF|:) ?.*?(?:\*\*\*|\n\s*\n)",
    re.MULTILINE | re.IGNORECASE | re.DOTALL,
)
SMALL_PRINT = re.compile(
    r"^\*END ?\*? ?THE SMALL PRINT!.*$", re.MULTILINE
)
END = re.compile(
    r"^ ?\*\*\* ?END (?:OF|:) ?.*?$"
    r"|^\W*End of (?:the |this )?(?:The )?Project Gutenberg.*$",
    re.MULTILINE | re.IGNORECASE,
)
CREDIT = re.compile(
    r"\A\s*(?:(?:E-?text|This e-?(?:text|book) was |Produced|Prepared"
    r"|Transcribed|Scanned)\b[^\n]*\n(?:[^\n]+\n)*\s*\n)+",
    re.IGNORECASE,
)
NOTE = re.compile(
    r"^[ \t]*[\[*_]*(?:\+-+\+\s*\|?\s*)?Transcriber[’']?s?[’']?s? "
    r"notes?\b.*?(?:\](?=\s*\n)|\n[ \t]*\n[ \t]*\n|\Z)",
    re.MULTILINE | re.IGNORECASE | re.DOTALL,
)
FIELD = r"^{}\s*:[ \t]*([^\n]+(?:\n[ \t]+[^\n:]+)*)"
NUMBER = re.compile(r"\[\s*e-?(?:book|text) ?#\s*(\d+)", re.IGNORECASE)
BRACKETED = re.compile(
    r"\A\s*\[(.+?)(?:,? by ([^\]]+?))?(?: (\d{4}))?\]\s*?\n"
)
CHARSET = re.compile(
    rb"^Character set encoding:\s*([\w.-]+)", re.MULTILINE | re.I
)
LANGUAGES = {
    "chinese": "zh",
    "dutch": "nl",
    "english": "en",
    "esperanto": "eo",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hungarian": "hu",
    "italian": "it",
    "latin": "la",
    "portuguese": "pt",
    "spanish": "es",
    "swedish": "sv",
}


def read_book(data: bytes, source: SourceConfig) -> Raw:
    """Take a book: its text, and what its header says of it.

    Raises:
        Unreadable: the bytes are no text.
    """
    told = source.encoding or declared_encoding(data)
    text = decode(data, told).replace("\r\n", "\n")
    text = text.replace("\x1a", "")
    begin, end = find_body(text)
    header, body = text[:begin], text[begin:end]

    # Read the header, or the line that stands for one
    title = header_field(header, "Title")
    author = header_field(header, "Author")
    date = release_day(header_field(header, "Release date"))
    line = BRACKETED.match(body)
    if not title and line:
        title, author, date = (part or "" for part in line.groups())
        body = body[line.end() :]
    number = NUMBER.search(header)

    # Take off what those who typed it added
    body = CREDIT.sub("", body, count=1)
    first, rest = body[:HEADER_CHARACTERS], body[HEADER_CHARACTERS:]
    body = drop_notes(first) + rest
    language = header_field(header, "Language").lower()
    return Raw(
        text=drop_last_note(body).strip() + "\n",
        title=title,
        description=f"by {author}" if author else "",
        date=date,
        language=LANGUAGES.get(language, ""),
        licence=LICENCE,
        url=ADDRESS + number[1] if number else "",
    )


def declared_encoding(data: bytes) -> str:
    """Read the encoding that a book's header names, if it is right."""
    found = CHARSET.search(data[:HEADER_BYTES])
    if found is None:
        return ""
    name = found[1].decode("ascii").lower()
    try:
        data.decode(name)
    except (LookupError, UnicodeDecodeError):
        return ""
    return "" if name in ("ascii", "us-ascii", "utf-8") else name


def find_body(text: str) -> tuple[int, int]:
    """Find where a book's own text begins and ends.

    In the oldest editions the small print comes first and its end is
    the beginning of the text; in some it comes last.
    """
    start = START.search(text)
    begin = start.end() if start else 0
    end = END.search(text, begin)
    stop = end.start() if end else len(text)
    for found in SMALL_PRINT.finditer(text, begin, stop):
        begin = found.end()
    return begin, stop


def header_field(header: str, name: str) -> str:
    r"""Read a field of the header, whose value may go on.

    >>> header_field("Title: Hats\n  and Caps\nAuthor: A", "Title")
    'Hats and Caps'
    """
    pattern = FIELD.format(name)
    found = re.search(pattern, header, re.MULTILINE | re.IGNORECASE)
    return " ".join(found[1].split()) if found else ""


def release_day(told: str) -> str:
    """Write a day down as 2008-06-25, or as much of it as is told.

    >>> release_day("June 25, 2008 [EBook #11]")
    '2008-06-25'
    >>> release_day("January, 1994  [Etext #105]")
    '1994-01'
    """
    told = told.partition("[")[0].strip()
    for form, shown in DAYS.items():
        try:
            return datetime.strptime(told, form).strftime(shown)
        except ValueError:
            continue
    return ""


def drop_notes(text: str) -> str:
    """Take transcriber's notes out; a long one may be the book's."""

    def shorten(found: re.Match[str]) -> str:
        return "" if len(found[0]) <= NOTE_CHARACTERS else found[0]

    return NOTE.sub(shorten, text)


def drop_last_note(text: str) -> str:
    """Take a transcriber's note off a book's end."""
    last = max(len(text) - NOTE_CHARACTERS, 0)
    return text[:last] + drop_notes(text[last:])


DAYS = {
    "%B %d, %Y": "%Y-%m-%d",
    "%B, %Y": "%Y-%m",
    "%B %Y": "%Y-%m",
    "%Y-%m-%d": "%Y-%m-%d",
    "%Y": "%Y",
}
