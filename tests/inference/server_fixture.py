"""A server of a small model, on a port of this machine."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import uvicorn

from hornbook.inference.server import LOCAL, build_app, listen
from hornbook.inference.serving import Engine, Limits
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from inference.rough import rough_model

TOK = Tokenizer.train(
    ["What is a hat? A hat is a head covering. 🎩 <b>bold</b>"],
    300,
    "gpt2",
    SPECIALS,
)
CONTEXT = 160


MODEL = rough_model("nanochat", TOK.vocab_size, CONTEXT)


class Served:
    """A running server, and how to talk to it without any client."""

    engine: Engine

    def __init__(self, port: int) -> None:
        self.port, self.open = port, list[HTTPResponse]()
        self.url = f"http://127.0.0.1:{port}"

    def send(
        self,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        method: str = "",
    ) -> HTTPResponse:
        """Send a request; a table goes as JSON, bytes as they are."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        if not isinstance(body, bytes) and body is not None:
            body = json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if body else {}
        connection.request(
            method or ("GET" if body is None else "POST"),
            path, body,
            {"Connection": "close"} | kind | (headers or {}),
        )
        answer = connection.getresponse()
        self.open.append(answer)
        return answer

    def ask(self, path: str, body: Any, **more: Any) -> tuple[int, Any]:
        """Send a request; give status and JSON of its answer."""
        answer = self.send(path, body, **more)
        return answer.status, json.loads(answer.read())


@contextmanager
def serving(
    limits: Limits | None = None,
    key: str = "",
    hosts: frozenset[str] = LOCAL,
) -> Iterator[Served]:
    """Serve the small model for as long as the block lasts."""
    with listen("127.0.0.1", 0) as door, Engine(
        MODEL, TOK, limits
    ) as engine:
        app = build_app(engine, "small", key, hosts)
        config = uvicorn.Config(
            app, log_level="warning", lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [door]}, daemon=True
        )
        thread.start()
        while not server.started:
            time.sleep(0.01)
        served = Served(door.getsockname()[1])
        served.engine = engine
        try:
            yield served
        finally:
            for answer in served.open:
                answer.close()
            server.should_exit = True
            thread.join(30)
