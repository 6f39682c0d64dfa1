"""Train one of our models for a fixed time, on random tokens."""

import argparse
import json

import torch
from turns import serve

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training.config import TrainingConfig
from hornbook.training.loop import Trainer
from hornbook.training.loss import next_token_loss
from hornbook.training.precision import use_threads


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--shape", type=json.loads)
    words.add_argument("--form")
    words.add_argument("--seconds", type=float)
    words.add_argument("--threads", type=int)
    given = words.parse_args()
    use_threads(given.threads)
    shape = given.shape
    model = Transformer(
        make_config(
            form=given.form,
            vocab_size=shape["vocab"],
            layers=shape["layers"],
            width=shape["width"],
            heads=shape["heads"],
            hidden=shape["hidden"],
            context=shape["context"],
            tied=shape.get("tied", False),
            attention="explicit",
        )
    )
    config = TrainingConfig(
        optimizer="adamw",
        lr=3e-4,
        weight_decay=0.1,
        batch=shape["batch"],
        precision="bf16",
    )
    trainer = Trainer(model, next_token_loss, config, 10**6, True)
    torch.manual_seed(0)
    rows = torch.randint(
        shape["vocab"], (shape["batch"], shape["context"] + 1)
    )
    batch = {
        "ids": rows[:, :-1].contiguous(),
        "targets": rows[:, 1:].contiguous(),
    }

    # Compile outside the clock
    for _ in range(2):
        trainer.update(batch)
    count = sum(weight.numel() for weight in model.parameters())
    serve(
        lambda _: trainer.update(batch)[0],
        given.seconds,
        {"parameters": count},
    )


main()
