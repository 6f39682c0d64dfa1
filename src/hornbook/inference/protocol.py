"""OpenAI's protocol: what a client may ask for."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from hornbook.base.dialogue import Message
from hornbook.base.errors import HornbookError
from hornbook.inference.generate import Sampling
from hornbook.inference.serving import Request

DEFAULT_TOKENS = 16
"""The length of a completion that names none, as OpenAI has it."""

Count = Annotated[int, msgspec.Meta(ge=1)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Heat = Annotated[float, msgspec.Meta(ge=0, le=2)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Stop = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Stops = Annotated[list[Stop], msgspec.Meta(max_length=4)]


class Refusal(HornbookError):
    """A request that cannot be served: its status, and why."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param
        self.headers = headers or {}

    @property
    def form(self) -> dict[str, Any]:
        """The error as OpenAI writes it."""
        return {
            "error": {
                "message": str(self),
                "type": KINDS.get(self.status, "invalid_request_error"),
                "param": self.param,
                "code": self.code,
            }
        }


class StreamOptions(msgspec.Struct):
    """What a stream tells at its end."""

    include_usage: bool | None = None


class Asked(msgspec.Struct, kw_only=True):
    """What all requests for text may say; null takes the default."""

    model: str
    max_tokens: Count | None = None
    temperature: Heat | None = None
    top_p: Share | None = None
    seed: Seed | None = None
    stop: Stop | Stops | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings."""
        stop = self.stop or ()
        return (stop,) if isinstance(stop, str) else tuple(stop)

    @property
    def counted(self) -> bool:
        """Whether a stream is to end with its usage."""
        options = self.stream_options
        return bool(options and options.include_usage)


class CompletionAsked(Asked, kw_only=True):
    """A request to go on with a text."""

    prompt: str | list[int]
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None


class Part(msgspec.Struct, kw_only=True):
    """A piece of a message; only text is understood."""

    type: Literal["text"]
    text: str


class Said(msgspec.Struct, kw_only=True):
    """A message as clients write it."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]

    def plain(self) -> Message:
        """Give the message as dialogues hold it."""
        role, content = self.role, self.content
        if not isinstance(content, str):
            content = "".join(part.text for part in content)
        return Message(
            "system" if role == "developer" else role, content
        )


class ChatAsked(Asked, kw_only=True):
    """A request to answer the last message of a dialogue."""

    messages: list[Said]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = (
        None
    )


class AttentionAsked(msgspec.Struct, forbid_unknown_fields=True):
    """A request to see where one head looks; counted from 0."""

    messages: list[Said]
    layer: Annotated[int, msgspec.Meta(ge=0)] = 0
    head: Annotated[int, msgspec.Meta(ge=0)] = 0


T = TypeVar("T", bound=msgspec.Struct)


def read(body: bytes, form: type[T]) -> T:
    """Read a request; say what is wrong with it.

    Raises:
        Refusal: it is no JSON, lacks something, or asks for what this
            server does not do.
    """
    # Take it as JSON
    try:
        table = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal(
            400, f"the body is not JSON: {error}", "invalid_json"
        ) from error

    # Drop what asks for nothing; refuse what cannot be done
    known = {field.name for field in msgspec.structs.fields(form)}
    for name in list(table) if isinstance(table, dict) else ():
        if name in known:
            continue
        value = table.pop(name)
        if name not in MET and value not in NEUTRAL.get(name, (None,)):
            raise Refusal(
                400,
                f"{name!r} is not supported here; leave it out",
                "unsupported_parameter",
                name,
            )

    # Check every type and range
    try:
        return msgspec.convert(table, form)
    except msgspec.ValidationError as error:
        where = str(error).partition("`$")[2].strip(".`") or None
        raise Refusal(
            400, str(error), "invalid_value", where
        ) from error


def request_of(
    asked: CompletionAsked | ChatAsked,
    ids: list[int],
    context: int,
    gap: str = "",
) -> Request:
    """Turn what was asked into work for the model.

    ``gap`` is what opens an answer and is not given out.

    Raises:
        Refusal: prompt and answer do not fit into the context.
    """
    # Take the number of tokens, and of alternatives, from its own key
    length, top = asked.max_tokens, None
    if isinstance(asked, ChatAsked):
        length = asked.max_completion_tokens or length
        top = asked.top_logprobs or 0 if asked.logprobs else None
        if asked.top_logprobs and not asked.logprobs:
            raise Refusal(
                400,
                "'top_logprobs' needs 'logprobs' to be true",
                "invalid_value",
                "top_logprobs",
            )
    else:
        top, gap = asked.logprobs, ""
        length = length or min(DEFAULT_TOKENS, context - len(ids))

    # See that all of it fits
    room = context - len(ids)
    if room < 1 or (length or 1) > room:
        raise Refusal(
            400,
            f"the prompt has {len(ids)} tokens, and the context of "
            f"this model holds {context} with the answer"
            + (f" (up to {length})" if length else "")
            + "; shorten one of them",
            "context_length_exceeded",
        )
    return Request(
        ids, draw(asked, length or room), asked.stops, top, gap
    )


def draw(asked: Asked, most: int) -> Sampling:
    """Say how tokens are drawn; OpenAI's defaults are 1 and 1."""
    heat, share = asked.temperature, asked.top_p
    return Sampling(
        most,
        1.0 if heat is None else heat,
        1.0 if share is None else share,
        asked.seed,
    )


KINDS = {
    401: "authentication_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
    504: "timeout_error",
}
"""What OpenAI calls an error of each status."""

MET = {
    "user", "metadata", "store", "service_tier", "safety_identifier",
    "prompt_cache_key",
}
"""What only tells a server who asks, or what to keep; nothing is."""

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "best_of": (None, 1),
    "echo": (None, False),
    "suffix": (None, ""),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logit_bias": (None, {}),
    "tools": (None, []),
    "tool_choice": (None, "none", "auto"),
    "parallel_tool_calls": (None, True, False),
    "response_format": (None, {"type": "text"}),
    "modalities": (None, ["text"]),
}
"""Values that ask for what happens anyway."""
