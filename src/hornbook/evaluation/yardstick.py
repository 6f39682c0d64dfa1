"""Is this loss normal? What guesses without a model would cost."""

import math
from pathlib import Path

import msgspec
import numpy as np

from hornbook.base.store import read_jsonl


class Yardstick(msgspec.Struct, frozen=True):
    """What a token of held-out text costs, by ever better guesses.

    Units: nats per token; end marks are not counted.
    """

    uniform: float
    """Every token is as likely as any other."""
    unigram: float
    """Each by how frequent it is in the training text."""
    bigram: float
    """Each by what followed the token before it."""
    loss: float
    """What the pretrained model last needed; 0: not measured."""

    @property
    def sentence(self) -> str:
        """Say it for people."""
        model = (
            f"; this model last needed {self.loss:.2f}"
            if self.loss
            else ""
        )
        return (
            f"a token of held-out text costs {self.uniform:.2f} nats "
            f"by a blind guess, {self.unigram:.2f} by how frequent it "
            f"is, {self.bigram:.2f} by the token before it{model}"
        )


def yardstick(folder: Path) -> Yardstick | None:
    """Measure a run's held-out text without its model, if it can be.

    Raises:
        CorruptFileError: a shard or the log is damaged.
    """
    # Open both sides of the split, if they are there
    tokens = folder / "tokens"
    parts = [tokens / "train.bin", tokens / "heldout.bin"]
    if not all(part.exists() for part in parts):
        return None
    from hornbook.evaluation.domain import bigram_nats, unigram_nats
    from hornbook.tokenizer.shards import TokenShard

    train, heldout = map(TokenShard.open, parts)

    # Count, and set the model's own loss beside
    end = int(train.tokens[-1])
    count = max(int((np.asarray(heldout.tokens) != end).sum()), 1)
    watched = [
        float(line["heldout_loss"])
        for line in read_jsonl(folder / "metrics.jsonl")
        if "heldout_loss" in line
    ]
    return Yardstick(
        uniform=math.log(train.info.vocab_size),
        unigram=unigram_nats(train, heldout) / count,
        bigram=bigram_nats(train, heldout) / count,
        loss=watched[-1] if watched else 0.0,
    )
