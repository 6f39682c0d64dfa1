import io
from collections.abc import Iterator
from typing import Any

import pytest

from hornbook.base.dialogue import Message
from hornbook.base.errors import DataError
from hornbook.inference.generate import Sampling
from hornbook.inference.terminal import converse, fitting
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

TOK = Tokenizer.train(["What is a hat?"], 270, "gpt2", SPECIALS)
MODEL = Transformer(
    make_config(vocab_size=270, layers=1, width=16, heads=2, context=48)
).eval()


class Talk:
    """A conversation through a pipe; keeps what the model was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch
        self.told: list[str] = []
        monkeypatch.setattr(
            "hornbook.inference.terminal.stream_ids", self.answer
        )

    def answer(
        self, model: Any, tok: Any, ids: list[int], *rest: Any, gap: str
    ) -> Iterator[str]:
        """Answer with a number, in two pieces."""
        self.told.append(TOK.decode(ids))
        yield from ("answer ", str(len(self.told)))

    def say(self, *lines: str) -> None:
        """Type these lines."""
        typed = io.StringIO("".join(f"{line}\n" for line in lines))
        self.patch.setattr("sys.stdin", typed)
        converse(MODEL, TOK, Sampling(max_tokens=4))


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Talk:
    """A conversation with a model that counts."""
    return Talk(monkeypatch)


def test_each_line_is_a_question_and_each_answer_a_line(
    talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    talk.say("One?", "", "Two?")
    assert capsys.readouterr().out == "answer 1\nanswer 2\n"


def test_it_remembers_what_was_said(talk: Talk) -> None:
    talk.say("A?", "B?")
    assert talk.told[1] == (
        "<|user|> A?<|end|><|assistant|> answer 1<|end|>"
        "<|user|> B?<|end|><|assistant|>"
    )


def test_new_begins_anew(talk: Talk) -> None:
    talk.say("A?", " /new ", "B?")
    assert talk.told[1] == "<|user|> B?<|end|><|assistant|>"


@pytest.mark.parametrize("word", ["/quit", "/exit", "quit", " Exit "])
def test_quit_ends(talk: Talk, word: str) -> None:
    talk.say("To quit?", word, "B?")
    assert len(talk.told) == 1


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_what_is_not_utf8_is_named(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, errors: str
) -> None:
    typed = io.TextIOWrapper(
        io.BytesIO(b"a\xff?\n"), encoding="utf-8", errors=errors
    )
    monkeypatch.setattr("sys.stdin", typed)
    with pytest.raises(DataError, match="is not UTF-8 text; set"):
        converse(MODEL, TOK, Sampling(max_tokens=4))


def test_an_empty_answer_does_not_end_the_conversation(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "hornbook.inference.terminal.stream_ids",
        lambda *asked, gap: iter([""]),
    )
    talk.say("A?", "B?")


def test_old_turns_are_forgotten_when_the_context_is_full(
    talk: Talk,
) -> None:
    talk.say(*(f"{i}{i}{i}{i}{i}{i}?" for i in range(6)))
    assert "555555" in talk.told[-1] and "000000" not in talk.told[-1]
    for told in talk.told:
        ids = TOK.encode(told, specials=SPECIALS)
        assert len(ids) + 4 <= MODEL.config.context


def test_a_question_that_never_fits_is_asked_all_the_same() -> None:
    said = [Message("user", "x" * 99)]
    assert len(fitting(MODEL, TOK, said, 10)) > 99


def test_a_real_model_answers_through_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("What is a hat?\n"))
    converse(MODEL, TOK, Sampling(max_tokens=3))
    assert capsys.readouterr().out.endswith("\n")
