"""What keeps a tuned model from forgetting or learning by rote."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hornbook.base.errors import RecipeError
from hornbook.model.transformer import Transformer
from hornbook.training.batches import Batch, Batches, Windows
from hornbook.training.packing import same_text

Loss = Callable[..., Tensor]


class Mixed:
    """Batches of which some rows are plain text, as in pretraining.

    A model that reads nothing but dialogues forgets how to write
    anything else. In each batch the last rows are replaced.
    """

    def __init__(self, batches: Batches, text: Windows) -> None:
        self.batches, self.text = batches, text

    def __call__(self, step: int) -> Batch:
        """Give a step's dialogues, and beside them its text."""
        batch, text = self.batches(step), self.text(step)
        kept = len(batch["ids"]) - self.text.batch
        one = torch.ones_like(text["ids"])
        text["visible"] = same_text(one)
        return {
            name: torch.cat([table[:kept], text[name]])
            for name, table in batch.items()
        }


def text_rows(batch: int, share: float, section: str) -> int:
    """Count the rows of plain text in a batch.

    Raises:
        RecipeError: there would be none, or nothing but text.
    """
    rows = round(batch * share)
    if not 0 < rows < batch:
        raise RecipeError(
            f"{section}.text_share is {share:g} of {batch} rows, which "
            f"is {rows}; it must leave at least one row to either side"
        )
    return rows


class Noised:
    """Batches that carry, for each row, the seed of its noise."""

    def __init__(self, batches: Batches, seed: int) -> None:
        self.batches, self.seed = batches, seed

    def __call__(self, step: int) -> Batch:
        """Give a step's batch, with seeds that it alone has."""
        batch = self.batches(step)
        chance = np.random.default_rng((self.seed, step, 2))
        seeds = chance.integers(0, 2**62, len(batch["ids"]))
        return {**batch, "noise": torch.from_numpy(seeds)}


def noisy(loss: Loss, alpha: float) -> Loss:
    """Give a loss for which embeddings are disturbed.

    Each number of a vector gets one drawn evenly between plus and
    minus ``alpha`` divided by the root of their count in a row. What
    is learnt then depends less on the very words of the examples.

    Source: jain2024, algorithm 1.
    """

    def disturbed(
        model: Transformer, noise: Tensor, **batch: Tensor
    ) -> Tensor:
        rows, time = batch["ids"].shape
        size = alpha / (time * model.config.width) ** 0.5
        drawn = draw(noise, (time, model.config.width)) * size
        with added(model, drawn.to(batch["ids"].device)):
            return loss(model, **batch)

    return disturbed


def draw(
    seeds: Int[Tensor, " batch"], shape: tuple[int, int]
) -> Float[Tensor, "batch time width"]:
    """Draw numbers from minus one to one, each row by its own seed."""
    dice = torch.Generator()
    rows = [
        torch.rand(shape, generator=dice.manual_seed(int(seed)))
        for seed in seeds
    ]
    return 2 * torch.stack(rows) - 1


@contextmanager
def added(
    model: Transformer, noise: Float[Tensor, "batch time width"]
) -> Iterator[None]:
    """Add noise to a model's embeddings for as long as this lasts."""

    def disturb(_: Any, __: Any, vectors: Tensor) -> Tensor:
        return vectors + noise.to(vectors.dtype)

    hook = model.embedding.register_forward_hook(disturb)
    try:
        yield
    finally:
        hook.remove()
