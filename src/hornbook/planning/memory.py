"""How many rows of a batch are read at once: as memory allows."""

from collections.abc import Callable

from hornbook.base.errors import RecipeError
from hornbook.base.store import size
from hornbook.model.config import ModelConfig
from hornbook.model.count import parameters, training_bytes
from hornbook.planning.learning import learning
from hornbook.training.config import TrainingConfig

UNSURE = 0.3
"""A prediction so near to the limit, as a share of it, is tried."""
NUMBERS_PER_WEIGHT = 3
"""A checkpoint keeps each weight and at most two moments of it."""
NUMBER_BYTES = 4

Try = Callable[[int], int]
"""Makes a real step with so many rows; gives the bytes it took."""


def needed_bytes(
    model: ModelConfig, config: TrainingConfig, rows: int
) -> int:
    """Predict what a training holds that reads so many rows at once.

    That is what training needs, what it keeps from one step for the
    next, and the copy from which a checkpoint is written. A compiled
    training needs less.
    """
    training = training_bytes(
        model,
        config.batch,
        config.precision != "fp32",
        rows,
        optimizer=config.optimizer,
        ema=config.ema > 0,
        held=True,
        part=learning(model, config),
    )
    return training + copy_bytes(model, config)


def copy_bytes(model: ModelConfig, config: TrainingConfig) -> int:
    """The size of a checkpoint, at most."""
    part = learning(model, config)
    weights = part.weights if part else parameters(model)["total"]
    return weights * NUMBER_BYTES * NUMBERS_PER_WEIGHT


def fit_rows(
    model: ModelConfig,
    config: TrainingConfig,
    free_bytes: int,
    try_rows: Try | None = None,
) -> int:
    """Find the most rows, a divisor of the batch, that fit in memory.

    A recipe's own ``rows`` are taken as they are, and all of a batch
    where ``free_bytes`` is 0, unknown. ``try_rows`` settles what a
    prediction cannot.

    Raises:
        RecipeError: not even one row fits.
    """
    if config.rows or not free_bytes:
        return config.rows or config.batch
    for rows in range(config.batch, 0, -1):
        if config.batch % rows:
            continue
        needed = needed_bytes(model, config, rows)
        close = abs(needed - free_bytes) <= UNSURE * free_bytes
        if close and try_rows:
            needed = try_rows(rows) + copy_bytes(model, config)
        if needed <= free_bytes:
            return rows
    raise RecipeError(
        f"to train this model on one row of {model.context} tokens "
        f"takes about {size(needed)} of memory, and {size(free_bytes)} "
        "are free; lower model.context, model.width, model.layers or "
        "tokenizer.vocab_size, or end other programs"
    )
