"""Cut text into pieces; no token ever reaches across two pieces."""

from typing import Any

import regex

from hornbook.base.errors import DataError, RecipeError

LEAST_SECONDS = 10.0
"""How long a pattern may take for any text."""
SLOWEST = 100_000
"""Characters a second, fewer than which a pattern has run away."""

UNFIT = (
    regex.error,
    ValueError,
    OverflowError,
    RecursionError,
    MemoryError,
)
"""What goes wrong where a pattern cannot be compiled."""


class Splitter:
    """Cuts a text by a pattern and loses nothing of it.

    What the pattern leaves between two matches is a piece as well, so
    the pieces of any text, joined, are that text.

    >>> Splitter("gpt2")("It's 1,024 hats.")
    ['It', "'s", ' 1', ',', '024', ' hats', '.']

    Raises:
        RecipeError: the pattern is no regular expression.

    Source: radford2019, section 2.2, for the pattern ``gpt2``.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = PATTERNS.get(pattern, pattern)
        self._regex = compile_pattern(self.pattern)

    def __call__(self, text: str) -> list[str]:
        """Give the pieces of ``text`` in their order.

        Raises:
            RecipeError: the pattern runs away on this text.
        """
        patience = LEAST_SECONDS + len(text) / SLOWEST
        try:
            return self._cut(text, patience)
        except (TimeoutError, MemoryError) as error:
            raise RecipeError(
                f"the split pattern {self.pattern!r} has not cut "
                f"{len(text):,} characters in {patience:.3g} "
                "seconds, or not in this memory; it tries too many "
                "ways to match, as a repetition within a repetition "
                "does"
            ) from error

    def _cut(self, text: str, patience: float) -> list[str]:
        """Cut a text, or stop when the patience is at an end."""
        if self._regex.groups:
            return self._with_gaps(text, patience)
        found = self._regex.findall(text, timeout=patience)
        pieces = [piece for piece in found if piece]
        if sum(map(len, pieces)) == len(text):
            return pieces
        return self._with_gaps(text, patience)

    def _with_gaps(self, text: str, patience: float) -> list[str]:
        """Keep the matches and also all that lies between them."""
        pieces, end = [], 0
        for match in self._regex.finditer(text, timeout=patience):
            pieces += [text[end : match.start()], match[0]]
            end = match.end()
        return [piece for piece in [*pieces, text[end:]] if piece]


def compile_pattern(pattern: str) -> Any:
    """Compile a regular expression with Unicode's classes.

    Raises:
        RecipeError: says where the expression breaks off.
    """
    if not pattern:
        raise RecipeError(
            "the split pattern is empty; name one of "
            f"{', '.join(PATTERNS)} or give a regular expression"
        )
    try:
        compiled = regex.compile(pattern)
    except UNFIT as error:
        raise RecipeError(
            f"the split pattern {pattern!r} is neither one of "
            f"{', '.join(PATTERNS)} nor a regular expression that can "
            f"be used: {error}"
        ) from error
    if compiled.flags & regex.REVERSE:
        raise RecipeError(
            f"the split pattern {pattern!r} reads from the end; take "
            "out its flag (?r)"
        )
    return compiled


def utf8(text: str) -> bytes:
    """Encode a text, or say why that cannot be done.

    Raises:
        DataError: it is no string, or half a surrogate pair stands in
            it.
    """
    try:
        return text.encode("utf-8")
    except AttributeError as error:
        raise DataError(
            f"a text is of type {type(text).__name__}; give strings"
        ) from error
    except UnicodeEncodeError as error:
        half = ord(text[error.start])
        raise DataError(
            f"character {error.start:,} of a text is U+{half:04X}, "
            "half of a surrogate pair and no character; give UTF-8, "
            "or read a file with errors='replace'"
        ) from error


CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

PATTERNS = {
    "gpt2": (
        r"'s|'t|'re|'ve|'m|'ll|'d"
        r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
        r"|\s+(?!\S)|\s+"
    ),
    "cl100k": CL100K,
    "llama3": CL100K,
    "two_digits": CL100K.replace("{1,3}", "{1,2}"),
    "qwen": CL100K.replace("{1,3}", ""),
    "smollm": (
        r"'s|'t|'re|'ve|'m|'ll|'d"
        r"| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+"
        r"|\s+(?![^\s\p{N}])|\s+"
    ),
    "o200k": (
        r"[^\r\n\p{L}\p{N}]?"
        r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?"
        r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}
"""The published patterns by name; a recipe may give any other.

``llama3`` is ``cl100k`` under its other name, and ``two_digits`` cuts
numbers after two digits, which suits small vocabularies.
"""
