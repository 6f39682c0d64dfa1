"""Trials at equal budget: many short trainings, one after another."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import torch

from hornbook.base.console import console
from hornbook.base.errors import CorruptFileError, HornbookError
from hornbook.base.logbook import logbook
from hornbook.base.store import (
    digest_json,
    read_jsonl,
    write_text,
)
from hornbook.inference.bits import bits_per_byte
from hornbook.model.config import ModelConfig
from hornbook.model.count import flops_per_token, parameters
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.shards import TokenShard
from hornbook.training.batches import Windows
from hornbook.training.config import TrainingConfig
from hornbook.training.loop import Trainer
from hornbook.training.loss import next_token_loss
from hornbook.training.precision import use_threads, wants_compiling

T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""The 97.5% points of Student's t for one to nine degrees."""
Z_95 = 1.96


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One short training: a shape, its settings and a seed."""

    name: str
    """What is tried, for people; equal for seeds of one cell."""
    shape: ModelConfig
    training: TrainingConfig
    """``steps`` and ``batch`` are the budget."""
    seed: int = 1

    @property
    def tokens(self) -> int:
        """Tokens that it learns from, repeats included."""
        rows = self.training.steps * self.training.batch
        return rows * self.shape.context


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial gave, or why it gave nothing."""

    key: str
    """The digest of all that the result depends on."""
    name: str
    seed: int
    parameters: int
    """All trained numbers, embeddings included."""
    tokens: int
    steps: int
    flops: float
    loss: float = 0.0
    """Nats per token of held-out text."""
    bits_per_byte: float = 0.0
    seconds: float = 0.0
    problem: str = ""
    """Why the trial failed; empty where it did not."""


class Text(msgspec.Struct, frozen=True):
    """What every trial reads and is measured on."""

    train: TokenShard
    heldout: TokenShard
    limit_bytes: int = 0
    """Held-out text that is measured: the first documents; 0 is all."""


def run_trials(
    trials: Sequence[Trial], text: Text, log: Path, source: str = ""
) -> list[Result]:
    """Run trials in their order, and give a result for each.

    Each finished trial is a line of ``log``: a stopped series goes on
    with the first that has none. A trial that fails is marked with its
    problem, and the next begins. ``source`` is the digest of the code
    that trains; with other code, text or settings a trial is new.

    Raises:
        CorruptFileError: the log holds something else.
    """
    # Find what was finished before; drop a half-written line
    done = read_results(log)
    rows = [msgspec.json.encode(each) + b"\n" for each in done.values()]
    write_text(log, b"".join(rows).decode("utf-8"))

    # Try the rest, one after another in this process
    results = []
    with console.progress("trials", len(trials), "trials") as bar:
        for trial in trials:
            key = trial_key(trial, text, source)
            if key not in done:
                done[key] = attempt(trial, text, key)
                logbook.add(log, msgspec.to_builtins(done[key]))
            results.append(done[key])
            bar.advance(1, describe(done[key]))
    return results


def attempt(trial: Trial, text: Text, key: str) -> Result:
    """Run one trial; a failure is a result too."""
    count = parameters(trial.shape)["total"]
    begun = Result(
        key=key,
        name=trial.name,
        seed=trial.seed,
        parameters=count,
        tokens=trial.tokens,
        steps=trial.training.steps,
        flops=trial.tokens * flops_per_token(trial.shape),
    )
    started = time.monotonic()
    try:
        model = learn(trial, text.train)
        bits = bits_per_byte(
            model, text.heldout, limit_bytes=text.limit_bytes
        )
    except (HornbookError, torch.OutOfMemoryError) as error:
        return msgspec.structs.replace(begun, problem=str(error))
    return msgspec.structs.replace(
        begun,
        loss=bits.nats_per_token,
        bits_per_byte=bits.value,
        seconds=round(time.monotonic() - started, 2),
    )


def learn(trial: Trial, shard: TokenShard) -> Transformer:
    """Train a model as pretraining would, without stops or samples.

    It is not compiled: that takes longer than most trials do.
    """
    shape, training = trial.shape, trial.training
    model = Transformer(shape, trial.seed)
    batches = Windows(shard, shape.context, training.batch, trial.seed)
    trainer = Trainer(model, next_token_loss, training, training.steps)
    for step in range(training.steps):
        trainer.progress.step = step
        trainer.update(batches(step))
    return model.eval()


def read_results(log: Path) -> dict[str, Result]:
    """Read the finished trials of a log, by their keys.

    Raises:
        CorruptFileError: a line is no result of a trial.
    """
    try:
        found = msgspec.convert(read_jsonl(log), list[Result])
    except msgspec.ValidationError as error:
        raise CorruptFileError(
            f"{log} holds no results of trials ({error}); delete it, "
            "and the trials are made again"
        ) from error
    return {result.key: result for result in found}


def trial_key(trial: Trial, text: Text, source: str) -> str:
    """Digest all that a trial's result depends on."""
    return digest_json(
        {
            "trial": msgspec.to_builtins(trial),
            "train": text.train.info.digest,
            "heldout": text.heldout.info.digest,
            "limit": text.limit_bytes,
            "source": source,
        }
    )[:16]


def describe(result: Result) -> str:
    """Say in a few words what a trial gave."""
    if result.problem:
        return f"{result.name} failed"
    return f"{result.name}: {result.loss:.3f}"


def over_seeds(losses: Iterable[float]) -> tuple[float, float, float]:
    """Give the mean over seeds and the ends of its 95% interval.

    A single seed says nothing of the others: its interval has no
    width, and is not to be shown as one.

    Source: student1908, the distribution of the mean's error.

    >>> over_seeds([2.0])
    (2.0, 2.0, 2.0)
    """
    values = list(losses)
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, mean, mean
    error = statistics.stdev(values) / len(values) ** 0.5
    degrees = len(values) - 1
    wide = T_95[degrees - 1] if degrees <= len(T_95) else Z_95
    return mean, mean - wide * error, mean + wide * error


def training_step(
    shape: ModelConfig, config: TrainingConfig, threads: int = 0
) -> Callable[[], int]:
    """Prepare a step on random tokens; it gives their number.

    The step is the one that training makes, compiled if that will be.
    What is compiled here is kept, and costs training no second time.
    """
    use_threads(threads)
    compile = wants_compiling(config, config.minutes * 60)
    model = Transformer(shape)
    trainer = Trainer(model, next_token_loss, config, 1000, compile)
    size = (config.batch, shape.context + 1)
    rows = torch.randint(shape.vocab_size, size)
    batch = {"ids": rows[:, :-1], "targets": rows[:, 1:]}

    def step() -> int:
        trainer.update(batch)
        return batch["ids"].numel()

    return step
