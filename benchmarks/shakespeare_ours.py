"""Train our model on letters until its seconds are used up."""

import json
import math
import sys
import time
from pathlib import Path

BEGAN = time.perf_counter()

import torch  # noqa: E402
from shakespeare import CONTEXT, letters, score  # noqa: E402

from hornbook.model.config import make_config  # noqa: E402
from hornbook.model.transformer import Transformer  # noqa: E402
from hornbook.training.config import TrainingConfig  # noqa: E402
from hornbook.training.loop import Trainer  # noqa: E402
from hornbook.training.loss import next_token_loss  # noqa: E402
from hornbook.training.precision import use_threads  # noqa: E402

BATCH = 32


def main(text: Path, seconds: float, seed: int, threads: int) -> None:
    """Train, score, and print one line of JSON."""
    use_threads(threads)
    ids, heldout, count = letters(text.read_text(encoding="utf-8"))
    shape = make_config(
        form="nanochat",
        vocab_size=count,
        layers=4,
        width=128,
        heads=4,
        context=CONTEXT,
        attention="explicit",
    )
    model = Transformer(shape, seed)
    config = TrainingConfig(batch=BATCH)
    trainer = Trainer(model, next_token_loss, config, 1)
    dice = torch.Generator().manual_seed(seed)

    # Learn from windows that begin anywhere
    used = time.perf_counter() - BEGAN
    start, step = used, 0
    while used < seconds:
        share = (used - start) / (seconds - start)
        trainer.progress.step = step
        trainer.steps = max(
            step + 1, math.ceil(step / max(share, 1e-3))
        )
        places = torch.randint(
            len(ids) - CONTEXT, (BATCH, 1), generator=dice
        )
        rows = ids[places + torch.arange(CONTEXT + 1)]
        batch = {"ids": rows[:, :-1], "targets": rows[:, 1:]}
        trainer.update(batch)
        step += 1
        used = time.perf_counter() - BEGAN
    nats = score(model.eval(), heldout)
    line = {"training": "ours", "seconds": used, "nats": nats}
    print(json.dumps({**line, "steps": step, "seed": seed}), flush=True)


main(Path(sys.argv[1]), float(sys.argv[2]), *map(int, sys.argv[3:]))
