"""What the trainings of peers share: their words, and their updates.

Runs in a peer's environment: torch is all it needs.
"""

import argparse
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from turns import serve


def words() -> argparse.Namespace:
    """Read what the driver asks for, and set threads and seed."""
    words = argparse.ArgumentParser()
    words.add_argument("--shape", type=json.loads)
    words.add_argument("--peer", type=Path)
    words.add_argument("--seconds", type=float)
    words.add_argument("--threads", type=int)
    words.add_argument("--compile", action="store_true")
    words.add_argument("--bf16", action="store_true")
    given = words.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    return given


def train(
    given: argparse.Namespace,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    measure: Callable[[Any], torch.Tensor],
) -> None:
    """Train as told; ``measure`` gives the loss of a model's batch."""
    fast = torch.compile(model) if given.compile else model

    def update(_: float = 0.0) -> float:
        half = torch.autocast("cpu", torch.bfloat16)
        with half if given.bf16 else nullcontext():
            loss = measure(fast)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    # Compile outside the clock
    for _ in range(2):
        update()
    count = sum(weight.numel() for weight in model.parameters())
    serve(update, given.seconds, {"parameters": count})
