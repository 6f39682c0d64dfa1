"""Train nanoGPT's own model for a fixed time, on random tokens.

Runs in the peer's environment: torch and numpy are all it needs.
"""

import sys

import torch
from peers import train, words


def main() -> None:
    given = words()
    sys.path.insert(0, str(given.peer))
    from model import GPT, GPTConfig

    shape = given.shape
    model = GPT(
        GPTConfig(
            block_size=shape["context"],
            vocab_size=shape["vocab"],
            n_layer=shape["layers"],
            n_head=shape["heads"],
            n_embd=shape["width"],
            dropout=0.0,
            bias=True,
        )
    )
    optimizer = model.configure_optimizers(
        0.1, 3e-4, (0.9, 0.95), "cpu"
    )
    rows = torch.randint(
        shape["vocab"], (shape["batch"], shape["context"] + 1)
    )
    ids, targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
    train(given, model, optimizer, lambda fast: fast(ids, targets)[1])


main()
