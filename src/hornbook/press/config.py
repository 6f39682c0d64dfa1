"""What the user may choose about the book."""

from typing import Literal

import msgspec


class PressConfig(msgspec.Struct, frozen=True):
    """The book of a run: its title page, its chapters, its engine."""

    title: str = "Hornbook"
    subtitle: str = (
        "A language model made from raw text, "
        "with every line of the code that made it"
    )
    author: str = ""
    """Printed on the title page and kept in the PDF's metadata."""
    chapters: tuple[str, ...] = ()
    """Names of chapters in order; empty means all, in their order."""
    link: str = ""
    """Where the QR code leads; empty prints none."""
    samples: bool = True
    """Whether text of the corpus and of the model may be printed."""
    engine: Literal["auto", "lualatex", "tectonic"] = "auto"
    """What sets the pages; auto takes LuaLaTeX, else Tectonic."""
