"""Text of others on its way from the run to the page.

Between two private characters it travels through Markdown as it is;
the renderer then sets it in whatever face has its characters, while
our own prose must do with the book's.
"""

import os
import string
from dataclasses import dataclass
from typing import Any

from hornbook.press.markdown import CLOSE_QUOTE, OPEN_QUOTE
from hornbook.press.run_folder import SAMPLES_VARIABLE

WITHHELD = "[withheld]"
LIVE = frozenset("\\`*_[]<>$|#&~{}")
"""What Markdown may take for its own inside a sentence."""


def escape_value(text: str) -> str:
    """Protect a computed value from Markdown, fit for maths too."""
    return "".join("\\" + c if c in LIVE else c for c in text)


def escape_quoted(text: str) -> str:
    """Protect text of others, and mark where it begins and ends."""
    plain = text.replace(OPEN_QUOTE, "").replace(CLOSE_QUOTE, "")
    words = " ".join(plain.split())
    marks = string.punctuation
    safe = "".join("\\" + c if c in marks else c for c in words)
    return f"{OPEN_QUOTE}{safe}{CLOSE_QUOTE}"


def unmark(text: str) -> str:
    """Take the private characters out again."""
    return text.replace(OPEN_QUOTE, "").replace(CLOSE_QUOTE, "")


@dataclass(frozen=True, repr=False)
class Passage:
    """Text of the corpus, a user or the model, to be shown.

    As a cell's last value it becomes a block; in an f-string it is
    inline Markdown. With samples withheld it says only that.
    """

    text: str
    title: str = ""

    @property
    def shown(self) -> str:
        """The text, unless this book withholds it."""
        allowed = os.environ.get(SAMPLES_VARIABLE, "1") != "0"
        return self.text if allowed else WITHHELD

    def __str__(self) -> str:
        """The text as inline Markdown, marked as not ours."""
        return escape_quoted(self.shown)

    def __repr__(self) -> str:
        """The text as it stands, or that it is withheld."""
        return self.shown

    def __format__(self, spec: str) -> str:
        """The same inside an f-string."""
        return format(str(self), spec)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show a block quotation; the press reads the metadata."""
        parts = [
            escape_quoted(p)
            for p in self.shown.split("\n")
            if p.strip()
        ]
        if self.title:
            parts.append(f"*{escape_value(self.title)}*")
        block = "\n>\n".join(f"> {part}" for part in parts)
        quote = {"text": self.shown, "title": self.title}
        return {"text/markdown": block}, {"hornbook": quote}


def quoted(text: object, title: str = "") -> Passage:
    """Mark text as the corpus's, a user's or the model's."""
    return Passage(str(text), title)
