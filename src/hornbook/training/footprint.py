"""What a training holds in memory, seen in a process of its own."""

import subprocess
import sys

import msgspec
import psutil

from hornbook.base.errors import ModelError
from hornbook.base.machine import forget_peak, peak_bytes
from hornbook.model.config import ModelConfig
from hornbook.training.config import TrainingConfig

COMMAND = "from hornbook.training.footprint import main; main()"
STEPS = 3


class Asked(msgspec.Struct, frozen=True):
    """What the child process is to train."""

    shape: ModelConfig
    training: TrainingConfig
    compile: bool
    held: bool


def footprint(
    shape: ModelConfig,
    training: TrainingConfig,
    compile: bool = False,
    held: bool = True,
) -> int:
    """Make real steps in a child process; give the bytes they took.

    Not counted is what the process held before there was a model. Held
    as in training, memory that is freed still counts (on Linux); else
    what was needed at one time. A process that the system ends for
    want of memory leaves this one alive.

    Raises:
        ModelError: the child did not come to its end.
    """
    asked = Asked(shape, training, compile, held)
    done = subprocess.run(
        [sys.executable, "-c", COMMAND],
        input=msgspec.json.encode(asked),
        capture_output=True,
    )
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").splitlines()[-1:]
        raise ModelError(
            "a training step that was tried did not end well: "
            + (" ".join(last) or f"status {done.returncode}")
        )
    return int(done.stdout)


def main() -> None:
    """Be the child: read what is asked, and write the bytes."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)

    # Load what any training loads, and compile as much as there will be
    heads = asked.shape.heads
    small = msgspec.structs.replace(
        asked.shape,
        vocab_size=64,
        width=8 * heads,
        head_dim=8,
        hidden=16,
        context=8,
    )
    few = msgspec.structs.replace(asked.training, batch=2, rows=0)
    take_steps(Asked(small, few, asked.compile, asked.held))

    # See how far it rises above that
    import torch

    forget_peak()
    before = psutil.Process().memory_info().rss
    take_steps(asked)
    if torch.cuda.is_available():
        print(torch.cuda.max_memory_reserved())
    else:
        print(peak_bytes() - before)


def take_steps(asked: Asked) -> None:
    """Train on random tokens for a few steps."""
    import torch

    from hornbook.model.transformer import Transformer
    from hornbook.training.loop import Trainer
    from hornbook.training.loss import language_loss
    from hornbook.training.precision import hand_back_memory

    shape, training = asked.shape, asked.training
    objective = language_loss(training.z_loss)
    model = Transformer(shape)
    trainer = Trainer(model, objective, training, STEPS, asked.compile)
    if not asked.held:
        hand_back_memory()
    size = (training.batch, shape.context + 1)
    rows = torch.randint(shape.vocab_size, size)
    batch = {"ids": rows[:, :-1], "targets": rows[:, 1:]}
    for step in range(STEPS):
        trainer.progress.step = step
        trainer.update(batch)
