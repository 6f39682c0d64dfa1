"""The engine of the server: a queue, and a thread that decodes."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Literal

import msgspec
import torch

from hornbook.base.errors import HornbookError, RecipeError
from hornbook.inference.batching import Row, next_row_tokens
from hornbook.inference.generate import Sampling
from hornbook.inference.scribe import Scribe
from hornbook.model.count import cache_bytes
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer

Finish = Literal["", "stop", "length", "timeout", "error"]


class Limits(msgspec.Struct, frozen=True):
    """What a server takes on before it says no."""

    batch: int = 32
    """Texts that are decoded together."""
    queue: int = 256
    """Requests that may wait."""
    seconds: float = 120.0
    """How long a request may take, waiting included."""
    body_bytes: int = 1_000_000
    """The largest request."""
    body_seconds: float = 10.0
    """How long a request may take to arrive."""
    cache_bytes: int = 1 << 30
    """The most memory for keys and values; it bounds the batch."""


def check(limits: Limits) -> Limits:
    """Refuse limits with which nothing could be served.

    Raises:
        RecipeError: names the option.
    """
    for name in ("batch", "queue", "seconds", "body_bytes"):
        if not getattr(limits, name) > 0:
            raise RecipeError(
                f"--{name.replace('_', '-')} must be more than 0"
            )
    return limits


class Request(msgspec.Struct, frozen=True):
    """A prompt in tokens, and how to go on with it."""

    ids: list[int]
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    top: int | None = None
    """How many alternatives to tell; None tells no probabilities."""
    gap: str = ""
    """What opens the answer and is no part of it."""


class Chosen(msgspec.Struct, frozen=True):
    """A token of an answer, and how likely the model held it to be.

    The logarithms are those of the model itself, before temperature
    and top_p.
    """

    token: int
    offset: int
    """Where its text begins, in characters of the answer."""
    logprob: float
    top: tuple[tuple[int, float], ...]
    """The likeliest tokens, best first, with their logarithms."""


class Piece(msgspec.Struct, frozen=True):
    """What a step adds to an answer."""

    text: str = ""
    chosen: tuple[Chosen, ...] = ()
    finish: Finish = ""
    """Empty while there is more to come."""
    tokens: int = 0
    """How many tokens the answer has so far."""


class QueueFull(HornbookError):
    """More requests wait than may."""


class Job:
    """A request on its way through the engine.

    ``deliver`` takes each piece, and is called by the engine's thread;
    it must not wait.
    """

    def __init__(
        self, request: Request, deliver: Callable[[Piece], None]
    ) -> None:
        self.request, self.deliver = request, deliver
        self.row = Row(request.ids, request.sampling)
        self.gone = False
        """Whether nobody waits for the answer any more."""
        self.tokens = 0

    def begin(self, tok: Tokenizer) -> None:
        """Take the pen up."""
        self._ends = tok.ends
        self._scribe = Scribe(tok, self.request.stop, self.request.gap)
        self._waiting: deque[Chosen] = deque()

    def push(self, token: int, logits: torch.Tensor) -> None:
        """Write a token down and deliver what is certain."""
        # Write it, and note how likely it was
        scribe, start = self._scribe, self._scribe.read
        text = scribe.push(token)
        self.tokens += token not in self._ends
        if self.request.top is not None and token not in self._ends:
            note = describe(token, start, logits, self.request.top)
            self._waiting.append(note)

        # See whether this was the last
        finish: Finish = "stop" if scribe.ended else ""
        if self.row.done and not finish:
            finish = "length"
            text += scribe.flush()
        self.row.done |= bool(finish)
        self.deliver(
            Piece(text, self._certain(), finish, self.tokens)
        )

    def end(self, finish: Finish) -> None:
        """Break off."""
        self.row.done = True
        self.deliver(Piece("", (), finish, self.tokens))

    def _certain(self) -> tuple[Chosen, ...]:
        """Take the notes on tokens whose text has gone out."""
        ready, written = [], self._scribe.written
        while self._waiting and self._waiting[0].offset < written:
            ready.append(self._waiting.popleft())
        return tuple(ready)


def describe(
    token: int, offset: int, logits: torch.Tensor, top: int
) -> Chosen:
    """Note a token's probability and the likeliest alternatives."""
    logs = logits.log_softmax(-1)
    best = logs.topk(min(top, logs.numel()))
    ids, values = best.indices.tolist(), best.values.tolist()
    pairs = tuple(zip(ids, values, strict=True))
    return Chosen(token, offset, float(logs[token]), pairs)


class Engine:
    """A queue of requests and one thread that works through it.

    The thread takes as many waiting requests as a batch holds and
    decodes them together; between two batches it runs errands, which
    need the model for themselves.
    """

    def __init__(
        self,
        model: Transformer,
        tok: Tokenizer,
        limits: Limits | None = None,
    ) -> None:
        self.model, self.tok = model, tok
        self.limits = limits or Limits()
        # A cache may hold a full prompt beside a full answer
        each = 2 * cache_bytes(model.config)
        fits = self.limits.cache_bytes // each
        self.batch = max(1, min(self.limits.batch, fits))
        self.waiting: deque[Job] = deque()
        self.errands: deque[tuple[Callable[[], Any], Future[Any]]] = (
            deque()
        )
        self.closed = False
        self.bell = threading.Condition()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self) -> "Engine":
        """Start the thread."""
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop after the present step; break all jobs off."""
        with self.bell:
            self.closed = True
            self.bell.notify()
        self.thread.join()
        for job in self.waiting:
            job.end("error")

    def submit(self, job: Job) -> None:
        """Let a job wait for its turn.

        Raises:
            QueueFull: too many wait already.
        """
        with self.bell:
            self._refuse_if_full()
            self.waiting.append(job)
            self.bell.notify()

    def ask(self, errand: Callable[[], Any]) -> Future[Any]:
        """Have the thread run a function between two batches.

        Raises:
            QueueFull: too many wait already.
        """
        answer: Future[Any] = Future()
        with self.bell:
            self._refuse_if_full()
            self.errands.append((errand, answer))
            self.bell.notify()
        return answer

    def leave(self, job: Job) -> None:
        """Free a job's place: nobody waits for it any more."""
        job.gone = True
        with self.bell:
            if job in self.waiting:
                self.waiting.remove(job)

    def _refuse_if_full(self) -> None:
        """Keep the queue to its limit."""
        waiting = len(self.waiting) + len(self.errands)
        if waiting >= self.limits.queue:
            raise QueueFull(
                f"{waiting} requests are waiting, which is as many as "
                "may; try again in a moment"
            )

    def work(self) -> None:
        """Run errands and batches until the engine is closed."""
        while True:
            # Wait for something to do
            with self.bell:
                self.bell.wait_for(
                    lambda: self.waiting or self.errands or self.closed
                )
                if self.closed:
                    return
                errands = list(self.errands)
                self.errands.clear()
                count = min(self.batch, len(self.waiting))
                jobs = [self.waiting.popleft() for _ in range(count)]

            # Do it; what fails must not end the server
            for errand, answer in errands:
                run_errand(errand, answer)
            try:
                self.decode(jobs)
            except Exception:
                logging.getLogger(__name__).exception("a batch failed")
                for job in jobs:
                    if not job.row.done:
                        job.end("error")

    def decode(self, jobs: list[Job]) -> None:
        """Bring a batch of jobs to their ends."""
        by_row = {id(job.row): job for job in jobs}
        for job in jobs:
            job.begin(self.tok)
        rows = [job.row for job in jobs]
        for picks in next_row_tokens(self.model, rows):
            for row, token, logits in picks:
                job = by_row[id(row)]
                job.push(token, logits)
                if job.gone:
                    row.done = True
                elif self.closed and not row.done:
                    job.end("error")


def run_errand(errand: Callable[[], Any], answer: Future[Any]) -> None:
    """Run a function and hand its value or its error over."""
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(errand())
    except Exception as error:
        answer.set_exception(error)
