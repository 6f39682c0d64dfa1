"""Bits per byte: how well a model foretells a text."""

import math
from collections.abc import Iterator

import msgspec
import numpy as np
import torch
from torch.nn import functional as F

from hornbook.model.transformer import Transformer
from hornbook.tokenizer.shards import TokenShard

Window = tuple[int, np.ndarray, int]

LOG_2 = math.log(2)
"""The nats of a bit."""

SPELLED_BITS = 8
"""What it takes to write out a byte that no token stands for."""


class Bits(msgspec.Struct, frozen=True):
    """What a text costs under a model, document by document."""

    nats: np.ndarray
    """The cost of each document, in nats."""
    bytes: np.ndarray
    """The length of each document, in bytes of UTF-8."""
    tokens: int
    """Tokens that were foretold: all of them, the end marks not."""
    lost: np.ndarray
    """The bytes of each document that its vocabulary lacks."""

    @property
    def value(self) -> float:
        """Bits per byte over all documents."""
        return float(self.cost.sum() / self.bytes.sum())

    @property
    def spelled(self) -> np.ndarray:
        """The bits in which what the vocabulary lacks is written out.

        A vocabulary of words spares a model what it does not know.
        """
        bits: np.ndarray = SPELLED_BITS * self.lost
        return bits

    @property
    def cost(self) -> np.ndarray:
        """The cost of each document, in bits."""
        bits: np.ndarray = self.nats / LOG_2 + self.spelled
        return bits

    @property
    def nats_per_token(self) -> float:
        """The mean loss, to be compared with training's."""
        return float(self.nats.sum() / max(self.tokens, 1))


def bits_per_byte(
    model: Transformer,
    shard: TokenShard,
    rows: int = 16,
    limit_bytes: int = 0,
) -> Bits:
    """Measure a model on the documents of a shard.

    Every document is read from its beginning, after an end mark; one
    that is longer than the context is read in windows that overlap by
    half. Each text token is foretold exactly once, so the bytes behind
    the score are the bytes of the text. ``limit_bytes`` takes only the
    first documents, up to that size.
    """
    # Choose the documents and cut them into windows
    sizes = np.asarray(shard.document_bytes, dtype=np.int64)
    count = first_documents(sizes, limit_bytes)
    cut = list(windows(shard, count, model.config.context))
    cut.sort(key=lambda window: -len(window[1]))

    # Score them, the longest first, in rows of like length
    nats = np.zeros(count)
    tokens = 0
    was_training = model.training
    model.eval()
    for first in range(0, len(cut), rows):
        for (document, _, skip), losses in score(
            model, cut[first : first + rows]
        ):
            nats[document] += float(losses[skip:].sum())
            tokens += len(losses) - skip
    model.train(was_training)
    return Bits(nats, sizes[:count], tokens, shard.lost_bytes[:count])


def first_documents(sizes: np.ndarray, limit_bytes: int) -> int:
    """Count the first documents up to a size; 0 bytes means all.

    >>> first_documents(np.array([3, 4, 5]), 8)
    2
    """
    if not limit_bytes:
        return len(sizes)
    return max(1, int((np.cumsum(sizes) <= limit_bytes).sum()))


def windows(
    shard: TokenShard, count: int, context: int
) -> Iterator[Window]:
    """Cut documents into (document, tokens, how many not to count)."""
    half = context // 2
    for document in range(count):
        first, stop = shard.offsets[document : document + 2]
        text = np.asarray(shard.tokens[first : stop - 1], np.int64)
        text = np.concatenate(([shard.tokens[stop - 1]], text))
        start, done = 0, 0
        while done < len(text) - 1:
            piece = text[start : start + context + 1]
            yield document, piece, done - start
            done = start + len(piece) - 1
            start = done - half


def score(
    model: Transformer, cut: list[Window]
) -> Iterator[tuple[Window, torch.Tensor]]:
    """Give the loss in nats of every token of some windows."""
    longest = max(len(piece) for _, piece, _ in cut)
    ids = torch.zeros(len(cut), longest, dtype=torch.int64)
    for row, (_, piece, _) in enumerate(cut):
        ids[row, : len(piece)] = torch.from_numpy(piece)
    place = model.token_emb.weight.device
    with torch.no_grad():
        logits = model(ids[:, :-1].to(place))
        losses = F.cross_entropy(
            logits.transpose(1, 2),
            ids[:, 1:].to(place),
            reduction="none",
        ).cpu()
    for row, window in enumerate(cut):
        yield window, losses[row, : len(window[1]) - 1]
