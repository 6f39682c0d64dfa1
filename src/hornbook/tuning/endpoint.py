"""One prompt to a server that speaks OpenAI's protocol, one answer.

Only the named address is spoken to: a redirect is an error. The key
goes into one header and nowhere else.
"""

import ipaddress
import os
import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

import msgspec

from hornbook.base.console import console
from hornbook.base.errors import NetworkError, RecipeError
from hornbook.tuning.writer import WriterConfig

LARGEST_BYTES = 1 << 20
"""A longer answer is not read to its end."""
PIECE_BYTES = 1 << 16
PAUSES_SECONDS = (1.0, 4.0, 16.0)
"""Before a request is tried again; then it is given up."""
LONGEST_PAUSE_SECONDS = 60.0
WORDS_CHARACTERS = 200
SECRET_CHARACTERS = 8
"""Shorter keys, as servers at home take, are no secrets."""

REFUSED = {400, 413, 422}
"""The server will not answer this prompt; it may answer others."""
LOCKED = {401, 403}
BUSY = {408, 425, 429}


class Answer(msgspec.Struct, frozen=True):
    """What came of a prompt: a text, or what is wrong instead."""

    text: str = ""
    """What the model said; the server's words, if it refused."""
    fault: str = ""
    """``refused``, ``too_long`` or ``no_answer``."""


class Busy(Exception):
    """The server cannot answer now; it is worth trying again."""

    def __init__(self, what: str, wait_seconds: float = 0.0) -> None:
        super().__init__(what)
        self.wait_seconds = wait_seconds


class _Said(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Said


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class _Stay(HTTPRedirectHandler):
    """Follows nobody elsewhere."""

    def redirect_request(self, *told: Any) -> None:
        """Give no request to go on with."""


def find_key(config: WriterConfig) -> str:
    """Read the key from the environment; "" where none is named.

    Raises:
        RecipeError: the variable is not set, or holds no key.
    """
    if not config.key:
        return ""
    key = os.environ.get(config.key, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise RecipeError(
            f"writer.key names the environment variable {config.key}, "
            "which holds no key here; set it and run the same command "
            "again"
        )
    scheme = urlsplit(config.address).scheme
    if scheme == "http" and not is_here(config.host):
        console.warn(f"the key goes to {config.host} unencrypted")
    return key


def complete(config: WriterConfig, key: str, prompt: str) -> Answer:
    """Have a server answer a prompt; try again where that may help.

    Raises:
        NetworkError: it cannot be reached, wants another key, has no
            such model, or stays busy.
    """
    for pause in PAUSES_SECONDS:
        try:
            return _send(config, key, prompt)
        except Busy as busy:
            wait = max(pause, busy.wait_seconds)
            time.sleep(min(wait, LONGEST_PAUSE_SECONDS))
    try:
        return _send(config, key, prompt)
    except Busy as busy:
        raise NetworkError(
            f"{config.host} was asked {len(PAUSES_SECONDS) + 1} times "
            f"and {busy}; what was answered before is kept, so run the "
            "same command again later"
        ) from busy


def _send(config: WriterConfig, key: str, prompt: str) -> Answer:
    """Send one request and read its answer.

    Raises:
        Busy: it is worth trying again.
        NetworkError: it is not.
    """
    until = time.monotonic() + config.seconds
    request = _request(config, key, prompt)
    try:
        with _opener(config.host).open(
            request, timeout=config.seconds
        ) as reply:
            body = _read(reply, until)
    except HTTPError as error:
        with error:
            words = hide(_words(error), key)
            return _judge(config, error, words)
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise _lost(config, reason) from error

    # Take the model's words out of it
    if body is None:
        return Answer(fault="too_long")
    try:
        told = msgspec.json.decode(body, type=_Completion)
        return Answer(hide(told.choices[0].message.content, key))
    except (
        msgspec.DecodeError, UnicodeError, RecursionError, IndexError
    ):
        return Answer(fault="no_answer")


def _request(config: WriterConfig, key: str, prompt: str) -> Request:
    """Write a request as OpenAI's protocol has it."""
    asked: dict[str, Any] = {
        "model": config.model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": config.temperature,
    }
    if config.tokens:
        asked["max_tokens"] = config.tokens
    request = Request(
        f"{config.address.rstrip('/')}/chat/completions",
        msgspec.json.encode(asked),
        {"Content-Type": "application/json", "User-Agent": "hornbook"},
        method="POST",
    )
    if key:
        request.add_unredirected_header(
            "Authorization", f"Bearer {key}"
        )
    return request


def _opener(host: str) -> OpenerDirector:
    """Open what is here directly, all else as the machine is set."""
    if is_here(host):
        return build_opener(_Stay, ProxyHandler({}))
    return build_opener(_Stay)


def is_here(host: str) -> bool:
    """Tell whether a name means this very machine.

    >>> is_here("127.0.0.1"), is_here("localhost"), is_here("a.org")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(reply: Any, until: float) -> bytes | None:
    """Read a body to its end; None where it is too long.

    Raises:
        ConnectionResetError: it ends before its length.
        TimeoutError: it drips for longer than it may.
    """
    body = b""
    while piece := reply.read1(PIECE_BYTES):
        body += piece
        if len(body) > LARGEST_BYTES:
            return None
        if time.monotonic() > until:
            raise TimeoutError
    if reply.length:
        raise ConnectionResetError
    return body


def _lost(config: WriterConfig, reason: Any) -> Exception:
    """Tell a connection that may come back from one that will not."""
    if isinstance(reason, TimeoutError):
        return Busy(
            f"did not answer within {config.seconds:g} seconds "
            "(writer.seconds)"
        )
    if isinstance(reason, ConnectionRefusedError) or not isinstance(
        reason, (ConnectionError, HTTPException)
    ):
        why = getattr(reason, "strerror", None) or reason
        return NetworkError(
            f"{config.host} cannot be reached ({why}); see that "
            "writer.address is right and that the server runs"
        )
    return Busy(f"broke the connection ({type(reason).__name__})")


def _judge(
    config: WriterConfig, error: HTTPError, words: str
) -> Answer:
    """Decide what an error's status means.

    Raises:
        Busy: it is worth trying again.
        NetworkError: no other prompt would be answered either.
    """
    status = error.code
    told = f"status {status}" + (f": {words}" if words else "")
    if status in REFUSED:
        return Answer(told, "refused")
    if status in BUSY or status >= 500:
        raise Busy(f"answered with {told}", _retry_after(error))
    if 300 <= status < 400:
        why = (
            f"redirects (status {status}), which is not followed; give "
            "the address that it leads to"
        )
    elif status in LOCKED and config.key:
        why = (
            f"refuses the key in {config.key} (status {status}); put a "
            "valid one there"
        )
    elif status in LOCKED:
        why = (
            f"wants a key (status {status}); name the environment "
            "variable that holds it in writer.key"
        )
    else:
        why = (
            f"answered with {told}; see that writer.address ends as "
            "the server's manual says, mostly in /v1, and that "
            "writer.model is one of its models"
        )
    raise NetworkError(f"{config.host} {why}")


def _retry_after(error: HTTPError) -> float:
    """Read how many seconds a server asks to wait; 0 if it does not."""
    told = error.headers.get("Retry-After", "")
    return float(told) if told.isdecimal() and len(told) < 6 else 0.0


def _words(error: HTTPError) -> str:
    """Take the message out of an error's body, in one plain line."""
    try:
        body = msgspec.json.decode(error.read(PIECE_BYTES))
        message = body["error"]["message"]
    except (
        OSError, HTTPException, msgspec.DecodeError, UnicodeError,
        RecursionError, LookupError, TypeError,
    ):
        return ""
    return " ".join(
        "".join(c if c.isprintable() else " " for c in str(message))
        .split()
    )[:WORDS_CHARACTERS]


def hide(text: str, key: str) -> str:
    """Take a key out of a text that a server sent back."""
    if len(key) < SECRET_CHARACTERS:
        return text
    return text.replace(key, "[key]")
