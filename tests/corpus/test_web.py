import gzip
import io
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.corpus import streams, web
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.read import read_unit
from hornbook.corpus.sources import find_units

HAT = (
    "<html><head><title>Hats</title></head><body><article><p>A hat "
    "covers the head. It may be worn for warmth, for show, or by "
    "decree.</p></article></body></html>"
)
GIVEN = {
    # Every file of the shared archives: pages, and what is broken
    "clipped.warc.gz": (0, 1),
    "clueweb-quirk.warc.gz": (0, 2),
    "warcfile.warc": (16, 0),
    "warcfile.warc.gz": (16, 0),
    "warcfile.warc.lz4": (16, 0),
    "example-bad-non-chunked.warc.gz": (1, 0),
    "example-iana.org-chunked.warc": (1, 0),
    "example-resource.warc.gz": (1, 0),
    "example-space-in-url.arc": (1, 0),
    "example-trunc.warc": (1, 0),
    "example-wget-bad-target-uri.warc.gz": (3, 0),
    "example-wrong-chunks.warc.gz": (1, 0),
    "example.arc": (1, 0),
    "example.arc.gz": (1, 0),
    "example.warc": (1, 0),
    "example.warc.gz": (1, 0),
    "whirlwind.warc": (1, 0),
    "whirlwind.warc.gz": (1, 0),
    "whirlwind.warc.wet": (1, 0),
    "whirlwind.warc.wet.gz": (1, 0),
}


def source(path: object, **options: Any) -> SourceConfig:
    return SourceConfig("warc", path=str(path), **options)


def pages(path: object, **options: Any) -> list[Raw]:
    asked = source(path, **options)
    return [
        raw
        for unit in find_units(0, asked, Path())
        for raw in read_unit(unit, asked)
    ]


def answer(
    body: bytes,
    kind: str = "text/html",
    status: str = "200 OK",
    more: str = "",
    counted: bool = True,
) -> bytes:
    """Write a record of a server's answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}"
    if counted:
        head += f"Content-Length: {len(body)}\r\n"
    said = f"{head}\r\n".encode() + body
    return (
        "WARC/1.0\r\nWARC-Type: response\r\n"
        "WARC-Record-ID: <urn:uuid:a9c5c23a-0221-11e7-8fe3-0242ac>\r\n"
        "WARC-Target-URI: http://hats.example/1\r\n"
        "WARC-Date: 2024-05-31T04:02:06Z\r\n"
        "Content-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(said)}\r\n\r\n"
    ).encode() + said + b"\r\n\r\n"  # fmt: skip


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(gzip.compress(answer(HAT.encode())) * 3)
    return path


def test_a_page_keeps_where_and_when(archive: Path) -> None:
    raw, *others = pages(archive)
    assert raw.text.startswith("A hat covers the head.")
    assert (raw.title, raw.date) == ("Hats", "2024-05-31")
    assert raw.url == "http://hats.example/1"
    assert len(raw.digest) == 64
    assert [o.place for o in others] != [raw.place, raw.place]


@pytest.mark.parametrize(
    ("record", "count"),
    [
        (answer(HAT.encode(), "image/png"), 0),
        (answer(HAT.encode(), status="404 Not Found"), 0),
        (answer(b""), 0),
        (answer("Grüße".encode("latin-1"), "text/plain"), 1),
        (
            answer(
                gzip.compress(HAT.encode()),
                more="Content-Encoding: gzip\r\n",
            ),
            1,
        ),
    ],
)
def test_only_pages_are_documents(
    record: bytes, count: int, tmp_path: Path
) -> None:
    (tmp_path / "a.warc").write_bytes(record)
    found = pages(tmp_path)
    assert len(found) == count
    assert not any(raw.problem for raw in found)
    if count:
        assert "hat" in found[0].text or "Grüße" in found[0].text


def test_an_answer_that_unpacks_without_end_is_bounded(
    tmp_path: Path,
) -> None:
    bomb = gzip.compress(b"<p>hat</p>" * 10_000_000, 9)
    record = answer(bomb, more="Content-Encoding: gzip\r\n")
    (tmp_path / "a.warc").write_bytes(record)
    (raw,) = pages(tmp_path)
    assert "larger than 20,000,000 bytes" in raw.problem


def test_a_torn_archive_gives_what_came_before(archive: Path) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: len(data) - 60])
    found = pages(archive)
    problems = [bool(raw.problem) for raw in found]
    assert problems == [False, False, True]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_half_a_page_is_no_page(
    share: float, counted: bool, packed: bool, tmp_path: Path
) -> None:
    """Whether or not the server said how long the page is."""
    noise = b"".join(f"<p>Hat {i * i}.</p>".encode() for i in range(99))
    record = answer(HAT.encode() + noise, counted=counted)
    body = len(HAT.encode() + noise) + len(b"\r\n\r\n")
    kept = len(record) - body + round(share * (body - 5))
    last = record[:kept]
    if packed:
        whole = gzip.compress(record)
        last = whole[: round((0.6 + 0.4 * share) * len(whole)) - 30]
        record = whole
    name = "a.warc.gz" if packed else "a.warc"
    (tmp_path / name).write_bytes(record + last)
    first, torn = pages(tmp_path)
    assert first.text and not first.problem
    assert not torn.text and torn.problem == web.TORN


@given(draws=st.data())
@settings(max_examples=60)
def test_broken_bytes_are_problems_and_no_errors(
    draws: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = bytearray(answer(HAT.encode()) * 2)
    for _ in range(draws.draw(st.integers(1, 4))):
        place = draws.draw(st.integers(0, len(whole) - 1))
        whole[place] = draws.draw(st.integers(0, 255))
    cut = draws.draw(st.integers(0, len(whole)))
    path = tmp_path_factory.mktemp("warc") / "a.warc"
    path.write_bytes(bytes(whole[:cut]))
    for raw in pages(path):
        assert raw.problem or isinstance(raw.text, str)


def test_every_shared_archive_is_read(shared_data: Path) -> None:
    asked = source(shared_data / "warc")
    for unit in find_units(0, asked, Path()):
        kinds = Counter(
            bool(raw.problem) for raw in read_unit(unit, asked)
        )
        expected = GIVEN.get(Path(unit.file).name, (0, 0))
        assert (kinds[False], kinds[True]) == expected, unit.label


class Breaking(SimpleHTTPRequestHandler):
    """Serves files, and breaks the first connections off."""

    breaks = 2

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        asked = self.headers.get("Range", "bytes=0-")
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        rest = data[start:]
        if type(self).breaks:
            type(self).breaks -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)
        self.close_connection = True


@pytest.fixture
def server(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    monkeypatch.setattr(streams, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(Breaking, "breaks", 2)
    handler = partial(Breaking, directory=str(archive.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        thread = Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()
        thread.join()


def test_a_broken_connection_is_taken_up(
    server: str, archive: Path
) -> None:
    assert pages(f"{server}/a.warc.gz") == pages(archive)


def test_what_is_not_there_is_one_problem(server: str) -> None:
    (raw,) = pages(f"{server}/b.warc.gz")
    assert raw.problem.startswith("cannot be fetched:")


def test_a_list_names_archives_below_a_prefix(
    server: str, archive: Path
) -> None:
    listed = archive.parent / "warc.paths.gz"
    listed.write_bytes(gzip.compress(b"a.warc.gz\nb.warc.gz\n"))
    asked = {"prefix": f"{server}/", "files": 1}
    assert len(pages(listed, **asked)) == 3
    with pytest.raises(DataError, match="cannot be read"):
        pages(archive.parent / "none.paths")


def test_a_bucket_that_is_not_there_is_one_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (raw,) = pages("s3://commoncrawl/a.warc.gz")
    assert raw.problem.startswith("cannot be fetched:")


def test_a_folder_without_archives_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A hat.", encoding="utf-8")
    with pytest.raises(DataError, match="holds no web archive"):
        pages(tmp_path)


def test_both_ways_take_the_text_out(archive: Path) -> None:
    for way in ("fast", "careful"):
        found = pages(archive, extractor=way)
        assert found[0].text.startswith("A hat covers the head.")


@pytest.mark.parametrize("way", ["fast", "careful"])
def test_endless_nesting_is_no_trouble(
    way: str, tmp_path: Path
) -> None:
    page = "<div>" * 100_000 + "A hat covers the head." + "</div>" * 9
    stream = io.BytesIO(answer(page.encode()))
    (tmp_path / "a.warc").write_bytes(stream.getvalue())
    (raw,) = pages(tmp_path, extractor=way)
    assert "A hat covers" in raw.text
