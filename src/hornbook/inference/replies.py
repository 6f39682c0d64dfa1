"""OpenAI's protocol: the forms of an answer."""

import math
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hornbook.inference.serving import Chosen
from hornbook.tokenizer.tokenizer import Tokenizer


class Form(msgspec.Struct, frozen=True):
    """How one endpoint writes its answers."""

    prefix: str
    whole_object: str
    chunk_object: str
    logprobs: Callable[[Tokenizer, Sequence[Chosen]], dict[str, Any]]
    whole: Callable[[str], dict[str, Any]]
    """An answer that is complete."""
    chunk: Callable[[str], dict[str, Any]]
    """What a piece of a stream adds."""
    opening: dict[str, Any] | None = None
    """What a stream says before its first piece."""

    def begin(self, model: str, stream: bool) -> dict[str, Any]:
        """Write what is equal in all chunks of an answer."""
        kind = self.chunk_object if stream else self.whole_object
        return {
            "id": f"{self.prefix}-{secrets.token_hex(12)}",
            "object": kind,
            "created": int(time.time()),
            "model": model,
        }


def choice(
    said: dict[str, Any],
    logprobs: dict[str, Any] | None = None,
    finish: str | None = None,
) -> dict[str, Any]:
    """Write the one choice that an answer has."""
    return {
        "index": 0,
        **said,
        "logprobs": logprobs,
        "finish_reason": finish,
    }


def usage(prompt: int, answer: int) -> dict[str, int]:
    """Count the tokens that were read and written."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
    }


def chat_logprobs(
    tok: Tokenizer, chosen: Sequence[Chosen]
) -> dict[str, Any]:
    """Write log-probabilities as chat completions have them."""

    def entry(token: int, logprob: float) -> dict[str, Any]:
        return {
            "token": tok.decode([token]),
            "logprob": finite(logprob),
            "bytes": list(tok.token_bytes(token)),
        }

    content = [
        {
            **entry(one.token, one.logprob),
            "top_logprobs": [entry(*other) for other in one.top],
        }
        for one in chosen
    ]
    return {"content": content, "refusal": None}


def completion_logprobs(
    tok: Tokenizer, chosen: Sequence[Chosen]
) -> dict[str, Any]:
    """Write log-probabilities as completions have them."""
    return {
        "tokens": [tok.decode([one.token]) for one in chosen],
        "token_logprobs": [finite(one.logprob) for one in chosen],
        "text_offset": [one.offset for one in chosen],
        "top_logprobs": [
            {tok.decode([t]): finite(p) for t, p in one.top}
            for one in chosen
        ],
    }


def finite(logprob: float) -> float:
    """Keep to what JSON can write: an impossible token is -9999."""
    return logprob if math.isfinite(logprob) else -9999.0


CHAT = Form(
    "chatcmpl",
    "chat.completion",
    "chat.completion.chunk",
    chat_logprobs,
    lambda text: {
        "message": {
            "role": "assistant", "content": text, "refusal": None,
        }
    },
    lambda text: {"delta": {"content": text} if text else {}},
    {"delta": {"role": "assistant", "content": ""}},
)
COMPLETION = Form(
    "cmpl",
    "text_completion",
    "text_completion",
    completion_logprobs,
    lambda text: {"text": text},
    lambda text: {"text": text},
)
