"""A small training that tests stop from outside: learner.py FOLDER."""

import sys
import time
from pathlib import Path

import torch
from torch import Tensor

from hornbook.base.errors import Interrupted
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training.config import TrainingConfig
from hornbook.training.loop import Hooks, train
from hornbook.training.loss import next_token_loss

STEPS = 60
SHAPE = make_config(
    vocab_size=23, layers=1, width=16, heads=2, hidden=32, context=16
)
CONFIG = TrainingConfig(
    precision="fp32", save_seconds=0.05, evaluations=10
)


def rows(step: int) -> dict[str, Tensor]:
    """Give a batch, slowly enough to be caught at it."""
    time.sleep(0.01)
    random = torch.Generator().manual_seed(step)
    run = torch.randint(23, (4, 17), generator=random)
    return {"ids": run[:, :-1], "targets": run[:, 1:]}


def main(folder: Path) -> None:
    """Train, or go on."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Transformer(SHAPE)

    def evaluate() -> dict[str, float]:
        # Draws numbers, as dropout would
        noise = torch.rand(())
        return {"heldout_loss": float(noise + model.head.weight.sum())}

    try:
        train(
            model,
            next_token_loss,
            rows,
            CONFIG,
            STEPS,
            folder / "checkpoints",
            folder / "metrics.jsonl",
            {},
            Hooks(evaluate),
        )
    except Interrupted as stopped:
        print(stopped)
        sys.exit(stopped.exit_code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
