"""Files as streams of bytes: here, at an address, or in a bucket.

A stream over the network that breaks is taken up where it stopped.
"""

import io
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from hornbook.corpus.extract import Unreadable

ADDRESSES = ("https://", "http://")
BUCKET = "s3://"
TRIES = 5
WAIT_SECONDS = 0.5
TIMEOUT_SECONDS = 60
BUFFER_BYTES = 1 << 20


def is_remote(path: str) -> bool:
    """Tell whether a path leads over the network.

    >>> is_remote("s3://commoncrawl/crawl-data"), is_remote("warcs")
    (True, False)
    """
    return path.startswith((*ADDRESSES, BUCKET))


@contextmanager
def open_stream(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading from its start to its end.

    Raises:
        Unreadable: it is not there, or may not be read.
    """
    if path.startswith(BUCKET):
        with _open_bucket(path) as stream:
            yield stream
    elif path.startswith(ADDRESSES):
        yield io.BufferedReader(Remote(path), BUFFER_BYTES)
    else:
        with open(path, "rb", BUFFER_BYTES) as file:
            yield file


class Remote(io.RawIOBase):
    """The bytes at an address; a broken connection is renewed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._answer: Any = None
        self._place = 0
        self._end: int | None = None

    def readable(self) -> bool:
        """Tell that this is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; zero bytes are the end."""
        for attempt in range(TRIES):
            try:
                if self._answer is None:
                    self._connect()
                count = int(self._answer.readinto(buffer))
                if count == 0 and not self._is_whole():
                    raise ConnectionError("the connection ended early")
                self._place += count
                return count
            except (OSError, ValueError) as error:
                self._forget()
                refused = getattr(error, "code", 0)
                if 400 <= refused < 500 or attempt == TRIES - 1:
                    raise Unreadable(_tell(error)) from error
                time.sleep(WAIT_SECONDS * 2**attempt)
        return 0

    def _connect(self) -> None:
        """Ask for what was not read yet."""
        asked = urllib.request.Request(self._address)
        if self._place:
            asked.add_header("Range", f"bytes={self._place}-")
        self._answer = urllib.request.urlopen(
            asked, timeout=TIMEOUT_SECONDS
        )
        if self._place and self._answer.status != 206:
            self._forget()
            raise Unreadable(
                "the connection broke, and the server gives files only "
                "from their start"
            )
        length = self._answer.headers.get("Content-Length")
        self._end = self._place + int(length) if length else None

    def _is_whole(self) -> bool:
        """Tell whether the file ended where it should."""
        return self._end is None or self._place >= self._end

    def _forget(self) -> None:
        """Let a connection go."""
        if self._answer is not None:
            self._answer.close()
        self._answer = None

    def close(self) -> None:
        """Let the connection go for good."""
        self._forget()
        super().close()


def _tell(error: Exception) -> str:
    """Say in words why an address cannot be read."""
    reason = getattr(error, "reason", None) or error
    return f"cannot be fetched: {reason}"


@contextmanager
def _open_bucket(path: str) -> Iterator[BinaryIO]:
    """Open a file of a bucket, without a name unless one is set."""
    from pyarrow.fs import S3FileSystem

    address = path.removeprefix(BUCKET)
    try:
        store = S3FileSystem(**_credentials())
        with store.open_input_stream(
            address, buffer_size=BUFFER_BYTES, compression=None
        ) as stream:
            yield stream
    except OSError as error:
        raise Unreadable(f"cannot be fetched: {error}") from error


def _credentials() -> dict[str, Any]:
    """Take what the environment says of buckets, else be nobody."""
    import os

    known: dict[str, Any] = {}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL", ""):
        scheme, _, host = endpoint.partition("://")
        known = {"endpoint_override": host, "scheme": scheme}
    if region := os.environ.get("AWS_DEFAULT_REGION", ""):
        known["region"] = region
    if not os.environ.get("AWS_ACCESS_KEY_ID"):
        known["anonymous"] = True
    return known
