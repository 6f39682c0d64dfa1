"""The gate of the server: who comes in, and who is sent away."""

import hmac
from typing import Any

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hornbook.base.errors import HornbookError
from hornbook.inference.protocol import Refusal
from hornbook.inference.serving import QueueFull

RETRY_SECONDS = 1
SAFETY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer tells a browser: trust nothing but this server."""


class Gate:
    """Asks for the key and the right host name before anything else.

    The name matters on loopback too: a page from elsewhere can point a
    name of its own at 127.0.0.1, and would then talk to the model.
    """

    def __init__(
        self, app: ASGIApp, key: str, hosts: frozenset[str]
    ) -> None:
        self.app, self.key, self.hosts = app, key.encode(), hosts

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let a request through, or say why not."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SAFETY)
            await send(message)

        try:
            self.check(scope)
        except Refusal as refusal:
            response = answer_of(refusal.form, refusal)
            return await response(scope, receive, send_safely)
        await self.app(scope, receive, send_safely)

    def check(self, scope: Scope) -> None:
        """Refuse a wrong host, and a key that is wrong or missing.

        The page's own files need no key: it asks the user for one.
        """
        headers = Headers(scope=scope)
        host = headers.get("host", "").rpartition(":")
        name = host[0] if host[2].isdigit() else "".join(host)
        if self.hosts and name.lower() not in self.hosts:
            raise Refusal(
                403,
                f"this server is not called {name!r}",
                "wrong_host",
            )
        inside = scope["path"].startswith(("/v1/", "/hornbook/"))
        if not self.key or not inside:
            return
        kind, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self.key)
        if kind.lower() != "bearer" or not same:
            raise Refusal(
                401,
                "the key is wrong or missing; send it as "
                "'Authorization: Bearer KEY'",
                "invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )


async def refuse(request: Request, error: Exception) -> Response:
    """Turn an error into an answer."""
    if isinstance(error, Refusal):
        refusal = error
    elif isinstance(error, QueueFull):
        refusal = Refusal(
            429,
            str(error),
            "queue_full",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )
    elif isinstance(error, HornbookError):
        refusal = Refusal(400, str(error), "invalid_value", "messages")
    elif isinstance(error, HTTPException):
        where = f"{request.method} {request.url.path}"
        refusal = Refusal(
            error.status_code,
            f"{where}: {error.detail}",
            headers=dict(error.headers or {}),
        )
    else:
        refusal = Refusal(500, "this is a fault of the server")
    return answer_of(refusal.form, refusal)


def answer_of(
    table: dict[str, Any], refusal: Refusal | None = None
) -> Response:
    """Write a table as the JSON of an answer."""
    return Response(
        msgspec.json.encode(table),
        refusal.status if refusal else 200,
        refusal.headers if refusal else None,
        "application/json",
    )
