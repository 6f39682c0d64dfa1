"""The page to talk on: three files, and nothing from elsewhere."""

from collections.abc import Callable
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

FILES = {
    "/": ("index.html", "text/html"),
    "/chat.css": ("chat.css", "text/css"),
    "/chat.js": ("chat.js", "text/javascript"),
    "/answer.js": ("answer.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Where each file stands, and what it is."""


def read_file(path: str) -> Callable[[Request], Response]:
    """Read one of the page's files; give what answers with it."""
    name, kind = FILES[path]
    source = resources.files("hornbook.inference.web") / name
    data = source.read_bytes()

    def answer(request: Request) -> Response:
        return Response(
            data, media_type=kind, headers={"Cache-Control": "no-cache"}
        )

    return answer
