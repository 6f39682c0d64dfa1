"""A text in pieces: whole in memory, or as it streams by.

Both give the same pieces, so that no document depends on how large
the file is that it stands in.
"""

from collections.abc import Iterable, Iterator

from hornbook.corpus.extract import cut
from hornbook.corpus.origin import SourceConfig


def split_text(text: str, source: SourceConfig) -> list[str]:
    """Part a text at its separator, and cut what is too long."""
    texts, longest = [text], source.cut_characters
    if source.separator:
        texts = text.split(source.separator)
    if longest:
        texts = [part for text in texts for part in cut(text, longest)]
    return texts


def split_stream(
    chunks: Iterable[str], source: SourceConfig
) -> Iterator[str | None]:
    """Part a text that comes in chunks; ``None`` is a piece too long.

    What is held is a chunk and the piece that is not yet whole.
    """
    mark, longest = source.separator, source.cut_characters
    held, overlap, lost = "", max(len(mark) - 1, 0), False
    for chunk in chunks:
        # Give the pieces that have ended
        *whole, held = (
            (held + chunk).split(mark) if mark else [held + chunk]
        )
        for piece in whole:
            if not lost:
                yield from cut(piece, longest) if longest else [piece]
            lost = False

        # Cut what goes on, but not where a separator may begin
        if longest and len(held) > longest + overlap:
            sure = len(held) - overlap
            *ready, rest = cut(held[:sure], longest)
            yield from ready
            held = rest + held[sure:]
        elif not longest and len(held) > source.largest_file_bytes:
            if not lost:
                yield None
            lost = True
        if lost:
            held = held[-overlap:] if overlap else ""
    if not lost:
        yield from cut(held, longest) if longest else [held]
