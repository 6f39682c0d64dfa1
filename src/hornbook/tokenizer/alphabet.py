"""The 256 bytes as visible characters, as GPT-2's files spell them.

A vocabulary file is text, and most bytes alone are not. So each byte
has a character: the printable ones of Latin-1 stand for themselves,
the others take the characters from U+0100 on, in their order. A space
is written Ġ, a line end Ċ.
"""

from functools import cache

from hornbook.base.errors import DataError

SPACE, NEWLINE = "▁", "¶"
"""How a token's spaces and line ends are printed."""


@cache
def byte_characters() -> dict[int, str]:
    """Give each byte its character, in the order of the characters.

    Source: radford2019, the file encoder.py of its published code.
    """
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in set(visible)]
    table = {byte: chr(byte) for byte in visible}
    for place, byte in enumerate(hidden):
        table[byte] = chr(256 + place)
    return table


@cache
def character_bytes() -> dict[str, int]:
    """Give each character its byte: ``byte_characters`` reversed."""
    return {char: byte for byte, char in byte_characters().items()}


def byte_alphabet() -> list[bytes]:
    """List the first 256 tokens: each byte, the visible ones first."""
    return [bytes((byte,)) for byte in byte_characters()]


def spell(token: bytes) -> str:
    """Write a token in visible characters.

    >>> spell(" café".encode())
    'ĠcafÃ©'
    """
    table = byte_characters()
    return "".join([table[byte] for byte in token])


def unspell(spelling: str) -> bytes:
    """Give back the bytes that ``spell`` wrote.

    Raises:
        DataError: a character stands for no byte.
    """
    table = character_bytes()
    try:
        return bytes([table[char] for char in spelling])
    except KeyError as error:
        raise DataError(
            f"the token {spelling!r} holds {error}, which stands for "
            "no byte; this is no byte-level vocabulary"
        ) from error


def visible(token: bytes) -> str:
    """Write a token so that its spaces and broken bytes show.

    >>> visible(b" hat")
    '▁hat'
    """
    text = token.decode("utf-8", errors="backslashreplace")
    return text.replace(" ", SPACE).replace("\n", NEWLINE)
