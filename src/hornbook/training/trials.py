"""Trials at equal budget: many short trainings, one after another."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import torch

from hornbook.base.console import console
from hornbook.base.errors import (
    CorruptFileError,
    HornbookError,
    ModelError,
)
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
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.average import exchange
from hornbook.training.config import TrainingConfig
from hornbook.training.loop import Trainer
from hornbook.training.loss import language_loss, next_token_loss
from hornbook.training.packing import PACKING
from hornbook.training.precision import use_threads, wants_compiling

ASTRAY_NATS = 1.0
"""A mean loss so far above the first is of a training gone astray."""
ASTRAY_STEPS = 10
"""Steps over which that mean is taken."""
FIRST_GUESS_STEPS = 1000
"""How many steps a training by the clock expects at its first."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One short training: a shape, its settings and a seed."""

    name: str
    """What is tried, for people; equal for seeds of one cell."""
    shape: ModelConfig
    training: TrainingConfig
    """``steps`` and ``batch`` are the budget."""
    seed: int = 1
    seconds: float = 0.0
    """A budget of time inside the updates, instead of ``steps``."""

    def tokens_of(self, steps: int) -> int:
        """Tokens that steps learn from, repeats included."""
        return steps * self.training.batch * self.shape.context

    @property
    def tokens(self) -> int:
        """Tokens that it learns from, where its steps are known."""
        return self.tokens_of(self.training.steps)


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


def open_text(folder: Path, limit_bytes: int = 0) -> Text:
    """Open a run's tokens, for trials on them.

    Raises:
        CorruptFileError: they are damaged or another tokenizer's.
    """
    tok = Tokenizer.load(folder / "tokenizer")
    train, heldout = (
        TokenShard.open(folder / "tokens" / f"{part}.bin", tok)
        for part in ("train", "heldout")
    )
    return Text(train, heldout, limit_bytes)


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
            result = msgspec.structs.replace(done[key], name=trial.name)
            results.append(result)
            bar.advance(1, describe(result))
    return results


def attempt(trial: Trial, text: Text, key: str) -> Result:
    """Run one trial; a failure is a result too."""
    begun = Result(
        key=key,
        name=trial.name,
        seed=trial.seed,
        parameters=parameters(trial.shape)["total"],
        tokens=trial.tokens,
        steps=trial.training.steps,
        flops=trial.tokens * flops_per_token(trial.shape),
    )
    started = time.monotonic()
    try:
        model, steps = learn(trial, text.train)
        bits = bits_per_byte(
            model, text.heldout, limit_bytes=text.limit_bytes
        )
    except (HornbookError, torch.OutOfMemoryError) as error:
        return msgspec.structs.replace(begun, problem=str(error))
    tokens = trial.tokens_of(steps)
    return msgspec.structs.replace(
        begun,
        tokens=tokens,
        steps=steps,
        flops=tokens * flops_per_token(trial.shape),
        loss=bits.nats_per_token,
        bits_per_byte=bits.value,
        seconds=round(time.monotonic() - started, 2),
    )


def learn(trial: Trial, shard: TokenShard) -> tuple[Transformer, int]:
    """Train as pretraining would, without stops; give the steps made.

    It is compiled only where ``compile`` is ``on``: that takes longer
    than most trials do.

    Raises:
        ModelError: the loss went astray, or is no finite number.
    """
    # Prepare what pretraining would
    shape, training = trial.shape, trial.training
    model = Transformer(shape, trial.seed)
    pack = PACKING[training.packing]
    batches = pack(shard, shape.context, training.batch, trial.seed)
    objective = language_loss(training.z_loss)
    compile = training.compile == "on"
    trainer = Trainer(model, objective, training, 1, compile)

    # Learn, unless it goes astray
    losses: list[float] = []
    for step, steps in pace(trial):
        trainer.progress.step, trainer.steps = step, steps
        losses.append(trainer.update(batches(step))[0])
        check_course(losses)
    exchange(trainer.optimizers)
    return model.eval(), len(losses)


def pace(trial: Trial) -> Iterator[tuple[int, int]]:
    """Give each step of a trial, and how many there will be.

    By the clock the second is what the time so far suggests, so that
    the rate falls to its end as the time runs out. The first step is
    not counted: it compiles, and fetches what is slow to come.
    """
    if not trial.seconds:
        every = trial.training.steps
        yield from ((step, every) for step in range(every))
        return
    yield 0, FIRST_GUESS_STEPS
    started, step = time.monotonic(), 1
    while (spent := time.monotonic() - started) < trial.seconds:
        share = max(spent / trial.seconds, 1 / FIRST_GUESS_STEPS)
        yield step, max(step + 1, math.ceil(step / share))
        step += 1


def check_course(losses: Sequence[float]) -> None:
    """Stop a trial that has become worse than it began.

    Raises:
        ModelError: says from where to where the loss rose.
    """
    mean = statistics.fmean(losses[-ASTRAY_STEPS:])
    long = len(losses) > ASTRAY_STEPS
    if long and mean > losses[0] + ASTRAY_NATS:
        raise ModelError(
            f"diverged: the loss began at {losses[0]:.2f} and was "
            f"{mean:.2f} by step {len(losses)}; lower the learning rate"
        )


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
    """Digest all that a trial's result depends on; not its name."""
    return digest_json(
        {
            "trial": {**msgspec.to_builtins(trial), "name": ""},
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
