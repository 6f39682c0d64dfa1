"""What goes over the wire: a body in, a stream of events out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hornbook.inference.protocol import Refusal

T = TypeVar("T")


class EventStream(Response):
    """Events, one after the other, and a last one that says so."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncIterator[dict[str, Any]],
        leave: Callable[[], None],
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-cache"})
        del self.headers["content-length"]
        self.events, self.leave = events, leave

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send the events for as long as the client is there."""
        try:
            await unless_left(receive, self.pour(send))
        finally:
            self.leave()

    async def pour(self, send: Send) -> None:
        """Send all of them."""
        kind = "http.response.body"
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": self.raw_headers,
            }
        )
        async for event in self.events:
            line = b"data: " + msgspec.json.encode(event) + b"\n\n"
            await send({"type": kind, "body": line, "more_body": True})
        await send({"type": kind, "body": b"data: [DONE]\n\n"})


async def unless_left(
    receive: Receive, work: Coroutine[Any, Any, T]
) -> T | None:
    """Wait for some work, or until the client has left."""

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(left())
    try:
        await asyncio.wait(
            {working, leaving}, return_when=asyncio.FIRST_COMPLETED
        )
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()


async def whole_body(request: Request, most: int) -> bytes:
    """Read a body of at most so many bytes.

    Raises:
        Refusal: it is larger, or breaks off.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise Refusal(
                    413,
                    f"the body is over {most:,} bytes",
                    "body_too_large",
                    headers={"Connection": "close"},
                )
    except ClientDisconnect as error:
        raise Refusal(400, "the body broke off") from error
    return bytes(body)
