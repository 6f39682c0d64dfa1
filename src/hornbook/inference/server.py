"""The server: OpenAI's protocol on a port, and a page to talk on."""

import contextlib
import errno
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from hornbook.base.console import console
from hornbook.base.errors import HornbookError
from hornbook.inference.desk import Desk
from hornbook.inference.gate import Gate, refuse
from hornbook.inference.serving import Engine, Limits, QueueFull
from hornbook.inference.web import FILES, read_file
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer

BACKLOG = 1024
CONNECTIONS = 4096
LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})


def build_app(
    engine: Engine,
    name: str,
    key: str = "",
    hosts: frozenset[str] = LOCAL,
) -> Starlette:
    """Put the routes together.

    ``hosts`` are the names by which the server may be called; empty
    allows any.
    """
    desk = Desk(engine, name)
    routes = [
        Route("/v1/models", desk.models),
        Route("/v1/models/{name:path}", desk.models),
        Route("/v1/completions", desk.completions, methods=["POST"]),
        Route("/v1/chat/completions", desk.chat, methods=["POST"]),
        Route("/hornbook/model", desk.about),
        Route("/hornbook/attention", desk.attention, methods=["POST"]),
        *(Route(path, read_file(path)) for path in FILES),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HornbookError: refuse,
            QueueFull: refuse,
            404: refuse,
            405: refuse,
            500: refuse,
        },
    )
    app.add_middleware(Gate, key=key, hosts=hosts)
    return app


def listen(host: str, port: int) -> socket.socket:
    """Take a port, before the model is read from disk.

    Raises:
        HornbookError: it is taken, or cannot be.
    """
    if not 0 <= port < 2**16:
        raise HornbookError(f"there is no port {port}; 8000 is usual")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server(
            (host, port), family=family, backlog=BACKLOG
        )
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise HornbookError(
            f"port {port} of {host} is in use; choose another by "
            "--port, or 0 for any that is free"
            if taken
            else f"cannot listen at {host}, port {port}: {error}"
        ) from error


def serve(
    model: Transformer,
    tok: Tokenizer,
    name: str,
    door: socket.socket,
    key: str = "",
    limits: Limits | None = None,
) -> None:
    """Serve a model at an open port until the user ends it."""
    host, port = door.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    local = shown in LOCAL
    with Engine(model, tok, limits) as engine:
        app = build_app(
            engine, name, key, LOCAL if local else frozenset()
        )
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=3,
        )
        greet(name, f"http://{shown}:{port}", key, local)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[door])
    console.say("stopped")


def greet(name: str, address: str, key: str, local: bool) -> None:
    """Say where the server is, how to try it, and how to end it."""
    secret = " -H 'Authorization: Bearer KEY'" if key else ""
    body = (
        f'{{"model": "{name}", "messages": '
        '[{"role": "user", "content": "What is a hat?"}]}'
    )
    console.say(f"[bold]{address}[/]  a page to talk to {name}")
    console.say(f"[bold]{address}/v1[/]  the same for OpenAI's clients")
    console.say("try it:")
    console.verbatim(
        f"  curl {address}/v1/chat/completions{secret} "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
    if not local and not key:
        console.warn(
            "everyone who reaches this address can use it; --key asks "
            "for a key"
        )
    console.say("Ctrl-C ends it")
