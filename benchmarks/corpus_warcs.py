"""WARC files of pages like real ones, as large as one asks.

    python corpus_warcs.py --pages FOLDER --to FOLDER --megabytes 50

The paragraphs of real pages change places, by a seed: a page keeps its
mark-up, and where a paragraph stood comes one of any page in the same
language, long for long and short for short. One page in twenty is an
earlier one at another address, and one in twenty an earlier one with a
twentieth of its paragraphs changed. Every record is compressed by
itself, and a response follows its request, as Common Crawl ships them.
The same words give the same bytes. Runs in the peer's environment, for
warcio.
"""

import argparse
import gzip
import io
import json
import re
import uuid
from pathlib import Path
from random import Random
from typing import NamedTuple

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

PARAGRAPH = re.compile(r"(<p\b[^>]*>)(.*?)(</p>)", re.I | re.S)
LANGUAGE = re.compile(r"<html\b[^>]*\blang=[\"']?([a-z]+)", re.I)
TAG = re.compile(r"<[^>]*>")
LONG_WORDS = 20
COPIES = 0.05
NEAR_COPIES = 0.05
CHANGED = 0.05
DATE = "2026-01-01T00:00:00Z"


Place = tuple[str, bool]
"""What may stand there: of which language, and whether long."""


class Page(NamedTuple):
    """A page: whose mark-up, and what stands in its paragraphs."""

    frame: int
    texts: list[str]


class Pages:
    """Pages by their numbers, each made anew by the seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        files = sorted(folder.glob("*.html.gz"))
        self.frames = [
            gzip.decompress(file.read_bytes()).decode("utf-8")
            for file in files
        ]
        self.seed = seed
        self.drawn: dict[Place, list[str]] = {}
        self.places: list[list[Place]] = []
        for html in self.frames:
            inner = [text for _, text, _ in PARAGRAPH.findall(html)]
            found = LANGUAGE.search(html)
            language = found[1].lower() if found else ""
            places = [(language, is_long(text)) for text in inner]
            self.places.append(places)
            for place, text in zip(places, inner, strict=True):
                self.drawn.setdefault(place, []).append(text)

    def page(self, number: int) -> Page:
        """Compose one page; a copy is composed as its original."""
        chance = Random(f"{self.seed} {number}")
        kind = chance.random()
        if number and kind < COPIES:
            return self.page(chance.randrange(number))
        if number and kind < COPIES + NEAR_COPIES:
            page = self.page(chance.randrange(number))
            share = CHANGED
        else:
            frame = number % len(self.frames)
            page = Page(frame, [""] * len(self.places[frame]))
            share = 1.0
        places = self.places[page.frame]
        texts = [
            chance.choice(self.drawn[place])
            if chance.random() < share
            else text
            for place, text in zip(places, page.texts, strict=True)
        ]
        return Page(page.frame, texts)

    def html(self, number: int) -> bytes:
        """Write one page."""
        page = self.page(number)
        texts = iter(page.texts)
        html = PARAGRAPH.sub(
            lambda found: found[1] + next(texts) + found[3],
            self.frames[page.frame],
        )
        return html.encode("utf-8")


def is_long(text: str) -> bool:
    """Tell a paragraph from a line of a menu."""
    return len(TAG.sub(" ", text).split()) >= LONG_WORDS


def record(kind: str, url: str, headers: str, body: bytes) -> bytes:
    """Write one record, not compressed."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=False)
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {url}")
    first, *rest = headers.splitlines()
    about = {"WARC-Record-ID": f"<urn:uuid:{name}>", "WARC-Date": DATE}
    if kind == "response":
        about["WARC-Identified-Payload-Type"] = "text/html"
    pairs = [tuple(line.split(": ", 1)) for line in rest]
    http = StatusAndHeaders(first, pairs, protocol="")
    writer.write_record(
        writer.create_warc_record(
            url,
            kind,
            payload=io.BytesIO(body),
            length=len(body),
            http_headers=http,
            warc_headers_dict=about,
        )
    )
    return out.getvalue()


REQUEST = "GET / HTTP/1.1\nHost: example.org\nAccept: text/html"
RESPONSE = "HTTP/1.1 200 OK\nContent-Type: text/html; charset=utf-8"


def write(pages: Pages, to: Path, size: int, files: int) -> None:
    """Write so many bytes of records, in files of the same size."""
    to.mkdir(parents=True)
    number = total = 0
    for place in range(files):
        with (to / f"pages-{place:03}.warc.gz").open("wb") as out:
            while total < size * (place + 1) // files:
                url = f"https://example.org/{number}"
                body = pages.html(number)
                for plain in (
                    record("request", url, REQUEST, b""),
                    record("response", url, RESPONSE, body),
                ):
                    out.write(gzip.compress(plain, 6, mtime=0))
                    total += len(plain)
                number += 1
    about = {"bytes": total, "pages": number, "files": files}
    (to / "about.json").write_text(json.dumps(about), encoding="utf-8")


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--pages", type=Path, required=True)
    words.add_argument("--to", type=Path, required=True)
    words.add_argument("--megabytes", type=int, default=50)
    words.add_argument("--files", type=int, default=8)
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    pages = Pages(given.pages, given.seed)
    write(pages, given.to, given.megabytes * 10**6, given.files)


if __name__ == "__main__":
    main()
