"""Text as a reader sees it: one form, no hidden characters."""

import re
import unicodedata

import ftfy

INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b"
    "\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
WIDE_SPACES = re.compile(
    "[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]"
)
INNER_SPACES = re.compile("(?<=[^ \n])  +")
TRAILING_SPACES = re.compile(" +(?=\n|$)")
EMPTY_LINES = re.compile("\n{3,}")
# UTF-8 that was read as Windows-1252: "cafÃ©", "itâ€™s"
GARBLED = re.compile("[ÂÃ][\x80-\xbf]|â€|ï»¿|Ã[ŸŒŠŽ‚„…†‡‰‹‘’“”•–—™›]")


def clean(text: str) -> str:
    r"""Bring a text into its one clean form; line breaks stay.

    Composed Unicode (NFC), Unix line ends, plain spaces, at most one
    empty line, no control or invisible characters. Indentation stays,
    since verse and code mean something by it, and so do the joiners
    that Persian and Indic scripts need.

    >>> clean("Cafe\u0301\u00a0 Noir\r\n\r\n\r\n\x07Menu ")
    'Café Noir\n\nMenu'
    """
    # Repair what was decoded wrongly
    if not text.isascii() and GARBLED.search(text):
        text = ftfy.fix_encoding(text)

    # Take out what nobody can see; most texts hold nothing of it
    if not text.replace("\n", "").isprintable():
        text = LINE_ENDS.sub("\n", text)
        text = INVISIBLE.sub("", text)
        text = WIDE_SPACES.sub(" ", text)
    text = unicodedata.normalize("NFC", text)

    # Make white space plain
    if "  " in text:
        text = INNER_SPACES.sub(" ", text)
    if " \n" in text:
        text = TRAILING_SPACES.sub("", text)
    if "\n\n\n" in text:
        text = EMPTY_LINES.sub("\n\n", text)
    return text.strip("\n").rstrip()


def clean_line(text: str) -> str:
    """Clean a title or a topic: all of it on one line."""
    return " ".join(clean(text).split())


def plain_marks(text: str) -> str:
    r"""Turn TeX's quotation marks and dashes into plain ones.

    >>> plain_marks("a ``hat'' -- the years 1910--11")
    'a "hat" – the years 1910–11'
    """
    text = text.replace("``", '"').replace("''", '"')
    return re.sub("(?<!-)--(?!-)", "–", text)
