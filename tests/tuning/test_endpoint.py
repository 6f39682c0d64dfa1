"""An endpoint is asked as the recipe says, and nowhere else."""

import json
import socket
from typing import Any

import pytest

from hornbook.base.errors import NetworkError, RecipeError
from hornbook.tuning import endpoint
from hornbook.tuning.endpoint import Answer, complete, find_key
from hornbook.tuning.writer import WriterConfig
from inference.server_fixture import serving
from tuning.fake_writer import Said, completion, failing, fake

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait for nothing, and tell how long it would have been."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


def settings(address: str, **given: Any) -> WriterConfig:
    return WriterConfig(address=address, model="small", **given)


def test_a_prompt_goes_out_as_the_protocol_has_it() -> None:
    with fake(lambda *_: completion("Yes.")) as server:
        config = settings(server.address + "/", tokens=9)
        assert complete(config, KEY, "Hät?") == Answer("Yes.")
    assert server.paths == ["/v1/chat/completions"]
    assert server.keys == [f"Bearer {KEY}"]
    (asked,) = server.asked
    assert asked == {
        "model": "small",
        "messages": [{"role": "user", "content": "Hät?"}],
        "temperature": 0.7,
        "max_tokens": 9,
    }


def test_without_a_key_or_a_limit_none_is_sent() -> None:
    with fake(lambda *_: completion("Yes.")) as server:
        complete(settings(server.address, tokens=0), "", "Hat?")
    assert server.keys == [""]
    assert "max_tokens" not in server.asked[0]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_server_is_asked_again(
    status: int, pauses: list[float]
) -> None:
    def reply(count: int, _: Any) -> Said:
        if count < 3:
            return failing(status, **{"Retry-After": "7"})
        return completion("Yes.")

    with fake(reply) as server:
        assert complete(settings(server.address), "", "Hat?").text
    assert pauses == [7, 7]


def test_a_server_that_stays_busy_is_given_up(
    pauses: list[float],
) -> None:
    long = {"Retry-After": "99999"}
    reply = failing(429, "quota\x1b[31m is\n spent", **long)
    says = r"4 times .* quota \[31m is spent"
    with (
        fake(lambda *_: reply) as server,
        pytest.raises(NetworkError, match=says),
    ):
        complete(settings(server.address), "", "Hat?")
    assert len(server.asked) == 4
    assert pauses == [60, 60, 60]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with fake(lambda *_: completion("No.")) as other:
        goal = {"Location": f"{other.address}/chat/completions"}
        with (
            fake(lambda *_: (status, b"", goal)) as server,
            pytest.raises(NetworkError, match="not followed"),
        ):
            complete(settings(server.address), KEY, "Hat?")
    assert other.paths == [] and len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "key", "says"),
    [
        (401, "", "name the environment variable"),
        (403, "WRITER_KEY", "refuses the key in WRITER_KEY"),
        (404, "", "mostly in /v1"),
        (402, "", "pay first"),
    ],
)
def test_what_no_prompt_can_mend_ends_it(
    status: int, key: str, says: str
) -> None:
    with (
        fake(lambda *_: failing(status, f"pay first {KEY}")) as server,
        pytest.raises(NetworkError) as caught,
    ):
        complete(settings(server.address, key=key), KEY, "Hat?")
    assert says in str(caught.value) and KEY not in str(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body", [b"", b"[" * 99_999, b"[7]", b'{"error": 7}', b"\xff"]
)
def test_an_error_needs_no_words(body: bytes) -> None:
    with fake(lambda *_: (400, body, {})) as server:
        answer = complete(settings(server.address), "", "Hat?")
    assert answer == Answer("status 400", "refused")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_prompt_is_told(status: int) -> None:
    with fake(lambda *_: failing(status, f"too long {KEY}")) as server:
        answer = complete(settings(server.address), KEY, "Hat?")
    told = f"status {status}: too long [key]"
    assert answer == Answer(told, "refused")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"{}", b'{"choices": []}', b"\xff\xfe",
        b'{"choices": [{"message": {"content": null}}]}',
        b'{"x": ' + b"[" * 100_000,
        b'{"choices": [{"message": {"content": "\\ud800"}}]}',
    ],
)
def test_a_reply_that_is_no_completion_is_told(body: bytes) -> None:
    with fake(lambda *_: (200, body, {})) as server:
        answer = complete(settings(server.address), "", "Hat?")
    assert answer == Answer(fault="no_answer")


def test_a_body_without_end_is_not_read() -> None:
    body = b"x" * (endpoint.LARGEST_BYTES + 1)
    with fake(lambda *_: (200, body, {})) as server:
        answer = complete(settings(server.address), "", "Hat?")
    assert answer == Answer(fault="too_long")


def test_a_server_that_hangs_is_not_waited_for() -> None:
    def reply(*_: Any) -> Said:
        server.quit.wait(20)
        return completion("Late.")

    with (
        fake(reply) as server,
        pytest.raises(NetworkError, match=r"within 0.1 seconds"),
    ):
        complete(settings(server.address, seconds=0.1), "", "Hat?")


def test_a_server_that_drips_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = iter(range(0, 9000, 60))
    monkeypatch.setattr(endpoint.time, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(endpoint, "PIECE_BYTES", 1)
    with (
        fake(lambda *_: completion("Never.")) as server,
        pytest.raises(NetworkError, match="within 120 seconds"),
    ):
        complete(settings(server.address), "", "Hat?")


def test_a_connection_that_breaks_is_made_again() -> None:
    def reply(count: int, _: Any) -> Said:
        status, body, _ = completion("Yes.")
        length = len(body) + (9 if count < 2 else 0)
        return status, body, {"Content-Length": str(length)}

    with fake(reply) as server:
        assert complete(settings(server.address), "", "Hat?").text
    assert len(server.asked) == 2


def test_an_unreachable_server_is_named() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1 cannot be"):
        complete(settings(f"http://127.0.0.1:{port}"), "", "Hat?")
    with pytest.raises(NetworkError, match=r"no\.invalid cannot be"):
        complete(settings("http://no.invalid/v1"), "", "Hat?")


def test_a_proxy_is_not_asked_for_what_is_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://no.invalid:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with fake(lambda *_: completion("Yes.")) as server:
        assert complete(settings(server.address), "", "Hat?").text


def test_a_key_that_comes_back_is_hidden() -> None:
    with fake(lambda *_: completion(f"Your key is {KEY}.")) as server:
        answer = complete(settings(server.address), KEY, "Hat?")
    assert answer.text == "Your key is [key]."


@pytest.mark.parametrize("held", ["", "  ", "a\nb", "schlüssel"])
def test_a_variable_without_a_key_is_told(
    held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings("https://a.invalid/v1", key="WRITER_KEY")
    monkeypatch.setenv("WRITER_KEY", held)
    with pytest.raises(RecipeError, match="WRITER_KEY") as caught:
        find_key(config)
    assert not held.strip() or held not in str(caught.value)


def test_a_key_in_the_open_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WRITER_KEY", KEY)
    for address in ("http://127.0.0.1/v1", "https://a.invalid/v1"):
        assert find_key(settings(address, key="WRITER_KEY")) == KEY
    assert capsys.readouterr().err == ""
    find_key(settings("http://a.invalid/v1", key="WRITER_KEY"))
    err = capsys.readouterr().err
    assert "unencrypted" in err and KEY not in err


def test_the_request_is_valid_json_whatever_the_prompt() -> None:
    prompt = 'a "quote" \\ \u2028 🎩'
    with fake(lambda *_: completion("Yes.")) as server:
        complete(settings(server.address), "", prompt)
    assert json.dumps(server.asked[0]["messages"][0]["content"])
    assert server.asked[0]["messages"][0]["content"] == prompt


def test_our_own_server_is_understood() -> None:
    with serving(key=KEY) as served:
        config = settings(f"{served.url}/v1", tokens=8)
        assert complete(config, KEY, "Hat?").text
        long = complete(config, KEY, "Hat? " * 999)
        with pytest.raises(NetworkError, match="wants a key"):
            complete(config, "", "Hat?")
        other = WriterConfig(address=config.address, model="large")
        with pytest.raises(NetworkError, match="one of its models"):
            complete(other, KEY, "Hat?")
    assert long.fault == "refused" and "shorten" in long.text
