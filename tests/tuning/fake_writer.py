"""A server that replies as a test wants it to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Said = tuple[int, bytes, dict[str, str]]
"""Status, body and headers of a reply."""


class Fake(ThreadingHTTPServer):
    """Remembers what it was asked."""

    daemon_threads = True
    reply: Callable[[int, dict[str, Any]], Said]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str] = []
        self.quit = threading.Event()

    def handle_error(self, request: Any, client: Any) -> None:
        """Do not mind those who have hung up."""

    @property
    def address(self) -> str:
        """The base of the server, as a recipe names it."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the test's own function."""

    server: Fake

    def log_message(self, *told: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Remember that somebody came this way."""
        self.server.paths.append(self.path)
        self.send_error(404)

    def do_POST(self) -> None:
        """Reply to a request."""
        length = int(self.headers["Content-Length"])
        asked = json.loads(self.rfile.read(length))
        server = self.server
        server.asked.append(asked)
        server.paths.append(self.path)
        server.keys.append(self.headers.get("Authorization", ""))
        status, body, headers = server.reply(len(server.asked), asked)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def completion(text: str) -> Said:
    """Wrap a text as a chat completion."""
    message = {"role": "assistant", "content": text}
    body = {"choices": [{"index": 0, "message": message}]}
    return 200, json.dumps(body).encode(), {}


def pairs(*said: tuple[str, str]) -> Said:
    """Reply with pairs, as the prompt asks for them."""
    listed = [{"question": q, "answer": a} for q, a in said]
    return completion(json.dumps(listed))


def failing(status: int, words: str = "", **headers: str) -> Said:
    """Reply with an error."""
    body = json.dumps({"error": {"message": words}}).encode()
    return status, body, headers


@contextmanager
def fake(
    reply: Callable[[int, dict[str, Any]], Said],
) -> Iterator[Fake]:
    """Run a server for as long as the block lasts."""
    with Fake() as server:
        server.reply = reply
        thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), daemon=True
        )
        thread.start()
        try:
            yield server
        finally:
            server.quit.set()
            server.shutdown()
            thread.join(10)
