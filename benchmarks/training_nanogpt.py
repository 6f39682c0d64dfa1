"""Train nanoGPT's own model for a fixed time, on random tokens.

Runs in the peer's environment: torch and numpy are all it needs.
"""

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
from turns import serve


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--shape", type=json.loads)
    words.add_argument("--peer", type=Path)
    words.add_argument("--seconds", type=float)
    words.add_argument("--threads", type=int)
    words.add_argument("--compile", action="store_true")
    words.add_argument("--bf16", action="store_true")
    given = words.parse_args()
    sys.path.insert(0, str(given.peer))
    from model import GPT, GPTConfig

    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
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
    fast = torch.compile(model) if given.compile else model
    rows = torch.randint(
        shape["vocab"], (shape["batch"], shape["context"] + 1)
    )
    ids, targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()

    def update(_: float = 0.0) -> float:
        half = torch.autocast("cpu", torch.bfloat16)
        with half if given.bf16 else nullcontext():
            _, loss = fast(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    for _ in range(2):
        update()
    count = sum(weight.numel() for weight in model.parameters())
    serve(update, given.seconds, {"parameters": count})


main()
