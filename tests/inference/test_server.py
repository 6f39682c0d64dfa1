import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from hornbook.base.errors import HornbookError
from hornbook.inference.generate import chat, generate
from hornbook.inference.server import listen
from hornbook.inference.serving import Limits
from hornbook.inference.web import FILES
from hornbook.tokenizer.chat import gap_of
from inference.server_fixture import (
    CONTEXT,
    MODEL,
    TOK,
    Served,
    serving,
)

ASK: list[Any] = [{"role": "user", "content": "What is a hat?"}]
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
LOOK = "/hornbook/attention"
HOW: Any = {"temperature": 1.0, "seed": 4, "max_tokens": 9}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as server:
        yield server


def client_of(served: Served, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{served.url}/v1", api_key=key, max_retries=0
    )


@pytest.fixture(scope="module")
def client(served: Served) -> openai.OpenAI:
    return client_of(served)


def test_the_model_is_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["small"]
    assert client.models.retrieve("small").owned_by == "hornbook"
    with pytest.raises(openai.NotFoundError, match="only 'small'"):
        client.models.retrieve("large")


def test_a_chat_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="small", messages=ASK, **HOW
    )
    wanted = chat(MODEL, TOK, ASK, 9, 1.0, seed=4)
    assert answer.choices[0].message.content == wanted
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 9
    read = len(TOK.encode(gap_of(TOK) + ASK[0]["content"])) + 3
    assert answer.usage.prompt_tokens == read
    assert answer.usage.total_tokens == read + 9


def test_a_stream_says_the_same(client: openai.OpenAI) -> None:
    parts = list(
        client.chat.completions.create(
            model="small", messages=ASK, stream=True,
            stream_options={"include_usage": True}, **HOW,
        )
    )
    *said, last = parts
    text = "".join(p.choices[0].delta.content or "" for p in said)
    assert text == chat(MODEL, TOK, ASK, 9, 1.0, seed=4)
    assert said[0].choices[0].delta.role == "assistant"
    assert said[-1].choices[0].finish_reason == "length"
    assert last.choices == [] and last.usage is not None
    assert last.usage.completion_tokens == 9
    assert len({part.id for part in parts}) == 1


def test_a_text_goes_on(client: openai.OpenAI) -> None:
    wanted = generate(MODEL, TOK, "A hat", 9, 1.0, seed=4)
    for prompt in ("A hat", TOK.encode("A hat")):
        answer = client.completions.create(
            model="small", prompt=prompt, **HOW
        )
        assert answer.choices[0].text == wanted
    parts = client.completions.create(
        model="small", prompt="A hat", stream=True, **HOW
    )
    assert "".join(p.choices[0].text for p in parts) == wanted
    stop = wanted[3:5]
    stopped = client.completions.create(
        model="small", prompt="A hat", stop=[stop], **HOW
    ).choices[0]
    assert stopped.text == wanted[: wanted.index(stop)]
    assert stopped.finish_reason == "stop"
    assert client.completions.create(model="small", prompt="").choices


def test_probabilities_are_told_as_openai_tells_them(
    client: openai.OpenAI,
) -> None:
    answer = client.chat.completions.create(
        model="small", messages=ASK, logprobs=True, top_logprobs=3,
        **HOW,
    ).choices[0]
    assert answer.logprobs and answer.logprobs.content
    told = answer.logprobs.content
    said = b"".join(bytes(one.bytes or []) for one in told)
    assert said.decode("utf-8", "replace") == answer.message.content
    for one in told:
        ranked = [other.logprob for other in one.top_logprobs]
        assert len(ranked) == 3 and ranked == sorted(ranked)[::-1]
        assert one.logprob <= ranked[0] <= 0
    text = client.completions.create(
        model="small", prompt="A hat", logprobs=2, **HOW
    ).choices[0]
    assert text.logprobs and text.logprobs.tokens
    assert len(text.logprobs.tokens) == 9
    assert text.logprobs.text_offset
    assert text.logprobs.text_offset[0] == 0


def test_the_stream_ends_with_done(served: Served) -> None:
    body = {"model": "small", "messages": ASK, "stream": True, **HOW}
    answer = served.send(CHAT, body)
    kind = answer.getheader("content-type") or ""
    assert kind.startswith("text/event-stream")
    events = answer.read().decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    for event in events[:-2]:
        made = json.loads(event.removeprefix("data: "))
        assert made["object"] == "chat.completion.chunk"


def said(*contents: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {
        "model": "small",
        "messages": [
            {"role": roles[i % 2], "content": content}
            for i, content in enumerate(contents)
        ],
    }


GOOD = said("a")
TOO_LONG = said("a " * 3 * CONTEXT)
WRONG: list[tuple[str, Any, int, str]] = [
    (CHAT, b"{", 400, "not JSON"),
    (CHAT, b"[" * 100_000, 400, "not JSON"),
    (CHAT, b'{"model": "\xff"}', 400, "not JSON"),
    (CHAT, b"[]", 400, "Expected `object`"),
    (CHAT, {"model": "small"}, 400, "`messages`"),
    (CHAT, {**GOOD, "model": "large"}, 404, "no model 'large'"),
    (CHAT, {**GOOD, "max_tokens": "9"}, 400, "max_tokens"),
    (CHAT, {**GOOD, "max_tokens": 0}, 400, ">= 1"),
    (CHAT, {**GOOD, "max_tokens": CONTEXT}, 400, "context"),
    (CHAT, {**GOOD, "temperature": -1}, 400, "temperature"),
    (CHAT, {**GOOD, "temperature": 1e400}, 400, "not JSON"),
    (CHAT, {**GOOD, "seed": 2**64}, 400, "seed"),
    (CHAT, {**GOOD, "stop": ["a"] * 5}, 400, "stop"),
    (CHAT, {**GOOD, "stop": ""}, 400, "stop"),
    (CHAT, {**GOOD, "n": 2}, 400, "'n' is not supported"),
    (CHAT, {**GOOD, "tools": [{}]}, 400, "'tools'"),
    (CHAT, {**GOOD, "top_logprobs": 3}, 400, "needs 'logprobs'"),
    (CHAT, {**GOOD, "logprobs": True, "top_logprobs": 21}, 400, "20"),
    (CHAT, TOO_LONG, 400, "context"),
    (CHAT, said("a", "b"), 400, "speak twice"),
    (CHAT, said(" "), 400, "is empty"),
    (CHAT, said(), 400, "no message"),
    (TEXT, {"model": "small"}, 400, "`prompt`"),
    (TEXT, {"model": "small", "prompt": [9**9]}, 400, "token ids"),
    (TEXT, {"model": "small", "prompt": ["a"]}, 400, "prompt"),
    (TEXT, {"model": "small", "prompt": [1] * CONTEXT}, 400, "context"),
    (TEXT, {"model": "small", "prompt": "\ud800"}, 400, "JSON"),
    ("/v1/nothing", {}, 404, "Not Found"),
    (LOOK, {"messages": said("a")["messages"]}, 400, "no answer"),
    (LOOK, {"layer": 0}, 400, "`messages`"),
]


@pytest.mark.parametrize(("path", "body", "status", "says"), WRONG)
def test_what_cannot_be_served_is_refused(
    served: Served, path: str, body: Any, status: int, says: str
) -> None:
    found, answer = served.ask(path, body)
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert says in answer["error"]["message"]
    assert found == status


def test_values_that_ask_for_nothing_are_met(served: Served) -> None:
    idle = {"n": 1, "user": "me", "presence_penalty": 0, "tools": None}
    assert served.ask(CHAT, {**GOOD, **idle, **HOW})[0] == 200


def test_only_json_and_only_post(served: Served) -> None:
    plain = {"Content-Type": "text/plain"}
    assert served.ask(CHAT, GOOD, headers=plain)[0] == 415
    assert served.ask(CHAT, None, method="GET")[0] == 405


def test_a_large_body_is_not_read() -> None:
    with serving(Limits(body_bytes=1000)) as served:
        status, answer = served.ask(CHAT, said("a" * 2000))
        assert (status, answer["error"]["code"]) == (
            413, "body_too_large",
        )
        assert served.ask(CHAT, {**GOOD, **HOW})[0] == 200


def test_a_slow_body_and_a_slow_answer_are_given_up() -> None:
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\n"
        "Content-Length: 99\r\n\r\n{"
    )
    with (
        serving(Limits(body_seconds=0.2)) as served,
        socket.create_connection(
            ("127.0.0.1", served.port), timeout=20
        ) as wire,
    ):
        wire.sendall(head.encode())
        assert b" 408 " in wire.recv(100)
    with serving(Limits(seconds=1e-6)) as served:
        status, answer = served.ask(CHAT, GOOD)
        assert (status, answer["error"]["code"]) == (504, "timeout")
        events = served.send(CHAT, {**GOOD, "stream": True}).read()
        assert b'"code":"timeout"' in events
        assert events.endswith(b"data: [DONE]\n\n")


def test_a_key_is_asked_for() -> None:
    with serving(key="sésame") as served:
        for headers in ({}, {"Authorization": "Bearer no"}):
            status, answer = served.ask(CHAT, GOOD, headers=headers)
            assert status == 401
            assert answer["error"]["code"] == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            client_of(served, "wrong").models.list()
        assert served.send("/").status == 200
    with serving(key="sesame") as served:
        assert client_of(served, "sesame").models.list().data


@pytest.mark.parametrize("path", ["/", "/v1/models"])
def test_another_name_for_this_machine_is_refused(
    served: Served, path: str
) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1.x"):
        answer = served.send(path, headers={"Host": host})
        assert answer.status == 403
    for host in ("localhost", "localhost:8000", "127.0.0.1", "[::1]:1"):
        assert served.send(path, headers={"Host": host}).status == 200


def test_a_full_queue_says_when_to_come_back() -> None:
    hold, free = threading.Event(), threading.Event()
    with serving(Limits(queue=1)) as served:
        # The engine is busy, and one more waits
        served.engine.ask(lambda: (hold.set(), free.wait(60)))
        hold.wait(60)
        first = served.send(CHAT, {**GOOD, **HOW, "stream": True})
        answer = served.send(CHAT, GOOD)
        assert answer.status == 429
        assert int(answer.getheader("retry-after") or 0) > 0
        with pytest.raises(openai.RateLimitError):
            client_of(served).chat.completions.create(
                model="small", messages=ASK
            )
        free.set()
        assert first.read().endswith(b"data: [DONE]\n\n")
        assert served.ask(CHAT, {**GOOD, **HOW})[0] == 200


def test_who_hangs_up_frees_the_place(served: Served) -> None:
    free = threading.Event()
    held = served.engine.ask(lambda: free.wait(60))
    try:
        bodies = [{**GOOD, "stream": True}] * 3
        answers = [served.send(CHAT, body) for body in bodies]
        assert len(served.engine.waiting) == 3
        for answer in answers:
            answer.close()
        end = time.monotonic() + 20
        while served.engine.waiting and time.monotonic() < end:
            time.sleep(0.01)
        assert not served.engine.waiting
    finally:
        free.set()
        held.result(20)


def test_many_clients_all_hear_the_end(served: Served) -> None:
    def talk(seed: int) -> bool:
        body = {**GOOD, "stream": True, "max_tokens": 8, "seed": seed}
        return served.send(CHAT, body).read().endswith(b"[DONE]\n\n")

    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(talk, range(40)))


def test_attention_is_shown_over_the_last_answer(
    served: Served,
) -> None:
    body = said("What is a hat?", "A head covering.")
    del body["model"]
    status, found = served.ask(LOOK, {**body, "layer": 1, "head": 1})
    assert status == 200
    first, rows = found["first"], found["weights"]
    told = found["tokens"][first:]
    assert "".join(told) == gap_of(TOK) + "A head covering."
    assert [len(row) for row in rows] == [
        first + i + 1 for i in range(len(told))
    ]
    assert all(abs(sum(row) - 1) < 0.01 for row in rows)
    assert served.ask(LOOK, {**body, "layer": 2})[0] == 400
    assert served.ask(LOOK, {**body, "head": 2})[0] == 400


def test_a_character_of_several_tokens_is_told_whole(
    served: Served,
) -> None:
    body = said("What is a hat?", "A 🦩.")
    del body["model"]
    _, found = served.ask(LOOK, {**body, "layer": 0, "head": 0})
    told = found["tokens"][found["first"] :]
    assert "".join(told) == gap_of(TOK) + "A 🦩."
    assert "\ufffd" not in told
    assert "🦩" in told and "" in told


def test_the_page_is_served_and_trusts_nobody(served: Served) -> None:
    for path, (_, kind) in FILES.items():
        answer = served.send(path)
        assert (answer.getheader("content-type") or "").startswith(kind)
        policy = answer.getheader("content-security-policy") or ""
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        text = answer.read().decode()
        assert "innerHTML" not in text and "<script>" not in text
        links = re.findall(r"https?://[\w./]+", text)
        assert set(links) <= {"http://www.w3.org/2000/svg"}


def test_a_port_in_use_is_said() -> None:
    with listen("127.0.0.1", 0) as door:
        port = door.getsockname()[1]
        with pytest.raises(HornbookError, match=f"{port} .* in use"):
            listen("127.0.0.1", port)
    with pytest.raises(HornbookError, match="no port 70000"):
        listen("127.0.0.1", 70000)
    with pytest.raises(HornbookError, match="cannot listen at"):
        listen("192.0.2.1", 0)


@pytest.mark.skipif(os.name == "nt", reason="needs a Ctrl-C to send")
def test_the_command_serves_until_it_is_stopped(
    tmp_path: Path,
) -> None:
    MODEL.save(tmp_path / "small", "native", TOK)
    command = [
        sys.executable, "-c",
        "from hornbook.cli import start; start()",
        "serve", "small", "--port", "0",
    ]
    # Torch itself opens a file without saying how
    env = {**os.environ, "PYTHONWARNDEFAULTENCODING": ""}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=env,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split()[0]
        lines = [process.stderr.readline() for _ in range(4)]
        port = int(address.rpartition(":")[2])
        listed = Served(port).ask("/v1/models", None)[1]["data"]
        assert [model["id"] for model in listed] == ["small"]
        assert "curl" in "".join(lines) and "Ctrl-C" in "".join(lines)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(30) == 0
        assert "Traceback" not in rest and "stopped" in rest
