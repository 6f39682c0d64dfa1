"""A row of bytes that is read from its beginning, and ends."""

from hornbook.base.errors import DataError


class Tape:
    """Reads bytes in order, and never beyond the end.

    >>> tape = Tape(b"hat")
    >>> tape.take(2), tape.left
    (b'ha', 1)
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def at(self) -> int:
        """How many bytes have been read."""
        return self._at

    @property
    def left(self) -> int:
        """How many bytes are still to be read."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """Give the next ``count`` bytes.

        Raises:
            DataError: there are not so many.
        """
        if count > self.left:
            raise DataError(
                f"it ends {count - self.left:,} bytes too early"
            )
        self._at += count
        return self._data[self._at - count : self._at]
