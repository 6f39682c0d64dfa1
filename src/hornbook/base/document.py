"""A document: a text with its origin, from source to shard."""

import msgspec

from hornbook.base.store import digest_text


class Document(msgspec.Struct, frozen=True):
    """One text and what is known about it; unknown fields are empty."""

    id: str
    """The first 16 hex digits of the digest of source and text."""
    text: str
    """The cleaned text, without its title."""
    title: str = ""
    """What the document is about, in a few words."""
    description: str = ""
    """The document in one phrase."""
    topic: str = ""
    """The class that the document belongs to."""
    source: str = ""
    """The name of the source it came from."""
    path: str = ""
    """Where in the source it stands."""
    licence: str = ""
    """The licence of the text, as its source states it."""
    url: str = ""
    """The address it was published at."""
    date: str = ""
    """The day it was written, or fetched: 2024-05-31."""
    language: str = ""
    """The language it was found or said to be in, as a code."""
    digest: str = ""
    """The SHA-256 of the raw bytes that it was read from."""

    @property
    def full_text(self) -> str:
        """The title, an empty line and the text: what models read."""
        return (
            f"{self.title}\n\n{self.text}" if self.title else self.text
        )


def document_id(source: str, text: str) -> str:
    """Name a document by its content, equal on every machine."""
    return digest_text(f"{source}\n{text}")[:16]
