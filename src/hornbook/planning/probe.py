"""How fast this machine is, measured in a few seconds."""

import importlib.util
import statistics
import time
from collections.abc import Callable

import msgspec

Work = Callable[[], int]
"""Does one piece of work and says how much that was."""

MATRIX = 1024
"""The side of the matrices whose product is timed."""
MATMUL_SECONDS = 0.6
TRAINING_SECONDS = 4.0
WARM_UP = 2
"""Pieces of work that are done before the clock starts."""
LEAST_TIMED = 3


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """The measured speed of this machine; 0 stands for unmeasured."""

    threads: int = 0
    """Threads that computed while it was measured."""
    fp32_flops: float = 0.0
    """Operations per second of a matrix product in 32 bits."""
    bf16_flops: float = 0.0
    """The same in bfloat16."""
    tokens_per_second: float = 0.0
    """Tokens that training steps of the recipe's model learn from."""
    free_bytes: int = 0
    """The memory that was free before it was measured."""
    rows: int = 0
    """Rows of the pretraining that fit into it at once."""
    seconds: float = 0.0
    """How long the measuring took."""


def probe(
    train: Work | None = None,
    threads: int = 0,
    training_seconds: float = TRAINING_SECONDS,
) -> Probe:
    """Measure matrix products and, with ``train``, real steps.

    ``train`` makes one training step of the model that is planned and
    gives the number of its tokens. Without torch nothing is measured,
    and a plan has sizes and operations, but no times.
    """
    if importlib.util.find_spec("torch") is None:
        return Probe()
    import torch

    # Use the threads that the run will use
    started = time.perf_counter()
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        fp32 = speed(_product("float32"), MATMUL_SECONDS)
        bf16 = speed(_product("bfloat16"), MATMUL_SECONDS)
        tokens = speed(train, training_seconds) if train else 0.0
    finally:
        torch.set_num_threads(before)
    return Probe(
        threads=threads or before,
        fp32_flops=fp32,
        bf16_flops=bf16,
        tokens_per_second=tokens,
        seconds=time.perf_counter() - started,
    )


def speed(
    work: Work,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Give the amount of work per second, by the median piece.

    The first pieces pay for memory and caches and are not counted. The
    median forgives a moment in which the machine did something else.
    """
    for _ in range(WARM_UP):
        work()
    rates: list[float] = []
    start = now = clock()
    while len(rates) < LEAST_TIMED or now - start < seconds:
        amount, before = work(), now
        now = clock()
        rates.append(amount / max(now - before, 1e-9))
    return statistics.median(rates)


def _product(number: str) -> Work:
    """Prepare a product of two square matrices; give its operations."""
    import torch

    dtype = getattr(torch, number)
    left = torch.ones(MATRIX, MATRIX, dtype=dtype)
    right = torch.ones(MATRIX, MATRIX, dtype=dtype)

    def multiply() -> int:
        torch.mm(left, right)
        return 2 * MATRIX**3

    return multiply
