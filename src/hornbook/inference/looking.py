"""Where a head looks while a model reads a dialogue."""

from typing import Any

from hornbook.inference.look import attention_maps
from hornbook.inference.protocol import AttentionAsked, Refusal
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.stream import StreamDecoder
from hornbook.tokenizer.tokenizer import Tokenizer


def look(
    model: Transformer,
    tok: Tokenizer,
    ids: list[int],
    asked: AttentionAsked,
) -> dict[str, Any]:
    """Give one head's weights over the last answer of a dialogue.

    ``weights`` has a row for each token of the answer, from ``first``
    on; a row says how much the token takes from each of ``tokens`` up
    to itself, and sums to one. A character of several tokens stands
    in the one that completes it.

    Raises:
        Refusal: there is no such head, no answer, or no room for it.
    """
    read = ids[:-1]
    check(model, read, asked)
    opening = tok.special("<|assistant|>")
    first = len(read) - read[::-1].index(opening)
    maps = attention_maps(model, read)
    decoder = StreamDecoder(tok)
    weights = maps[asked.layer, asked.head, first:]
    return {
        "tokens": [decoder.push(id_) for id_ in read],
        "first": first,
        "weights": [
            [round(weight, 4) for weight in row[: first + t + 1]]
            for t, row in enumerate(weights.tolist())
        ],
    }


def check(
    model: Transformer, read: list[int], asked: AttentionAsked
) -> None:
    """See that there is something to look at.

    Raises:
        Refusal: says what is missing.
    """
    # Find the layer and the head
    config = model.config
    there = {"layer": config.layers, "head": config.heads}
    for name, most in there.items():
        if getattr(asked, name) >= most:
            raise Refusal(
                400,
                f"this model has {name}s 0 to {most - 1}",
                "invalid_value",
                name,
            )

    # Find an answer that fits into the context
    if asked.messages[-1].role != "assistant":
        raise Refusal(
            400, "the last message is no answer", "invalid_value"
        )
    if len(read) > config.context:
        raise Refusal(
            400,
            f"the dialogue has {len(read)} tokens, and the context of "
            f"this model holds {config.context}",
            "context_length_exceeded",
        )
