"""Saving while training goes on: one writer in the background."""

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from hornbook.base.console import console
from hornbook.base.errors import DiskError
from hornbook.training import checkpoint
from hornbook.training.checkpoint import Progress, Snapshot
from hornbook.training.config import TrainingConfig


class Saver:
    """Writes a training's checkpoints, one at a time.

    Training waits while its tensors are copied, and goes on while the
    copy is written. If the next save comes due before that is done, it
    waits for the writer: a disk so slow should be noticed, and two
    copies at once could fill the memory.
    """

    def __init__(self, folder: Path, config: TrainingConfig) -> None:
        self.folder, self.config = folder, config
        self.writer = ThreadPoolExecutor(1, "saver")
        self.pending: Future[int] | None = None
        self.due = self.newest = 0
        self.fault: DiskError | None = None

    def save(self, step: int, take: Callable[[], Snapshot]) -> None:
        """Have a copy of the training written, unless it stands."""
        self.settle()
        if step == self.newest:
            return
        self.due = step
        self.pending = self.writer.submit(
            checkpoint.write,
            take(),
            self.folder,
            self.config.keep,
            self.config.keep_best,
        )

    def save_here(self, step: int, write: Callable[..., int]) -> None:
        """Have it written here and now, as ranks do it together."""
        self.due, self.pending = step, Future()
        try:
            self.pending.set_result(
                write(
                    self.folder,
                    self.config.keep,
                    self.config.keep_best,
                )
            )
        except DiskError as error:
            self.pending.set_exception(error)
        self.settle()

    def look(self) -> None:
        """Take note if the writer has come to an end."""
        if self.pending is not None and self.pending.done():
            self.settle()

    def settle(self) -> None:
        """Wait for the writer; warn if it failed."""
        if self.pending is None:
            return
        try:
            self.newest, self.fault = self.pending.result(), None
        except DiskError as error:
            self.fault = error
            console.warn(
                f"{self.failure()}; training goes on, and tries again "
                f"after {self.config.save_seconds:g} seconds"
            )
        finally:
            self.pending = None

    def failure(self) -> str:
        """Say what was not saved, why, and what stands instead."""
        why = str(self.fault).partition(";")[0]
        stands = f"that of step {self.newest:,} stands"
        if not self.newest:
            stands = "none stands yet"
        return (
            f"the checkpoint of step {self.due:,} was not saved: {why};"
            f" {stands}"
        )

    def finish(self) -> None:
        """Wait until the last checkpoint is on disk.

        Raises:
            DiskError: it could not be written.
        """
        self.settle()
        if self.fault is not None:
            raise DiskError(
                f"{self.failure()}; free some space and run the same "
                "command again"
            ) from self.fault

    def beaten_by(self, done: Progress) -> bool:
        """Whether held-out text was never cheaper than at this step."""
        if not self.config.keep_best or done.heldout_loss is None:
            return False
        self.settle()
        best = checkpoint.find_best(self.folder)
        lowest = checkpoint.heldout_loss(best) if best else math.inf
        return done.heldout_loss < lowest

    def __enter__(self) -> "Saver":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.settle()
        self.writer.shutdown()
