"""Learn instructions with our LoRA, from rows that are given."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from turns import serve

from hornbook.model.transformer import Transformer
from hornbook.training.loop import Trainer
from hornbook.training.loss import next_token_loss
from hornbook.training.precision import use_threads
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.lora import attach
from hornbook.tuning.lora_config import LoraConfig
from hornbook.tuning.sft import Dialogues, Packed


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--folder", type=Path)
    words.add_argument("--batch", type=int)
    words.add_argument("--rank", type=int)
    words.add_argument("--threads", type=int)
    given = words.parse_args()
    use_threads(given.threads)

    # Open the model and its rows
    file = given.folder / "rows.json"
    rows = json.loads(file.read_text(encoding="utf-8"))
    names = ("ids", "targets", "dialogue")
    packed = Packed(*(np.array(rows[name]) for name in names), 0)
    model = Transformer.load(given.folder / "model")
    attach(model, LoraConfig(rank=given.rank), 0, 1)
    config = TuningConfig(
        optimizer="adamw",
        lr=1e-4,
        weight_decay=0.0,
        batch=given.batch,
        precision="bf16",
    )
    trainer = Trainer(model.train(), next_token_loss, config, 10**6)
    batches = Dialogues(packed, given.batch, 1)
    loss = float(first_loss(trainer, packed))

    # Warm up outside the clock
    steps = iter(range(10**6))
    for _ in range(2):
        trainer.update(batches(next(steps)))
    serve(
        lambda _: trainer.update(batches(next(steps)))[0],
        1e9,
        {
            "first_loss": round(loss, 5),
            "versions": f"torch {torch.__version__}",
        },
    )


@torch.no_grad()
def first_loss(trainer: Trainer, packed: Packed) -> torch.Tensor:
    """Measure the first rows, in the order in which they lie."""
    size = trainer.config.batch
    first = Packed(
        packed.ids[:size],
        packed.targets[:size],
        packed.dialogue[:size],
        0,
    )
    return trainer.measure(Dialogues(first, size, 1)(0))


main()
