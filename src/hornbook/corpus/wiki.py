"""Dumps of Wikipedia and its sisters: pages as plain text.

A dump streams by: one page is held at a time. What it declares of its
own, such as entities that grow without end, is refused.
"""

import html
import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote
from xml.parsers import expat

import msgspec

from hornbook.base.store import digest_text
from hornbook.corpus.encodings import Unreadable
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig

LICENCE = "CC BY-SA 4.0"
CHUNK_BYTES = 1_000_000
LONGEST_PAGE_CHARACTERS = 10_000_000
FILES, CATEGORIES, MEDIA = "6", "14", "-2"
ARTICLES = "0"
KEPT = frozenset(("base", "ns", "title", "timestamp", "text"))
DROPPED_TAGS = frozenset(
    (
        *("ref", "references", "table", "gallery", "math", "chem"),
        *("score", "timeline", "imagemap", "syntaxhighlight", "source"),
        *("templatestyles", "mapframe", "graph", "hiero", "indicator"),
    )
)
MAGIC = re.compile(r"__[A-Z]{3,}__")
SPACES = re.compile(r"[ \t]+$", re.MULTILINE)
EMPTY_LINES = re.compile(r"\n{3,}")
EMPTY_BRACKETS = re.compile(r" ?\([\s,;:]*\)")
INTERWIKI = re.compile(r"^[a-z]{2,3}(-[a-z]+)*:")


class Page(msgspec.Struct):
    """A page of a dump, as its elements give it."""

    title: str = ""
    ns: str = ""
    timestamp: str = ""
    text: str = ""
    redirect: bool = False


def read_dump(file: BinaryIO, source: SourceConfig) -> Iterator[Raw]:
    """Read the articles of a dump; redirects are no documents.

    Raises:
        Unreadable: it is no dump, ends early, or declares entities.
    """
    dump = _Dump()
    while chunk := file.read(CHUNK_BYTES):
        dump.feed(chunk)
        for page in dump.take():
            yield from _article(page, dump)
    dump.feed(b"", last=True)
    for page in dump.take():
        yield from _article(page, dump)
    if not dump.is_wiki:
        raise Unreadable("not a dump of a wiki")


def plain_text(
    wikitext: str, dropped: frozenset[str] = frozenset()
) -> str:
    """Turn wikitext into plain text; headings stay as lines.

    Templates, references, tables, and links to what ``dropped`` names
    (files and categories, in the wiki's language) are left out.

    >>> plain_text("'''Hats''' {{x}}warm [[head|heads]].")
    'Hats warm heads.'
    """
    import mwparserfromhell

    code = mwparserfromhell.parse(wikitext, skip_style_tags=False)
    names = dropped | {"file", "image", "category", "media"}
    text = MAGIC.sub("", _plain(code, names))
    text = SPACES.sub("", EMPTY_BRACKETS.sub("", text))
    return EMPTY_LINES.sub("\n\n", text).strip()


def _article(page: Page, dump: "_Dump") -> Iterator[Raw]:
    """Give a page as a document, if it is an article."""
    if page.redirect or page.ns != ARTICLES:
        return
    if len(page.text) > LONGEST_PAGE_CHARACTERS:
        yield Raw(place=page.title, problem="a page too long")
        return
    try:
        text = plain_text(page.text, frozenset(dump.dropped))
    except (RecursionError, ValueError) as error:
        reason = f"wikitext that cannot be read: {error}"
        yield Raw(place=page.title, problem=reason)
        return
    root = dump.base.rpartition("/")[0]
    name = quote(page.title.replace(" ", "_"), safe="/:(),'!*@;")
    yield Raw(
        text=text,
        title=page.title,
        place=page.title,
        licence=LICENCE,
        url=f"{root}/{name}" if root else "",
        date=page.timestamp[:10],
        digest=digest_text(page.text),
    )


def _plain(code: Any, dropped: frozenset[str]) -> str:
    """Join what is text in the nodes of wikitext."""
    parts = []
    for node in code.nodes:
        kind = type(node).__name__
        if kind in NODES:
            parts.append(NODES[kind](node, dropped))
    return "".join(parts)


def _link(node: Any, dropped: frozenset[str]) -> str:
    """Show a link's words; links to pictures and classes have none."""
    target = str(node.title).strip()
    space = target.partition(":")[0].strip().lower()
    if ":" in target and space in dropped:
        return ""
    if INTERWIKI.match(target) and node.text is None:
        return ""
    if node.text is None:
        return target.removeprefix(":")
    return _plain(node.text, dropped)


def _address(node: Any, dropped: frozenset[str]) -> str:
    """Show the words of a link that leads out, or its address."""
    if node.title is not None:
        return _plain(node.title, dropped)
    return "" if node.brackets else str(node.url)


def _heading(node: Any, dropped: frozenset[str]) -> str:
    """Set a heading on a line of its own."""
    return f"\n{_plain(node.title, dropped).strip()}\n"


def _tag(node: Any, dropped: frozenset[str]) -> str:
    """Show what a tag encloses, unless it is none of the text."""
    name = str(node.tag).strip().lower()
    if name in DROPPED_TAGS:
        return ""
    if name == "br":
        return "\n"
    if node.wiki_markup in ("*", "#", ";", ":"):
        return ""
    return _plain(node.contents, dropped) if node.contents else ""


def _entity(node: Any, dropped: frozenset[str]) -> str:
    """Show the character that an entity names."""
    return html.unescape(str(node))


def _text(node: Any, dropped: frozenset[str]) -> str:
    """Show text as it is."""
    return str(node.value)


class _Dump:
    """Reads a dump's elements as they come, a page at a time."""

    def __init__(self) -> None:
        self.base = ""
        self.is_wiki = False
        self.dropped: set[str] = set()
        self._page = Page()
        self._done: list[Page] = []
        self._held: list[str] | None = None
        self._size = 0
        self._space = ""

        # Let expat call what meets the elements
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse
        parser.buffer_text = True
        self._parser = parser

    def feed(self, data: bytes, last: bool = False) -> None:
        """Read on.

        Raises:
            Unreadable: the file is broken here, or declares entities.
        """
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            raise Unreadable(f"not whole XML: {error}") from error

    def take(self) -> list[Page]:
        """Give the pages that have ended."""
        done, self._done = self._done, []
        return done

    def _start(self, name: str, about: dict[str, str]) -> None:
        """Meet the beginning of an element."""
        if name == "mediawiki":
            self.is_wiki = True
        elif name == "page":
            self._page = Page()
        elif name == "redirect":
            self._page.redirect = True
        elif name == "namespace":
            self._space, self._held = about.get("key", ""), []
        elif name in KEPT:
            self._held, self._size = [], 0

    def _characters(self, data: str) -> None:
        """Keep the text of an element, but no more than can be."""
        if self._held is not None:
            self._size += len(data)
            if self._size <= LONGEST_PAGE_CHARACTERS + len(data):
                self._held.append(data)

    def _end(self, name: str) -> None:
        """Meet the end of an element."""
        if name == "page":
            self._done.append(self._page)
        if self._held is None or name not in KEPT | {"namespace"}:
            return
        text, self._held = "".join(self._held), None
        if name == "base":
            self.base = text
        elif name == "namespace":
            if self._space in (FILES, CATEGORIES, MEDIA):
                self.dropped.add(text.strip().lower())
        else:
            setattr(self._page, name, text)

    def _refuse(self, *declared: object) -> None:
        """Refuse what declares entities of its own."""
        raise Unreadable("XML that declares entities: a bomb?")


NODES = {
    "Text": _text,
    "Wikilink": _link,
    "ExternalLink": _address,
    "Heading": _heading,
    "Tag": _tag,
    "HTMLEntity": _entity,
}
