"""A small pretraining that tests stop from outside.

It is a nursery: for each folder that it reads it forks a child to
train there, or to go on, and prints the child's process and how it
ended. That spares the children the time of starting Python.
"""

import os
import random
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import torch

from hornbook.base.errors import HornbookError
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.shards import TokenShard, write_shard
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training import pretrain as pretraining
from hornbook.training.batches import Batch, Windows
from hornbook.training.config import TrainingConfig
from hornbook.training.loop import Hooks

STEPS = 60
VOCAB = 280
SHAPE = make_config(
    vocab_size=VOCAB, layers=1, width=16, heads=2, hidden=32, context=16
)
CONFIG = TrainingConfig(
    batch=4,
    precision="fp32",
    compile="off",
    save_seconds=0.03,
    sample_seconds=0.5,
    evaluations=10,
    keep_best=True,
)


def prepare(folder: Path) -> None:
    """Leave a tokenizer and tokens in a run's folder."""
    texts = [f"hat {n} is over cap {n * n}" for n in range(200)]
    tok = Tokenizer.train(texts, VOCAB)
    tok.save(folder / "tokenizer")
    write_shard(folder / "tokens" / "train.bin", texts[20:], tok)
    write_shard(folder / "tokens" / "heldout.bin", texts[:20], tok)


class Slow(Windows):
    """Gives batches slowly enough to be caught at it."""

    def __call__(self, step: int) -> Batch:
        time.sleep(0.01)
        return super().__call__(step)


def watch(
    model: Transformer, tok: Tokenizer, heldout: TokenShard, seed: int
) -> Hooks:
    """Measure as pretraining does, and throw all the dice too."""
    usual = WATCH(model, tok, heldout, seed)

    def evaluate() -> dict[str, float]:
        assert usual.evaluate is not None
        thrown = {
            "torch": float(torch.rand(())),
            "python": random.gauss(),
            "numpy": float(np.random.normal()),
        }
        return {**usual.evaluate(), **thrown}

    return msgspec.structs.replace(usual, evaluate=evaluate)


WATCH = pretraining.watch


def main(folder: Path) -> int:
    """Train, or go on; give the exit status."""
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(0)
    pretraining.PACKING["stream"] = Slow
    pretraining.watch = watch
    try:
        pretraining.pretrain(SHAPE, CONFIG, STEPS, folder, seed=1)
    except HornbookError as stopped:
        print(stopped, file=sys.stderr, flush=True)
        return stopped.exit_code
    return 0


def nursery() -> None:
    """Fork a child for every folder that comes in."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            status = 70
            try:
                status = main(Path(line.strip()))
            finally:
                os._exit(status)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    nursery()
