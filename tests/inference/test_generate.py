from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.base.dialogue import Message
from hornbook.base.errors import DataError, RecipeError
from hornbook.inference.generate import (
    Sampling,
    chat,
    generate,
    next_tokens,
    reply,
    stream,
    stream_ids,
)
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from inference.rough import rough_model

TOK = Tokenizer.train(
    ["What is a hat? A hat is a head covering. 🎩 déjà vu"],
    290,
    "gpt2",
    SPECIALS,
)
CONTEXT = 8


MODEL = rough_model("llama", TOK.vocab_size, CONTEXT)
NEXT = "hornbook.inference.generate.next_tokens"


def given_tokens(ids: Sequence[int]) -> Any:
    """Let the model say these tokens, whatever it is asked."""
    return patch(NEXT, lambda *asked: iter(ids))


@torch.no_grad()
def greedy(model: Any, ids: list[int], count: int) -> Iterator[int]:
    """Take the likeliest token without any cache."""
    context = model.config.context
    window = ids[-context:]
    for _ in range(count):
        if len(window) > context:
            window = window[-max(context // 2, 1) :]
        token = int(model(torch.tensor([window]))[0, -1].argmax())
        window = [*window, token]
        yield token


@pytest.mark.parametrize("form", ["gpt2", "llama", "nanochat"])
@pytest.mark.parametrize("length", [1, CONTEXT, CONTEXT + 3])
def test_the_cache_changes_nothing(form: str, length: int) -> None:
    model = rough_model(form, TOK.vocab_size, CONTEXT)
    ids = [(7 * i) % 250 for i in range(length)]
    # More than the context holds, twice over
    wanted = list(greedy(model, ids, 3 * CONTEXT))
    sampling = Sampling(max_tokens=3 * CONTEXT)
    assert list(next_tokens(model, ids, sampling)) == wanted
    assert len(set(wanted)) > 1


def test_a_context_of_one_token_is_enough() -> None:
    model = rough_model("llama", TOK.vocab_size, 1)
    found = list(next_tokens(model, [5, 6], Sampling(max_tokens=4)))
    assert found == list(greedy(model, [6], 4))


def test_equal_seeds_give_equal_texts() -> None:
    def say(seed: int | None) -> str:
        return generate(MODEL, TOK, "A hat", 6, 1.0, seed=seed)

    assert say(3) == say(3)
    assert len({say(3), say(4), say(5)}) > 1
    assert len({say(None) for _ in range(3)}) > 1


def test_as_many_tokens_as_asked_for() -> None:
    none_ends = Sampling(max_tokens=21, temperature=1.0, seed=1)
    assert len(list(next_tokens(MODEL, [1], none_ends))) == 21
    assert generate(MODEL, TOK, "A hat", max_tokens=0) == ""


def test_an_empty_prompt_begins_a_document() -> None:
    empty = generate(MODEL, TOK, "", 5)
    ids = list(next_tokens(MODEL, [TOK.end], Sampling(5)))
    until = ids.index(TOK.end) if TOK.end in ids else len(ids)
    assert empty == TOK.decode(ids[:until])


@settings(max_examples=6)
@given(st.integers(0, 999), st.text("a hat", max_size=9))
def test_the_pieces_joined_are_the_text(seed: int, text: str) -> None:
    how = {"max_tokens": 8, "temperature": 1.0, "seed": seed}
    pieces = list(stream(MODEL, TOK, text, **how))
    assert "".join(pieces) == generate(MODEL, TOK, text, **how)


@given(st.text(max_size=20))
def test_no_half_character_is_given(text: str) -> None:
    with given_tokens(TOK.encode(text)):
        for piece in stream_ids(MODEL, TOK, [], Sampling()):
            assert piece in text
        assert generate(MODEL, TOK, "") == text


WORDS = st.text("ahit éW🎩", max_size=25)
STOPS = st.lists(st.text("ahit é", min_size=1, max_size=4), max_size=3)


@settings(max_examples=300)
@given(WORDS, STOPS)
def test_a_stop_string_never_appears(
    text: str, stops: list[str]
) -> None:
    with given_tokens(TOK.encode(text)):
        pieces = list(stream_ids(MODEL, TOK, [], Sampling(), stops))
    shown = "".join(pieces)
    assert text.startswith(shown)
    assert not [stop for stop in stops if stop in shown]
    if shown != text:
        rest = text[len(shown) :]
        assert any(rest.startswith(stop) for stop in stops)


@given(WORDS, st.text("ahit", min_size=2, max_size=4))
def test_the_beginning_of_a_stop_string_waits(
    text: str, stop: str
) -> None:
    heard: list[int] = []

    def say(*asked: Any) -> Iterator[int]:
        for token in TOK.encode(text):
            heard.append(token)
            yield token

    shown = ""
    with patch(NEXT, say):
        for piece in stream_ids(MODEL, TOK, [], Sampling(), [stop]):
            shown += piece
            said = TOK.decode(heard, "ignore")
            if said == text:
                break
            for size in range(1, len(stop)):
                if said.endswith(stop[:size]):
                    assert len(shown) <= len(said) - size


def test_stop_strings_span_tokens() -> None:
    ids = [*TOK.encode("a h"), *TOK.encode("at, a hat")]
    with given_tokens(ids):
        assert generate(MODEL, TOK, "", stop=["hat"]) == "a "


def test_the_end_token_ends_the_text() -> None:
    ids = [*TOK.encode("A hat"), TOK.end, *TOK.encode(" and more")]
    with given_tokens(ids):
        assert generate(MODEL, TOK, "") == "A hat"
        said = [Message("user", "What?")]
        answer = reply(MODEL, TOK, said, Sampling())
    assert (answer.text, answer.ended) == ("A hat", True)
    assert answer.tokens == len(TOK.encode("A hat"))


def test_an_answer_that_is_cut_off_has_not_ended() -> None:
    with given_tokens(TOK.encode("A hat")):
        answer = reply(
            MODEL, TOK, [Message("user", "What?")], Sampling()
        )
    assert not answer.ended


def test_chat_speaks_in_the_template() -> None:
    with patch(NEXT, return_value=iter([TOK.end])) as asked:
        said = [
            {"role": "user", "content": "What?"},
            {"role": "assistant", "content": "A hat."},
            Message("user", "Why?"),
        ]
        assert chat(MODEL, TOK, said) == ""
    (_, ids, _), _ = asked.call_args
    form = (
        "<|user|> What?<|end|><|assistant|> A hat.<|end|>"
        "<|user|> Why?<|end|><|assistant|>"
    )
    assert ids == TOK.encode(form, specials=SPECIALS)


@pytest.mark.parametrize(
    "said",
    [
        [],
        [{"role": "wizard", "content": "x"}],
        [{"role": "user"}],
        [{"content": "x"}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": " "}],
        [{"role": "assistant", "content": "x"}],
    ],
)
def test_messages_that_are_none_are_refused(said: list[Any]) -> None:
    with pytest.raises(DataError, match="message"):
        chat(MODEL, TOK, said)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", -4),
        ("temperature", -1.0),
        ("temperature", float("nan")),
        ("top_p", 7.0),
        ("top_p", -0.1),
    ],
)
def test_a_draw_that_cannot_be_is_refused(
    name: str, value: float
) -> None:
    with pytest.raises(RecipeError, match=f"{name} is {value}; it can"):
        msgspec.structs.replace(Sampling(0, 9.0, 0.0), **{name: value})
