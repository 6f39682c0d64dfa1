"""Trainings that processes share: torchrun ranks.py JOBS.json.

A job is a table: folder, parallel, optimizer; where one process is to
end before its time, the rank and the step at which it does; and the
step at which a layer of the second rank breaks.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hornbook.base.errors import HornbookError
from hornbook.base.world import world
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training.config import TrainingConfig
from hornbook.training.health import Unsound
from hornbook.training.loop import Hooks, train
from hornbook.training.loss import next_token_loss
from hornbook.training.parallel import joined

STEPS = 20
STOP = 10
# Sizes that two ranks cannot divide evenly
SHAPE = make_config(
    vocab_size=23, layers=3, width=16, heads=2, hidden=33, context=16
)


class Stop(Exception):
    """Breaks a training off from inside, as a defect would."""


def rows(step: int) -> dict[str, Tensor]:
    """Give sums to learn, some of whose places do not count."""
    random = torch.Generator().manual_seed(step)
    first = torch.randint(23, (4, 1), generator=random)
    run = (first + 3 * torch.arange(17)) % 23
    targets = run[:, 1:].clone()
    targets[0, : step % 7] = -100
    return {"ids": run[:, :-1], "targets": targets}


def learn(job: dict[str, Any]) -> None:
    """Train, or go on; every half of the way is saved."""
    folder, stop = Path(job["folder"]), job.get("stop", 0)
    config = TrainingConfig(
        optimizer=job["optimizer"],
        parallel=job["parallel"],
        precision=job.get("precision", "fp32"),
        ema=job.get("ema", 0.0),
        keep_best=job.get("keep_best", False),
        lr=0.02 if job["optimizer"] == "muon" else 0.003,
        weight_decay=0.1,
        compile="off",
        evaluations=2,
        # Every step is saved where the training is to break off
        save_seconds=1e-9 if stop else 1e9,
    )
    model = Transformer(SHAPE)
    broken: list[int] = []
    model.blocks[1].attention.register_forward_hook(
        lambda _layer, _given, made: made / 0 if broken else None
    )

    def batches(step: int) -> dict[str, Tensor]:
        if step == job.get("breaks") and world().rank == 1:
            broken.append(step)
        if step == stop and world().rank == job.get("dies"):
            os.kill(os.getpid(), signal.SIGKILL)
        if stop and step == stop and "dies" not in job:
            raise Stop
        return rows(step)

    def evaluate() -> dict[str, float]:
        loss = next_token_loss(model, **rows(999))
        return {"heldout_loss": float(loss)}

    try:
        train(
            model, next_token_loss, batches, config, STEPS,
            folder / "checkpoints", folder / "metrics.jsonl",
            {}, Hooks(evaluate),
        )
    except (Stop, Unsound):
        return
    if world().rank == 0:
        model.save(folder / "model", "native")


if __name__ == "__main__":
    torch.set_num_threads(1)
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        with joined():
            for each in jobs:
                learn(each)
    except HornbookError as error:
        sys.exit(f"rank {world().rank}: {error}")
