"""What a model's own matrix products take, and nothing else.

A share of the peak of large products flatters large models: small
matrices never reach it. So every product of one update (forward, and
twice backward) is timed alone, at its own shape, in bf16.
"""

import time
from typing import Any

import torch

from hornbook.training.precision import hold_memory

REPEATS = 12


def products(
    shape: dict[str, Any],
) -> list[tuple[int, int, int, int]]:
    """List an update's products: how often, rows, inner, columns."""
    width, layers = shape["width"], shape["layers"]
    rows = shape["batch"] * shape["context"]
    found = _passes(1, rows, width, shape["vocab"])
    for count, out in ((4, width), (shape["inner"], shape["hidden"])):
        found += _passes(count * layers, rows, width, out)
    return found


def _passes(
    count: int, rows: int, inner: int, out: int
) -> list[tuple[int, int, int, int]]:
    """Give a product and the two that its gradients need."""
    return [
        (count, rows, inner, out),
        (count, rows, out, inner),
        (count, out, rows, inner),
    ]


def seconds_of_products(shape: dict[str, Any]) -> float:
    """Time all products of one update; attention's own included."""
    hold_memory()
    torch.manual_seed(0)
    total = 0.0
    for count, rows, inner, columns in products(shape):
        a = torch.randn(rows, inner, dtype=torch.bfloat16)
        b = torch.randn(inner, columns, dtype=torch.bfloat16)
        total += count * least_seconds(a, b)

    # Scores and sums of attention, forward once and backward twice
    head = shape["width"] // shape["heads"]
    stack = shape["batch"] * shape["heads"]
    time_, half = shape["context"], torch.bfloat16
    q = torch.randn(stack, time_, head, dtype=half)
    scores = torch.randn(stack, time_, time_, dtype=half)
    total += 3 * shape["layers"] * least_seconds(q, q.mT)
    total += 3 * shape["layers"] * least_seconds(scores, q)
    return total


def least_seconds(a: torch.Tensor, b: torch.Tensor) -> float:
    """Give the shortest time of several tries at one product."""
    tries = []
    for _ in range(REPEATS):
        before = time.perf_counter()
        a @ b
        tries.append(time.perf_counter() - before)
    return min(tries)
