"""Files of several forms into raw texts with their titles."""

import codecs
import re
from collections.abc import Callable
from typing import Any

import msgspec

from hornbook.corpus.config import SourceConfig

DEEPEST_MAIN_CONTENT = 500
LONGEST_TITLE_CHARACTERS = 200

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
FRONT_TITLE = re.compile(r"^title:\s*(.+)$", re.MULTILINE)
FENCE = re.compile(r"^ {0,3}(```|~~~)", re.MULTILINE)
HEADING = re.compile(r"^#\s+(?:Title:\s*)?(.+?)\s*#*$", re.MULTILINE)
MOST_LINES_ABOVE = 5
"""A heading below more lines of text is one of a part."""
TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)")
NAVIGATION = (
    ".navheader, .navfooter, "
    "table[summary*=avigation], [role=navigation]"
)
"""What leads to other pages, as DocBook and others mark it."""
# These hold nothing, or close themselves when the next one opens
FLAT_TAGS = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input"),
        *("link", "meta", "param", "source", "track", "wbr"),
        *("a", "dd", "dt", "li", "option", "p", "td", "th", "tr"),
    )
)


class Unreadable(ValueError):
    """A file or a record cannot be read; the message says why."""


class Raw(msgspec.Struct, frozen=True):
    """A text as its source has it, or the reason there is none."""

    text: str = ""
    title: str = ""
    description: str = ""
    topic: str = ""
    place: str = ""
    """Where in its file it stands, if that needs saying."""
    problem: str = ""
    """Why it could not be read."""


def decode(data: bytes, encoding: str) -> str:
    """Decode a text file, by its own mark or as its source says.

    Raises:
        Unreadable: the bytes are no text in that encoding.
    """
    for mark, name in MARKS.items():
        if data.startswith(mark):
            encoding = name
    if b"\0" in data and not encoding.startswith("utf-16"):
        raise Unreadable("a binary file")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"not {encoding} text; set 'encoding' of its source"
        ) from error


def read_plain(data: bytes, source: SourceConfig) -> Raw:
    """Take a text file as it is; its title is its file's name."""
    return Raw(text=decode(data, source.encoding))


def read_markdown(data: bytes, source: SourceConfig) -> Raw:
    """Take Markdown as it is, less its front matter and its title.

    The title is the front matter's, else that of a heading with which
    the text opens.
    """
    text = decode(data, source.encoding).replace("\r\n", "\n")
    title = ""
    front = FRONT_MATTER.match(text)
    if front:
        text = text[front.end() :]
        named = FRONT_TITLE.search(front.group(1))
        title = named.group(1).strip("\"' ") if named else ""
    heading = find_heading(text)
    if heading and (not title or heading.group(1) == title):
        title = heading.group(1)
        # Models read title and text: say the title once
        text = text[: heading.start()] + text[heading.end() :]
    return Raw(text=text, title=title)


def find_heading(text: str) -> re.Match[str] | None:
    r"""Find the heading at the top of a text, if it has one.

    Badges and the like may stand above it, but no block of code:
    within one, the same mark begins a comment.

    >>> find_heading("```\n# copy it\n```")
    """
    heading = HEADING.search(text)
    if heading is None:
        return None
    above = text[: heading.start()]
    lines = sum(1 for line in above.splitlines() if line.strip())
    code = FENCE.search(above)
    return None if code or lines > MOST_LINES_ABOVE else heading


def read_html(data: bytes, source: SourceConfig) -> Raw:
    """Find the title and the main text of a web page.

    Menus, comments and the words behind pictures are left out. On
    pages nested without end the search for the main text takes time
    that grows with the square of the depth: there all visible text
    is taken.
    """
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding
    from resiliparse.parse.html import HTMLTree

    # Decode as the page declares or as its bytes suggest
    if b"\0" in data and not data.startswith(tuple(MARKS)):
        raise Unreadable("a binary file")
    page = bytes_to_str(data, detect_encoding(data) or "utf-8")

    # Take the main text, or all text where none stands out
    tree = HTMLTree.parse(page)
    main = depth(page) <= DEEPEST_MAIN_CONTENT
    if main and tree.body:
        for menu in tree.body.query_selector_all(NAVIGATION):
            if menu.parent:
                menu.parent.remove_child(menu)
    text = extract_plain_text(
        tree,
        main_content=main,
        alt_texts=False,
        comments=False,
        post_meta=False,
    )
    if not text.strip():
        text = extract_plain_text(tree, alt_texts=False)
    return Raw(text=text, title=tree.title or "")


def depth(page: str) -> int:
    """Estimate how deep a page's elements are nested.

    >>> depth("<div><p>one<p>two</div><div></div>")
    1
    """
    deepest = level = 0
    for close, name in TAG.findall(page):
        if name.lower() not in FLAT_TAGS:
            level = max(level - 1, 0) if close else level + 1
            deepest = max(deepest, level)
    return deepest


def read_record(record: Any, source: SourceConfig) -> Raw:
    """Take a document from a record's fields, as the source maps them.

    Raises:
        Unreadable: the record has no text where the recipe says.
    """
    if not isinstance(record, dict):
        raise Unreadable("a record that is no JSON object")
    if not isinstance(record.get(source.text), str):
        raise Unreadable(f"a record without text in {source.text!r}")
    topic = _field(record, source.topic)
    return Raw(
        text=record[source.text],
        title=_field(record, source.title),
        description=_field(record, source.description),
        topic="" if topic in source.no_topic else topic,
    )


def _field(record: dict[str, Any], name: str) -> str:
    """Read a field that may be absent or a number."""
    value = record.get(name) if name else None
    return str(value) if isinstance(value, str | int | float) else ""


def split_title(raw: Raw, mark: str) -> Raw:
    """Part a text of the form "Title -- text" at its first mark."""
    title, found, text = raw.text.partition(mark)
    if not found or len(title) > LONGEST_TITLE_CHARACTERS:
        return raw
    return msgspec.structs.replace(raw, title=title, text=text)


def cut(text: str, longest_characters: int) -> list[str]:
    r"""Cut a text at ends of paragraphs, else lines, else words.

    >>> cut("One two.\n\nThree four.", 12)
    ['One two.\n\n', 'Three four.']
    """
    pieces = []
    while len(text) > longest_characters:
        at = longest_characters
        for mark in ("\n\n", "\n", " "):
            place = text.rfind(mark, longest_characters // 2, at)
            if place > 0:
                at = place + len(mark)
                break
        pieces.append(text[:at])
        text = text[at:]
    return [*pieces, text]


Reader = Callable[[bytes, SourceConfig], Raw]

READERS: dict[str, Reader] = {
    ".txt": read_plain,
    ".md": read_markdown,
    ".html": read_html,
    ".htm": read_html,
}
