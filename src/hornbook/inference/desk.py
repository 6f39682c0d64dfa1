"""The desk of the server: a request comes in, an answer goes out."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hornbook.inference import protocol, replies
from hornbook.inference.gate import answer_of
from hornbook.inference.generate import dialogue_of
from hornbook.inference.looking import look
from hornbook.inference.protocol import Refusal
from hornbook.inference.serving import Engine, Job, Piece
from hornbook.inference.wire import EventStream, unless_left, whole_body
from hornbook.model.count import parameters
from hornbook.tokenizer.chat import gap_of, render

T = TypeVar("T", bound=msgspec.Struct)
Asked = protocol.CompletionAsked | protocol.ChatAsked


class Desk:
    """What the routes share: the engine, and the model's name."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name
        self.tok, self.model = engine.tok, engine.model
        self.context = self.model.config.context
        self.longest = max(map(len, self.tok.vocabulary.tokens))
        self.started = int(time.time())

    async def models(self, request: Request) -> Response:
        """List the one model there is, or describe it."""
        entry = {
            "id": self.name,
            "object": "model",
            "created": self.started,
            "owned_by": "hornbook",
        }
        if "name" not in request.path_params:
            return answer_of({"object": "list", "data": [entry]})
        self.check_name(request.path_params["name"])
        return answer_of(entry)

    async def about(self, request: Request) -> Response:
        """Say what the page has to know."""
        config = self.model.config
        return answer_of(
            {
                "name": self.name,
                "parameters": parameters(config)["total"],
                "layers": config.layers,
                "heads": config.heads,
                "context": config.context,
            }
        )

    async def completions(self, request: Request) -> Response:
        """Go on with a text."""
        asked = await self.take(request, protocol.CompletionAsked)
        self.check_name(asked.model)
        ids = self.prompt_ids(asked.prompt)
        return await self.answer(
            request, asked, ids, replies.COMPLETION
        )

    async def chat(self, request: Request) -> Response:
        """Answer the last message of a dialogue."""
        asked = await self.take(request, protocol.ChatAsked)
        self.check_name(asked.model)
        ids = self.dialogue_ids(asked.messages, add_prompt=True)
        return await self.answer(request, asked, ids, replies.CHAT)

    async def attention(self, request: Request) -> Response:
        """Show where a head looks over the last answer."""
        asked = await self.take(request, protocol.AttentionAsked)
        ids = self.dialogue_ids(asked.messages)
        errand = self.engine.ask(
            lambda: look(self.model, self.tok, ids, asked)
        )
        work = asyncio.wait_for(
            asyncio.wrap_future(errand), self.engine.limits.seconds
        )
        found = await unless_left(request.receive, work)
        return answer_of(found or {})

    async def take(self, request: Request, form: type[T]) -> T:
        """Read a request's body, up to the limits of size and time.

        Raises:
            Refusal: it is too large, too slow, or not what it must be.
        """
        limits = self.engine.limits
        kind = request.headers.get("content-type", "")
        if kind.partition(";")[0].strip() != "application/json":
            raise Refusal(
                415,
                "send JSON, with Content-Type: application/json",
                "unsupported_media_type",
            )
        try:
            async with asyncio.timeout(limits.body_seconds):
                body = await whole_body(request, limits.body_bytes)
        except TimeoutError as error:
            raise Refusal(
                408, "the body did not come in time", "timeout"
            ) from error
        return protocol.read(body, form)

    def check_name(self, name: str) -> None:
        """Refuse another model than the one served."""
        if name != self.name:
            raise Refusal(
                404,
                f"there is no model {name!r} here, only {self.name!r}",
                "model_not_found",
                "model",
            )

    def prompt_ids(self, prompt: str | list[int]) -> list[int]:
        """Give the tokens of a prompt; an empty one opens a text."""
        if isinstance(prompt, str):
            self.check_length(prompt)
            return self.tok.encode(prompt) or [self.tok.end]
        last = self.model.config.vocab_size - 1
        if any(not 0 <= token <= last for token in prompt):
            raise Refusal(
                400,
                f"token ids go from 0 to {last}",
                "invalid_value",
                "prompt",
            )
        return prompt or [self.tok.end]

    def dialogue_ids(
        self, said: list[protocol.Said], add_prompt: bool = False
    ) -> list[int]:
        """Give the tokens of a dialogue in the chat form."""
        messages = [message.plain() for message in said]
        self.check_length("".join(m.content for m in messages))
        dialogue = dialogue_of(messages)
        return render(self.tok, dialogue, add_prompt)[0]

    def check_length(self, text: str) -> None:
        """Refuse at once what no vocabulary could make fit."""
        if len(text) > self.context * self.longest:
            raise Refusal(
                400,
                f"a text of {len(text):,} characters does not fit into "
                f"a context of {self.context} tokens; shorten it",
                "context_length_exceeded",
            )

    async def answer(
        self,
        request: Request,
        asked: Asked,
        ids: list[int],
        form: replies.Form,
    ) -> Response:
        """Queue the work, and answer whole or piece by piece."""
        # Let the engine's thread hand its pieces to this loop
        work = protocol.request_of(
            asked, ids, self.context, gap_of(self.tok)
        )
        come: asyncio.Queue[Piece] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def deliver(piece: Piece) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is shut
                loop.call_soon_threadsafe(come.put_nowait, piece)

        job = Job(work, deliver)
        self.engine.submit(job)
        pieces = self.pieces(come)

        # Answer in the way that was asked for
        if asked.stream:
            events = self.events(asked, form, len(ids), pieces)
            return EventStream(events, lambda: self.engine.leave(job))
        try:
            whole = self.whole(asked, form, len(ids), pieces)
            told = await unless_left(request.receive, whole)
        finally:
            self.engine.leave(job)
        return answer_of(told or {})

    async def pieces(
        self, come: "asyncio.Queue[Piece]"
    ) -> AsyncIterator[Piece]:
        """Give pieces up to the last, or until the time is over."""
        end = time.monotonic() + self.engine.limits.seconds
        piece = Piece()
        while not piece.finish:
            left = max(end - time.monotonic(), 0)
            try:
                piece = await asyncio.wait_for(come.get(), left)
            except TimeoutError:
                piece = Piece(finish="timeout", tokens=piece.tokens)
            yield piece

    async def whole(
        self,
        asked: Asked,
        form: replies.Form,
        prompt: int,
        pieces: AsyncIterator[Piece],
    ) -> dict[str, Any]:
        """Wait for all of an answer.

        Raises:
            Refusal: it did not come to its end.
        """
        got = [piece async for piece in pieces]
        last = got[-1]
        if last.finish in FAILURES:
            raise FAILURES[last.finish]()
        noted = None
        if asked.logprobs not in (None, False):
            chosen = [one for piece in got for one in piece.chosen]
            noted = form.logprobs(self.tok, chosen)
        said = form.whole("".join(piece.text for piece in got))
        return {
            **form.begin(self.name, stream=False),
            "choices": [replies.choice(said, noted, last.finish)],
            "usage": replies.usage(prompt, last.tokens),
        }

    async def events(
        self,
        asked: Asked,
        form: replies.Form,
        prompt: int,
        pieces: AsyncIterator[Piece],
    ) -> AsyncIterator[dict[str, Any]]:
        """Give an answer as it comes, then how much it was."""
        head = form.begin(self.name, stream=True)
        if asked.counted:
            head["usage"] = None
        if form.opening:
            yield {**head, "choices": [replies.choice(form.opening)]}
        piece = Piece()
        async for piece in pieces:
            if piece.finish in FAILURES:
                yield FAILURES[piece.finish]().form
                return
            noted = None
            if piece.chosen:
                noted = form.logprobs(self.tok, piece.chosen)
            said, finish = form.chunk(piece.text), piece.finish or None
            if piece.text or piece.chosen or finish:
                made = replies.choice(said, noted, finish)
                yield {**head, "choices": [made]}
        if asked.counted:
            used = replies.usage(prompt, piece.tokens)
            yield {**head, "choices": [], "usage": used}


FAILURES = {
    "timeout": lambda: Refusal(
        504, "the answer took too long; ask for fewer tokens", "timeout"
    ),
    "error": lambda: Refusal(
        500, "the answer broke off; ask again", "server_error"
    ),
}
