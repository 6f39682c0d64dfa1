"""The index: TeX's raw entries sorted, merged and set.

Small enough to own, and the same for both engines: Tectonic carries no
makeindex.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from hornbook.base.store import write_text

ENTRY = re.compile(r"\\indexentry\{(.*)\}\{(\w+)\}$")
LEVELS = (r"\item ", r"\subitem ", r"\subsubitem ")


@dataclass
class Entry:
    """A word of the index, its pages, and what stands under it."""

    shown: str = ""
    pages: list[str] = field(default_factory=list)
    under: dict[str, "Entry"] = field(default_factory=dict)


def sort_key(text: str) -> str:
    """Give what an entry is sorted by: letters without dress."""
    plain = re.sub(r"\\[a-zA-Z]+|[{}$\\^_]", "", text)
    folded = unicodedata.normalize("NFKD", plain).casefold()
    letters = (c for c in folded if not unicodedata.combining(c))
    return " ".join("".join(letters).split())


def read_entries(text: str) -> Entry:
    """Read the lines that TeX wrote into a tree of entries."""
    root = Entry()
    for line in text.splitlines():
        match = ENTRY.match(line)
        if match is None:
            continue
        words, page = re.sub(r"\|\w+$", "", match[1]), match[2]
        node = root
        for part in words.split("!"):
            sort, _, shown = part.partition("@")
            key = sort_key(sort)
            node = node.under.setdefault(key, Entry(shown or sort))
        if page not in node.pages:
            node.pages.append(page)
    return root


def set_index(root: Entry) -> str:
    """Write the index in LaTeX; empty where there are no entries."""
    if not root.under:
        return ""
    out = [r"\begin{theindex}"]
    initial = ""

    def walk(node: Entry, depth: int) -> None:
        nonlocal initial
        for key, entry in sorted(node.under.items()):
            if depth == 0 and key[:1] != initial:
                out.extend([r"\indexspace"] * bool(initial))
                initial = key[:1]
            pages = ", ".join(
                f"\\hyperpage{{{p}}}" for p in entry.pages
            )
            tail = f", {pages}" if pages else ""
            out.append(LEVELS[depth] + entry.shown + tail)
            walk(entry, min(depth + 1, 2))

    walk(root, 0)
    return "\n".join([*out, r"\end{theindex}", ""])


def make_index(work: Path) -> None:
    """Turn ``book.idx`` into ``book.ind``."""
    raw = work / "book.idx"
    text = raw.read_text(encoding="utf-8") if raw.exists() else ""
    write_text(work / "book.ind", set_index(read_entries(text)))
