"""What a training costs, in closed form: before it is begun."""

import math

import msgspec

from hornbook.model.config import ModelConfig
from hornbook.model.count import parameters
from hornbook.planning.learning import operations_per_token
from hornbook.planning.memory import (
    NUMBER_BYTES,
    copy_bytes,
    needed_bytes,
)
from hornbook.training.config import TrainingConfig

OVERHEAD = 0.06
"""Share of a training's minutes that goes to samples, evaluations and
checkpoints."""
PROGRAM_BYTES = 700_000_000
"""What Python, torch and the text take beside the model."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of one training; 0 is what cannot be known yet."""

    steps: int = 0
    """Updates of the weights; 0 leaves them to the examples."""
    batch: int = 0
    """Rows of ``context`` tokens in one update."""
    rows: int = 0
    """Rows of them that are read at once."""
    tokens: int = 0
    """Tokens that are learned from, repeats included."""
    epochs: float = 0.0
    """Passes over the text."""
    flops: float = 0.0
    """Operations, forward and backward."""
    seconds: float = 0.0
    """Wall-clock time."""
    memory_bytes: int = 0
    """The most memory that the process holds."""
    disk_bytes: int = 0
    """Checkpoints and the finished model."""
    price: float = 0.0
    """In the currency of ``price_per_hour``."""


def bytes_per_token(vocab_size: int) -> float:
    """Estimate how much text a token holds, before there are tokens.

    Fitted to byte-pair vocabularies of 512 to 32,768 tokens, trained
    on 4.9 MB of English Wikipedia introductions: each doubling adds
    0.57 bytes, up to about 5.

    >>> round(bytes_per_token(4096), 2)
    3.81
    """
    grown = 2.1 + 0.57 * math.log2(max(vocab_size, 2) / 512)
    return min(max(grown, 1.0), 5.0)


def budget(
    model: ModelConfig,
    config: TrainingConfig,
    tokens_per_second: float = 0.0,
    text_tokens: int = 0,
    price_per_hour: float = 0.0,
    rows: int = 0,
) -> Budget:
    """Work out a training's steps from its minutes, and all its costs.

    ``steps`` of the configuration go before its ``epochs``, and these
    before its ``minutes``. Where the speed is unknown, 0 tokens per
    second, minutes give no steps and steps no time.

    Source: kaplan2020, section 2.1, for the operations.
    """
    # What samples and checkpoints leave is useful
    useful = tokens_per_second * (1 - OVERHEAD)
    steps = count_steps(config, model.context, useful, text_tokens)
    tokens = steps * config.batch * model.context
    seconds = config.minutes * 60
    if steps and useful:
        seconds = tokens / useful

    # What is kept: checkpoints, one more in the making, the model
    weights = parameters(model)["total"] * NUMBER_BYTES
    checkpoint = copy_bytes(model, config)
    rows = rows or config.rows or config.batch
    saved = config.keep + config.keep_best + 1
    return Budget(
        steps=steps,
        batch=config.batch,
        rows=rows,
        tokens=tokens,
        epochs=tokens / text_tokens if text_tokens else 0.0,
        flops=tokens * operations_per_token(model, config),
        seconds=seconds,
        memory_bytes=PROGRAM_BYTES
        + needed_bytes(model, config, rows),
        disk_bytes=weights * (1 + config.keep_best)
        + checkpoint * saved,
        price=seconds / 3600 * price_per_hour,
    )


def count_steps(
    config: TrainingConfig,
    context: int,
    tokens_per_second: float,
    text_tokens: int,
) -> int:
    """Count the steps of a training; 0 where they are not known yet."""
    step_tokens = config.batch * context
    if config.steps:
        return config.steps
    if config.epochs:
        tokens = config.epochs * text_tokens
        return math.ceil(tokens / step_tokens)
    tokens = config.minutes * 60 * tokens_per_second
    return max(1, math.floor(tokens / step_tokens)) if tokens else 0
