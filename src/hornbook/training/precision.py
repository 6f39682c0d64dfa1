"""Number formats, threads and compilers: what this machine offers."""

import ctypes
import math
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from hornbook.base.console import console
from hornbook.base.machine import (
    COMPILERS,
    cache_folder,
    cores,
    describe,
)
from hornbook.base.world import world
from hornbook.training.config import TrainingConfig
from hornbook.training.sharded import number

WORTH_COMPILING_SECONDS = 90.0
LIMITS: dict[torch.dtype, float] = {}
"""Operations per second, by the format of the numbers."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
"""What the C library of Linux calls three of its settings."""
LARGE_BYTES, MANY = 2**16, 2**16
PATIENCE = 2000
"""Good steps after which a loss in fp16 is enlarged more."""


def device() -> torch.device:
    """The fastest device that torch finds here."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def number_format(precision: str) -> torch.dtype:
    """Choose bf16 where the hardware multiplies it, else fp32.

    A GPU that has no bf16 of its own has fp16.
    """
    if precision in FORMATS:
        return FORMATS[precision]
    if torch.cuda.is_available():
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if able else torch.float16
    return torch.bfloat16 if describe().bf16 else torch.float32


def autocast(
    dtype: torch.dtype, where: torch.device
) -> AbstractContextManager[Any]:
    """Multiply matrices in ``dtype``, keep the rest in fp32."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(where.type, dtype)


class Scale:
    """Enlarges a loss, so that fp16 does not lose small slopes.

    fp16 takes what is below 6e-8 for zero, and most slopes of a deep
    model are. All of them grow with the loss, and are brought back to
    size in fp32. If one grew beyond the largest number, the step is
    left out and the scale halved; after ``PATIENCE`` good steps it
    doubles. Other formats have the range of fp32 and a scale of 1.

    Source: micikevicius2018, section 3.2.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.wanted = dtype == torch.float16
        self.products = torch.float32 if self.wanted else dtype
        """The format of an optimiser's own products."""
        self.memory = torch.tensor([2.0**16, 0.0], dtype=torch.float64)
        self.remembered = [self] if self.wanted else []

    def enlarge(self, loss: Tensor) -> Tensor:
        """Give the loss whose slopes are to be found."""
        return loss * self.memory[0].item() if self.wanted else loss

    def reduce(self, weights: list[nn.Parameter]) -> bool:
        """Bring gradients back to size; say whether all of them fit.

        Where they do not though nothing was enlarged, it is no fault
        of the scale's, and not for it to mend.
        """
        if not self.wanted:
            return True
        grads = [w.grad for w in weights if w.grad is not None]
        torch._foreach_div_(grads, self.memory[0].item())
        finite = math.isfinite(number(nn.utils.get_total_norm(grads)))
        if finite or self.memory[0] <= 1:
            return True
        self.memory.mul_(torch.tensor([0.5, 0.0]))
        return False

    def step(self, step: int, rate: float) -> None:
        """Count a good step; after many of them, enlarge more."""
        self.memory[1] += 1
        if self.memory[1] == PATIENCE:
            self.memory.mul_(torch.tensor([2.0, 0.0]))

    def state(self) -> dict[str, Tensor]:
        """The scale, and the good steps since it last changed."""
        return {"scale": self.memory}


def use_threads(count: int = 0) -> int:
    """Let torch use ``count`` threads, or every core of ours.

    Processes that train together on one machine share them.
    """
    count = count or cores()
    if torch.distributed.is_initialized():
        count = max(1, count // world().local_size)
    torch.set_num_threads(count)
    return count


def keep_limit(fp32_flops: float, bf16_flops: float) -> None:
    """Keep what matrix products reach here, as the plan measured it.

    Units: operations per second; 0 where it was not measured.
    """
    LIMITS[torch.float32] = fp32_flops
    LIMITS[torch.bfloat16] = bf16_flops


def measured_limit(dtype: torch.dtype, where: torch.device) -> float:
    """Give the kept limit; 0 on a device that no plan measures."""
    return LIMITS.get(dtype, 0.0) if where.type == "cpu" else 0.0


def hold_memory() -> None:
    """Keep what one step frees for the next, on Linux.

    The C library hands large pieces back to the system at once, which
    fills each page with zeros when it is asked for anew. A step asks
    for hundreds of megabytes: a fifth of its time went there.

    The price is memory. Before its version 2.38 the library does not
    put a tensor where one of the same size was, only where there is a
    little more room; so between tensors that are kept, holes remain.
    """
    tell_allocator({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1})


def hand_back_memory() -> None:
    """Undo that: keep nothing that is freed, on Linux."""
    tell_allocator(
        {
            M_MMAP_MAX: MANY,
            M_MMAP_THRESHOLD: LARGE_BYTES,
            M_TRIM_THRESHOLD: LARGE_BYTES,
        }
    )


def tell_allocator(settings: dict[int, int]) -> None:
    """Change settings of the C library, where it is Linux's own."""
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for name, value in settings.items():
            library.mallopt(name, value)


def has_compiler() -> bool:
    """Whether a C++ compiler is installed."""
    return any(shutil.which(name) for name in COMPILERS)


def wants_compiling(config: TrainingConfig, seconds: float) -> bool:
    """Decide whether a training of so many seconds is compiled."""
    if config.compile != "auto":
        return config.compile == "on"
    return has_compiler() and seconds >= WORTH_COMPILING_SECONDS


def compiled(
    function: Callable[..., Any], wanted: bool
) -> Callable[..., Any]:
    """Compile a function, or say in one line that it runs as it is.

    On a processor torch would put its own kernel in place of attention
    as it is written; the compiled formula is faster there.
    """
    if not wanted:
        return function
    if not has_compiler():
        console.warn(
            "no C++ compiler was found, so nothing is compiled; "
            "training runs about a fifth slower"
        )
        return function
    folder = cache_folder() / "compiled"
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
    own_kernels: dict[str, Any] = {
        "pattern_matcher": device().type != "cpu"
    }
    return torch.compile(function, dynamic=False, options=own_kernels)


FORMATS = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
