import pytest

from hornbook.base.errors import DataError
from hornbook.base.tape import Tape


def test_bytes_come_in_order_and_end() -> None:
    tape = Tape(b"a hat")
    assert tape.take(2) == b"a "
    assert tape.left == 3
    with pytest.raises(DataError, match="ends 1 bytes too early"):
        tape.take(4)
    assert tape.take(3) == b"hat"
    assert tape.take(0) == b""
