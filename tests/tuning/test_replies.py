"""Every reply is saved; none is asked for a second time."""

import json
from pathlib import Path
from typing import Any

import pytest

from hornbook.base.document import Document
from hornbook.base.errors import (
    CorruptFileError,
    DataError,
    NetworkError,
)
from hornbook.base.store import read_jsonl
from hornbook.tuning.endpoint import Answer
from hornbook.tuning.replies import (
    ask_rest,
    gather,
    in_parallel,
    read_replies,
)
from hornbook.tuning.writer import WriterConfig
from tuning.fake_writer import Said, completion, failing, fake, pairs

TEXTS = [Document(str(n), f"Thing {n} is good.") for n in range(12)]


def settings(address: str, **given: Any) -> WriterConfig:
    return WriterConfig(address=address, model="small", **given)


def number_of(asked: dict[str, Any]) -> str:
    """Find which document a request is about."""
    prompt: str = asked["messages"][0]["content"]
    return prompt.partition("Thing ")[2].partition(" ")[0]


def helpful(_: int, asked: dict[str, Any]) -> Said:
    name = number_of(asked)
    return pairs((f"How is thing {name}?", "Good."))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.dialogues" / "replies.jsonl"


@pytest.mark.parametrize("parallel", [1, 4])
def test_every_document_is_asked_about_once(
    path: Path, parallel: int
) -> None:
    with fake(helpful) as server:
        config = settings(server.address, parallel=parallel)
        found = ask_rest(TEXTS, config, path)
        assert ask_rest(TEXTS, config, path) == found
    assert len(server.asked) == len(TEXTS)
    assert found.counts == {"kept": 12} and not found.missing
    assert found.pairs["3"][0].prompt == "How is thing 3?"
    # Without the server too
    assert ask_rest(TEXTS, config, path) == found
    assert gather(TEXTS, config, read_replies(path)) == found


def test_what_was_stopped_goes_on(path: Path) -> None:
    def failing_at_five(count: int, asked: dict[str, Any]) -> Said:
        return failing(401) if count == 5 else helpful(count, asked)

    with fake(failing_at_five) as server:
        config = settings(server.address)
        with pytest.raises(NetworkError, match="wants a key"):
            ask_rest(TEXTS, config, path)
        assert len(read_jsonl(path)) == 4

        # Tear the last line, as a kill could
        path.write_bytes(path.read_bytes()[:-9])
        found = ask_rest(TEXTS, config, path)
    asked = [number_of(each) for each in server.asked]
    assert len(asked) == 4 + 1 + 9
    assert sorted(asked[5:], key=int) == [str(n) for n in range(3, 12)]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line)["asked"] for line in lines}) == 12
    assert found.counts == {"kept": 12}


def test_other_settings_are_other_requests(path: Path) -> None:
    with fake(helpful) as server:
        ask_rest(TEXTS[:2], settings(server.address), path)
        config = settings(server.address, pairs=1)
        found = gather(TEXTS[:2], config, read_replies(path))
        assert found.missing == 2
        ask_rest(TEXTS[:2], config, path)
        ask_rest(TEXTS[:2], settings(server.address), path)
    assert len(server.asked) == 4


def test_replies_without_use_are_counted(path: Path) -> None:
    def mixed(count: int, asked: dict[str, Any]) -> Said:
        return {
            0: completion("Sorry, no."),
            1: failing(400, "too long"),
            2: (200, b"<html>", {}),
            3: (200, b" " * (1 << 21), {}),
        }.get(int(number_of(asked)), helpful(count, asked))

    with fake(mixed) as server:
        config = settings(server.address)
        found = ask_rest(TEXTS, config, path)
    assert found.counts == {
        "kept": 8, "unreadable": 1, "refused": 1, "no_answer": 1,
        "too_long": 1,
    }
    assert ask_rest(TEXTS, config, path) == found
    assert set(found.pairs) == {str(n) for n in range(4, 12)}


@pytest.mark.parametrize(("texts", "asked"), [(12, 10), (3, 3)])
def test_a_writer_of_no_use_is_not_asked_for_ever(
    path: Path, texts: int, asked: int
) -> None:
    with fake(lambda *_: completion("Sorry,\x1b no.")) as server:
        config = settings(server.address)
        for _ in range(2):
            with pytest.raises(DataError) as caught:
                ask_rest(TEXTS[:texts], config, path)
    assert len(server.asked) == asked
    assert f"none of {asked} replies" in str(caught.value)
    assert r"'Sorry,\x1b no.'" in str(caught.value)


def test_one_reply_of_use_is_enough_to_go_on(path: Path) -> None:
    def rare(count: int, asked: dict[str, Any]) -> Said:
        return helpful(count, asked) if count == 9 else completion("No")

    with fake(rare) as server:
        found = ask_rest(TEXTS, settings(server.address), path)
    assert found.counts == {"kept": 1, "unreadable": 11}


def test_a_damaged_file_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"asked": 1}\n', encoding="utf-8")
    with pytest.raises(CorruptFileError, match="no reply"):
        read_replies(path)


def test_a_key_is_in_no_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-very-secret-0123456789"
    monkeypatch.setenv("WRITER_KEY", key)
    with fake(lambda *_: pairs((f"What is {key}?", key))) as server:
        config = settings(server.address, key="WRITER_KEY")
        ask_rest(TEXTS[:2], config, path)
    assert server.keys == [f"Bearer {key}"] * 2
    assert key not in path.read_text(encoding="utf-8")


def test_an_error_ends_all_threads() -> None:
    def ask(name: str) -> Answer:
        if name == "3":
            raise NetworkError("gone")
        return Answer(name)

    names = [str(n) for n in range(100)]
    with pytest.raises(NetworkError, match="gone"):
        list(in_parallel(names, ask, 2))
    told = dict(in_parallel(names[4:], ask, 3))
    assert told == {name: Answer(name) for name in names[4:]}
    assert not list(in_parallel([], ask, 3))
