import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import torch

from hornbook.base.errors import RecipeError
from hornbook.inference.generate import Sampling, generate, next_tokens
from hornbook.inference.serving import (
    Engine,
    Job,
    Limits,
    Piece,
    QueueFull,
    Request,
    check,
)
from hornbook.model.count import cache_bytes
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from inference.rough import rough_model

TOK = Tokenizer.train(
    ["What is a hat? A hat is a head covering. 🎩"],
    290,
    "gpt2",
    SPECIALS,
)
NEXT = "hornbook.inference.serving.next_row_tokens"


MODEL = rough_model("nanochat", TOK.vocab_size, 48)


class Listener:
    """Somebody who waits for an answer."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.ended = threading.Event()

    def __call__(self, piece: Piece) -> None:
        self.pieces.append(piece)
        if piece.finish:
            self.ended.set()

    @property
    def text(self) -> str:
        assert self.ended.wait(60)
        return "".join(piece.text for piece in self.pieces)

    @property
    def finish(self) -> str:
        assert self.ended.wait(60)
        return self.pieces[-1].finish


def ask(
    prompt: str, how: Sampling, *stop: str, top: int | None = None
) -> tuple[Job, Listener]:
    listener = Listener()
    work = Request(TOK.encode(prompt), how, stop, top)
    return Job(work, listener), listener


def test_many_at_once_hear_what_each_would_hear_alone() -> None:
    asked = [
        (word, Sampling(9, heat, 0.9, seed), stop)
        for seed, word in enumerate(("a", "What is a hat", "head", "?"))
        for heat in (0.0, 1.0)
        for stop in ((), ("a",))
    ]
    jobs = [ask(word, how, *stop) for word, how, stop in asked]
    with Engine(MODEL, TOK, Limits(batch=5)) as engine:
        for job, _ in jobs:
            engine.submit(job)
        texts = [listener.text for _, listener in jobs]
    assert texts == [
        generate(
            MODEL, TOK, word, how.max_tokens, how.temperature,
            how.top_p, how.seed, stop,
        )
        for word, how, stop in asked
    ]


def test_an_answer_says_why_it_ended() -> None:
    how = Sampling(12, 1.0, seed=2)
    tokens = list(next_tokens(MODEL, TOK.encode("a"), how))
    assert TOK.end not in tokens
    text = TOK.decode(tokens)
    cut, whole = ask("a", how), ask("a", how, text[5:7])
    with Engine(MODEL, TOK) as engine:
        for job, _ in (cut, whole):
            engine.submit(job)
        assert (cut[1].finish, cut[1].text) == ("length", text)
        assert cut[1].pieces[-1].tokens == 12
        assert whole[1].finish == "stop"
        assert whole[1].text == text[: text.index(text[5:7])]


def test_probabilities_go_with_the_text_that_is_out() -> None:
    how = Sampling(12, 1.0, seed=2)
    tokens = list(next_tokens(MODEL, TOK.encode("a"), how))
    text = TOK.decode(tokens)
    stop = text[6:9]
    plain, stopped = ask("a", how, top=3), ask("a", how, stop, top=0)
    with Engine(MODEL, TOK) as engine:
        for job, listener in (plain, stopped):
            engine.submit(job)
            assert listener.text
    told = [one for p in plain[1].pieces for one in p.chosen]
    assert [one.token for one in told] == tokens
    with torch.no_grad():
        ids = torch.tensor([TOK.encode("a") + tokens[:-1]])
        logs = MODEL(ids)[0].log_softmax(-1)[-len(tokens) :]
    for one, wanted in zip(told, logs, strict=True):
        assert one.logprob == pytest.approx(
            wanted[one.token].item(), abs=1e-3
        )
        best = wanted.topk(3)
        assert [t for t, _ in one.top] == best.indices.tolist()
    out = [one for p in stopped[1].pieces for one in p.chosen]
    assert all(one.offset < text.index(stop) for one in out)
    assert 0 < len(out) < len(told) and not out[0].top


def test_a_full_queue_refuses_and_a_leaver_frees_a_place() -> None:
    engine = Engine(MODEL, TOK, Limits(queue=2))
    jobs = [ask("a", Sampling(1))[0] for _ in range(3)]
    engine.submit(jobs[0])
    engine.submit(jobs[1])
    with pytest.raises(QueueFull, match="2 requests are waiting"):
        engine.submit(jobs[2])
    engine.leave(jobs[0])
    engine.submit(jobs[2])
    with pytest.raises(QueueFull):
        engine.ask(lambda: None)


def test_who_has_left_costs_no_more_steps() -> None:
    job, listener = ask("a", Sampling(40, 1.0, seed=2))
    steps = []

    def deliver(piece: Piece) -> None:
        steps.append(piece)
        if len(steps) == 3:
            engine.leave(job)

    job.deliver = deliver
    after, heard = ask("a", Sampling(1))
    with Engine(MODEL, TOK, Limits(batch=1)) as engine:
        engine.submit(job)
        engine.submit(after)
        assert heard.finish
    assert len(steps) == 3 and not listener.pieces


def test_a_fault_ends_its_batch_and_not_the_server() -> None:
    bad, heard = ask("a", Sampling(3))
    good, told = ask("a", Sampling(3))

    def fail(*asked: object) -> Iterator[Any]:
        raise RuntimeError("out of memory")

    with Engine(MODEL, TOK) as engine:
        with patch(NEXT, fail):
            engine.submit(bad)
            assert heard.finish == "error"
        engine.submit(good)
        assert told.finish in {"stop", "length"}


def test_errands_run_between_batches() -> None:
    with Engine(MODEL, TOK) as engine:
        thread = engine.ask(threading.current_thread).result(60)
        failed = engine.ask(lambda: 1 // 0)
        assert isinstance(failed.exception(60), ZeroDivisionError)
    assert thread is engine.thread


def test_the_end_of_the_engine_is_the_end_of_its_jobs() -> None:
    waiting, heard = ask("a", Sampling(3))
    engine = Engine(MODEL, TOK)
    engine.waiting.append(waiting)
    engine.closed = True
    with engine:
        pass
    assert heard.finish == "error"


def test_the_cache_bounds_the_batch() -> None:
    each = 2 * cache_bytes(MODEL.config)
    few = Limits(batch=32, cache_bytes=3 * each + 1)
    assert Engine(MODEL, TOK, few).batch == 3
    assert Engine(MODEL, TOK, Limits(cache_bytes=1)).batch == 1
    assert Engine(MODEL, TOK, Limits(batch=7)).batch == 7


@pytest.mark.parametrize("name", ["batch", "queue", "seconds"])
def test_limits_that_serve_nothing_are_refused(name: str) -> None:
    with pytest.raises(RecipeError, match=f"--{name}"):
        check(Limits(**{name: 0}))
