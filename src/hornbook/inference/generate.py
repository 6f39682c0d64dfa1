"""Generation: a model reads its own words and goes on."""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import torch

from hornbook.base.dialogue import Dialogue, Message
from hornbook.base.errors import DataError, RecipeError
from hornbook.inference.sample import choose, dice
from hornbook.inference.scribe import Scribe
from hornbook.model.cache import Cache
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import gap_of, render
from hornbook.tokenizer.tokenizer import Tokenizer


class Sampling(msgspec.Struct, frozen=True):
    """How the next token is picked, and how many there may be."""

    max_tokens: int = 64
    temperature: float = 0.0
    """0 always takes the likeliest token."""
    top_p: float = 1.0
    """Draw only from the likeliest tokens that hold this share."""
    seed: int | None = None
    """The seed of the draw; None draws differently every time."""

    def __post_init__(self) -> None:
        """Refuse numbers that say nothing about a draw.

        Raises:
            RecipeError: names the number and what it can be.
        """
        for name, most in LIMITS.items():
            value = getattr(self, name)
            if not 0 <= value <= most:
                upto = "or more" if most == math.inf else f"to {most}"
                raise RecipeError(
                    f"{name} is {value}; it can be 0 {upto}"
                )


class Reply(msgspec.Struct, frozen=True):
    """An answer, and whether the model ended it of its own accord."""

    text: str
    tokens: int
    ended: bool


def next_tokens(
    model: Transformer, ids: Sequence[int], sampling: Sampling
) -> Iterator[int]:
    """Give one token after another, each read back at once.

    When the context is full, the newer half of the text is read anew,
    so that the model can go on for as long as it is asked to.
    """
    random = dice(sampling.seed)
    context, weight = model.config.context, model.token_emb.weight
    place = weight.device
    text = list(ids)[-context:]
    cache = Cache(model.config, dtype=weight.dtype, device=place)
    fresh = text
    for _ in range(sampling.max_tokens):
        # Read what is new, after making room for it
        if cache.length + len(fresh) > context:
            cache.length = 0
            fresh = text[-max(context // 2, 1) :]
        with torch.inference_mode():
            new = torch.tensor([fresh], device=place)
            logits = model(new, cache)[0, -1].cpu()

        # Pick the next token
        token = choose(
            logits, sampling.temperature, sampling.top_p, random
        )
        text.append(token)
        fresh = [token]
        yield token


def stream_ids(
    model: Transformer,
    tok: Tokenizer,
    ids: Sequence[int],
    sampling: Sampling,
    stop: Sequence[str] = (),
    gap: str = "",
) -> Iterator[str]:
    """Give text as it comes, up to the end token or a stop string.

    A ``gap`` that opens the text is left out.
    """
    scribe = Scribe(tok, stop, gap)
    for token in next_tokens(model, ids, sampling):
        yield scribe.push(token)
        if scribe.ended:
            return
    yield scribe.flush()


def stream(
    model: Transformer,
    tok: Tokenizer,
    prompt: str,
    max_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int | None = None,
    stop: Sequence[str] = (),
) -> Iterator[str]:
    """Continue a text, piece by piece; the prompt is not repeated."""
    sampling = Sampling(max_tokens, temperature, top_p, seed)
    ids = tok.encode(prompt) or [tok.end]
    yield from stream_ids(model, tok, ids, sampling, stop)


def generate(
    model: Transformer,
    tok: Tokenizer,
    prompt: str,
    max_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int | None = None,
    stop: Sequence[str] = (),
) -> str:
    """Continue a text; give the continuation alone."""
    pieces = stream(
        model, tok, prompt, max_tokens, temperature, top_p, seed, stop
    )
    return "".join(pieces)


Said = Message | Mapping[str, str]


def dialogue_of(messages: Sequence[Said]) -> Dialogue:
    """Take messages as structs or as tables of role and content.

    Raises:
        DataError: a message lacks its role or content.
    """
    try:
        plain = [
            m if isinstance(m, Message) else msgspec.convert(m, Message)
            for m in messages
        ]
    except msgspec.ValidationError as error:
        raise DataError(
            f"a message cannot be used: {error}; each has a 'role' "
            "(system, user or assistant) and a 'content'"
        ) from error
    return Dialogue(tuple(plain))


def stream_chat(
    model: Transformer,
    tok: Tokenizer,
    messages: Sequence[Said],
    max_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int | None = None,
    stop: Sequence[str] = (),
) -> Iterator[str]:
    """Answer the last message, piece by piece."""
    sampling = Sampling(max_tokens, temperature, top_p, seed)
    ids, _ = render(tok, dialogue_of(messages), add_prompt=True)
    gap = gap_of(tok)
    yield from stream_ids(model, tok, ids, sampling, stop, gap)


def chat(
    model: Transformer,
    tok: Tokenizer,
    messages: Sequence[Said],
    max_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int | None = None,
    stop: Sequence[str] = (),
) -> str:
    """Answer the last message in the tokenizer's chat form."""
    pieces = stream_chat(
        model, tok, messages, max_tokens, temperature, top_p, seed, stop
    )
    return "".join(pieces)


def reply(
    model: Transformer,
    tok: Tokenizer,
    messages: Sequence[Said],
    sampling: Sampling,
) -> Reply:
    """Answer the last message, and say whether the answer ended."""
    ids, _ = render(tok, dialogue_of(messages), add_prompt=True)
    scribe, tokens, text = Scribe(tok, gap=gap_of(tok)), 0, ""
    for token in next_tokens(model, ids, sampling):
        text += scribe.push(token)
        if scribe.ended:
            return Reply(text, tokens, True)
        tokens += 1
    return Reply(text + scribe.flush(), tokens, False)


LIMITS = {
    "max_tokens": math.inf,
    "temperature": math.inf,
    "top_p": 1,
}
"""The most that each number of a draw can be; the least is 0."""
