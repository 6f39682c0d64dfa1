"""The one loop: pretraining and every tuning pass through here."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from hornbook.base.console import Bar, console
from hornbook.base.errors import Interrupted
from hornbook.base.logbook import logbook
from hornbook.base.store import read_jsonl, write_text
from hornbook.training import checkpoint, health
from hornbook.training.average import averaged, exchange
from hornbook.training.batches import (
    Batch,
    Batches,
    count_targets,
    pieces,
)
from hornbook.training.checkpoint import Progress
from hornbook.training.config import TrainingConfig
from hornbook.training.optimizers import learning, make_optimizers
from hornbook.training.pace import Pace
from hornbook.training.parallel import Alone, share_out
from hornbook.training.precision import (
    Scale,
    autocast,
    compiled,
    device,
    hold_memory,
    number_format,
)
from hornbook.training.saving import Saver
from hornbook.training.schedule import rate
from hornbook.training.sharded import number
from hornbook.training.view import shown

Objective = Callable[..., Tensor]


class Hooks(msgspec.Struct, frozen=True):
    """What a training shows and measures on its way."""

    evaluate: Callable[[], dict[str, float]] | None = None
    """Measures the held-out text; called without gradients."""
    sample: Callable[[], str] | None = None
    """Writes a few words with the model as it is."""
    flops_per_token: float = 0.0
    """Operations to learn from one target; 0 is not known."""
    notes: Callable[[], dict[str, Any]] | None = None
    """Says more of the last step, for its line of the log."""


class Trainer:
    """A model, its optimisers, and how far they have come."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        config: TrainingConfig,
        steps: int,
        compile: bool = False,
        ranks: Alone | None = None,
    ) -> None:
        hold_memory()
        self.config, self.steps = config, steps
        self.dtype = number_format(config.precision)
        self.device, self.scale = device(), Scale(self.dtype)
        self.ranks = ranks or Alone()
        self.rows = config.rows * self.ranks.size
        self.model, self.objective = self.ranks.spread(
            model.to(self.device), compiled(objective, compile)
        )
        products = self.scale.products
        self.optimizers = [
            *make_optimizers(self.model, config, products),
            *self.scale.remembered,
        ]
        self.progress = Progress()
        self.watch = health.Watch(config.spike)
        self.length = 0.0
        """The length of the last gradient, before it is shortened; 0
        where it did not fit, and no step was made."""

    def measure(self, batch: Batch) -> Tensor:
        """Give the loss of a batch, in the training's numbers."""
        moved = {k: t.to(self.device) for k, t in batch.items()}
        with autocast(self.dtype, self.device):
            loss: Tensor = self.objective(self.model, **moved)
        return loss

    def update(self, batch: Batch) -> tuple[float, float]:
        """Learn from one batch; give its loss and the rate's share.

        Raises:
            Unsound: the loss or a gradient is not finite, or spiked.
        """
        # Measure the loss and its slope, piece by piece
        loss = torch.zeros((), device=self.device)
        for piece, portion in pieces(batch, self.rows):
            part = portion * self.measure(piece)
            self.scale.enlarge(part).backward()
            loss = loss + part.detach()
        weights = learning(self.model)
        fits = self.scale.reduce(weights)
        slopes = [w.grad for w in weights if w.grad is not None]
        length = nn.utils.get_total_norm(slopes)

        # Stop before a broken number reaches the weights
        step, value = self.progress.step, self.ranks.mean(loss)
        self.length = number(length) if fits else 0.0
        if fits or not math.isfinite(value):
            health.look(self, step + 1, value, batch)

        # Shorten the gradient, then step
        if self.config.clip:
            clip = self.config.clip
            nn.utils.clip_grads_with_norm_(weights, clip, length)
        share = rate(self.config, step, self.steps)
        for optimizer in self.optimizers if fits else ():
            optimizer.step(step, share)
        for weight in weights:
            weight.grad = None
        return value, share


def train(
    model: nn.Module,
    objective: Objective,
    batches: Batches,
    config: TrainingConfig,
    steps: int,
    folder: Path,
    log: Path,
    asked: dict[str, Any],
    hooks: Hooks,
    label: str = "training",
    compile: bool = False,
    anew: bool = False,
) -> Progress:
    """Train a model, or go on from a checkpoint in ``folder``.

    A checkpoint made for anything but ``asked`` is refused, unless
    ``anew`` discards it. ``log`` has each loss, in nats per target.

    Raises:
        Interrupted: the user stopped it; a checkpoint was saved.
        HornbookError: a step is unsound, a checkpoint damaged.
    """
    # Go on from the newest checkpoint
    ranks = share_out(config)
    trainer = Trainer(model, objective, config, steps, compile, ranks)
    run = Run(trainer, folder, log, {**asked, "steps": steps}, hooks)
    done = run.resume(anew)

    # Learn, look, and save
    with (
        stoppable() as stop,
        health.noted(run.write),
        shown(label, run) as bar,
        run.saver,
    ):
        while done.step < steps and not ranks.decide(stop.is_set()):
            run.step(batches, bar)
        run.save(last=True)
    run.finish()
    return done


class Run:
    """What happens around an update: clocks, log, samples, saving."""

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        log: Path,
        asked: dict[str, Any],
        hooks: Hooks,
    ) -> None:
        self.trainer, self.folder, self.log = trainer, folder, log
        self.asked, self.ranks = asked, trainer.ranks
        seen = self.ranks.seen
        self.hooks = Hooks(
            seen(hooks.evaluate, {}),
            seen(hooks.sample, ""),
            hooks.flops_per_token,
            hooks.notes,
        )
        self.saver = Saver(folder, trainer.config)
        self.started = self.saved = time.monotonic()
        first = trainer.config.sample_seconds * 2 / 3
        self.next_sample = self.started + first
        self.fresh = True
        self.pace = Pace(trainer.config, trainer.steps)

    def resume(self, anew: bool) -> Progress:
        """Go on from the newest checkpoint, or begin."""
        trainer = self.trainer
        with self.ranks.in_turn():
            if anew and self.ranks.first:
                checkpoint.clear(self.folder)
            done = trainer.progress = checkpoint.resume(
                self.folder,
                trainer.model,
                trainer.optimizers,
                self.asked,
            )
            lines = cut_log(self.log, done.step)
        trainer.watch.recall([r["loss"] for r in lines if "loss" in r])
        self.saver.newest = done.step
        if done.step:
            console.say(
                f"  going on from step {done.step:,} of "
                f"{trainer.steps:,}"
            )
        return done

    def step(self, batches: Batches, bar: Bar) -> None:
        """Make one update and whatever is due after it."""
        trainer, done = self.trainer, self.trainer.progress
        before = time.monotonic()
        batch = batches(done.step)
        loss, share = trainer.update(batch)
        done.step += 1
        done.heldout_loss = None
        done.tokens += count_targets(batch)
        spent = time.monotonic() - before
        if self.fresh:
            done.other_seconds += spent
            self.fresh = False
        else:
            done.seconds += spent
        lr, length = trainer.config.lr * share, trainer.length
        more = self.hooks.notes() if self.hooks.notes else {}
        self.write({"loss": loss, "lr": lr, "grad": length, **more})
        bar.advance(1, f"loss {loss:.3f}")
        self.pace.watch(done.step, done.seconds)
        self.look(time.monotonic())

    def write(self, numbers: dict[str, Any]) -> None:
        """Add one line to the log."""
        done = self.trainer.progress
        line = {
            "step": done.step,
            **numbers,
            "tokens": done.tokens,
            "seconds": round(done.seconds, 3),
        }
        if self.ranks.first:
            logbook.add(self.log, line)

    def look(self, now: float) -> None:
        """Measure, sample and save when it is time."""
        done, config = self.trainer.progress, self.trainer.config
        every = max(1, self.trainer.steps // max(config.evaluations, 1))
        last = done.step == self.trainer.steps
        due = config.evaluations and done.step % every == 0
        if self.hooks.evaluate and (due or last):
            with torch.no_grad(), averaged(self.trainer.optimizers):
                measured = self.hooks.evaluate()
            self.write(measured)
            done.heldout_loss = measured.get("heldout_loss")
        due = self.ranks.decide(now >= self.next_sample)
        if self.hooks.sample and due:
            self.next_sample = now + config.sample_seconds
            with torch.no_grad(), averaged(self.trainer.optimizers):
                text = self.hooks.sample()
            self.write({"sample": text})
        self.saver.look()
        late = now - self.saved >= config.save_seconds
        due = late or self.saver.beaten_by(done)
        if self.ranks.decide(due) and self.trainer.watch.calm:
            self.save()
        done.other_seconds += time.monotonic() - now

    def save(self, last: bool = False) -> None:
        """Copy the training, and have the copy written meanwhile.

        The ``last`` copy is waited for.
        """
        trainer = self.trainer
        health.refuse_broken(trainer.model, trainer.progress.step)
        take = partial(
            checkpoint.snapshot,
            trainer.model,
            trainer.optimizers,
            trainer.progress,
            self.asked,
        )
        self.ranks.save(self.saver, trainer.progress.step, take)
        self.saved = time.monotonic()
        if last:
            self.saver.finish()

    def finish(self) -> None:
        """Give the caller's model its last weights.

        Raises:
            Interrupted: these are not the last yet.
        """
        step, steps = self.trainer.progress.step, self.trainer.steps
        if step < steps:
            raise Interrupted(
                f"stopped at step {step:,} of {steps:,}, and saved; "
                "the same command goes on from there"
            )
        exchange(self.trainer.optimizers)
        self.ranks.gather()


def cut_log(log: Path, step: int) -> list[dict[str, Any]]:
    """Drop what a log says of steps after ``step``; give the rest."""
    lines = read_jsonl(log)
    kept = [line for line in lines if int(line.get("step", 0)) <= step]
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in kept)
    write_text(log, text.decode("utf-8"))
    return kept


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C sets, so that a step ends whole."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        console.say(
            "  stopping after this step; once more to break off"
        )

    names = (signal.SIGINT, signal.SIGTERM)
    old = {name: signal.signal(name, ask) for name in names}
    try:
        yield stop
    finally:
        for name, handler in old.items():
            signal.signal(name, handler)
