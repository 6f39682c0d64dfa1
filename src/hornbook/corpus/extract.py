"""Files of several forms into raw texts with their titles."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from hornbook.corpus.encodings import MARKS, decode
from hornbook.corpus.encodings import Unreadable as Unreadable
from hornbook.corpus.origin import SourceConfig

DEEPEST_MAIN_CONTENT = 500
FEW_TAGS = 2_000
"""Nesting no more than these costs a tenth of a second at worst."""
LONGEST_TITLE_CHARACTERS = 200

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


class Raw(msgspec.Struct, frozen=True):
    """A text as its source has it, or the reason there is none."""

    text: str = ""
    title: str = ""
    description: str = ""
    topic: str = ""
    place: str = ""
    """Where in its file it stands, if that needs saying."""
    member: str = ""
    """Where in an archive its file lies: ``/inner/name.txt``."""
    url: str = ""
    date: str = ""
    language: str = ""
    """The language that its header states, as a code."""
    licence: str = ""
    """The licence that the text itself or its record states."""
    digest: str = ""
    """The SHA-256 of the bytes of its file, page or record."""
    problem: str = ""
    """Why it could not be read."""


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

    Menus, comments and the words behind pictures are left out.
    """
    return EXTRACTORS[source.extractor](decode_page(data))


def decode_page(data: bytes, charset: str = "") -> str:
    """Decode a page as it is, as it was said to be, or as it looks.

    ``charset`` is what a server said of the bytes.

    Raises:
        Unreadable: the bytes are no text.
    """
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    # What decodes as UTF-8 is UTF-8, whatever is said of it
    if b"\0" in data and not data.startswith(tuple(MARKS)):
        raise Unreadable("a binary file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        guess = detect_encoding(data) or "utf-8"
    try:
        return str(bytes_to_str(data, charset or guess))
    except LookupError:
        return str(bytes_to_str(data, guess))


def read_fast(page: str) -> Raw:
    """Take the main text out of a page with resiliparse.

    On pages nested without end the search for the main text takes time
    that grows with the square of the depth: there all visible text is
    taken.
    """
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    # Take the main text, or all text where none stands out
    tree = HTMLTree.parse(page)
    main = not is_deep(page)
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


def read_carefully(page: str) -> Raw:
    """Take the main text out of a page with trafilatura.

    It tries several ways and keeps the best, at an eighth of the speed.
    Where it finds nothing, or a page is nested too deep for it, the
    fast way is taken.
    """
    from trafilatura import extract, load_html

    if is_deep(page):
        return read_fast(page)
    tree = load_html(page)
    if tree is None:
        return read_fast(page)
    title = tree.findtext(".//title") or ""
    text = extract(
        tree,
        favor_precision=True,
        include_comments=False,
        include_tables=True,
    )
    return Raw(text=text, title=title) if text else read_fast(page)


def is_deep(page: str) -> bool:
    """Tell whether a page is nested deeper than people make them."""
    # One sign is found faster than two, and settles most pages
    tags = page.count("<")
    if tags > FEW_TAGS:
        tags -= page.count("</")
    return tags > FEW_TAGS and depth(page) > DEEPEST_MAIN_CONTENT


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
    pieces, start = [], 0
    while len(text) - start > longest_characters:
        at = start + longest_characters
        for mark in ("\n\n", "\n", " "):
            middle = start + longest_characters // 2
            place = text.rfind(mark, middle, at)
            if place > start:
                at = place + len(mark)
                break
        pieces.append(text[start:at])
        start = at
    return [*pieces, text[start:]]




Reader = Callable[[bytes, SourceConfig], Raw]

READERS: dict[str, Reader] = {
    ".txt": read_plain,
    ".md": read_markdown,
    ".html": read_html,
    ".htm": read_html,
}

EXTRACTORS: dict[str, Callable[[str], Raw]] = {
    "fast": read_fast,
    "careful": read_carefully,
}
