"""The cache: what a model remembers of the tokens it has read."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hornbook.base.errors import ModelError
from hornbook.model.config import ModelConfig


class Cache:
    """Keys and values of every layer, filled from the left.

    With it a new token costs one place's work instead of the whole
    text's; the logits stay the same.
    """

    def __init__(
        self,
        config: ModelConfig,
        batch: int = 1,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        shape = (
            config.layers,
            batch,
            config.kv_heads,
            config.context,
            config.head_dim,
        )
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros_like(self.keys)
        self.length = 0
        self.last: Int[Tensor, "batch 1"] | None = None
        """The token of each row that was read last."""

    def extend(
        self,
        layer: int,
        k: Float[Tensor, "batch kv_heads time head_dim"],
        v: Float[Tensor, "batch kv_heads time head_dim"],
    ) -> tuple[
        Float[Tensor, "batch kv_heads all_time head_dim"],
        Float[Tensor, "batch kv_heads all_time head_dim"],
    ]:
        """Add new keys and values to a layer; give all there are.

        Raises:
            ModelError: the context is full.
        """
        stop = self.length + k.size(2)
        if stop > self.keys.size(3):
            raise ModelError(
                f"the text has {stop} tokens and the model's context "
                f"holds {self.keys.size(3)}; shorten it or start anew"
            )
        self.keys[layer, :, :, self.length : stop] = k
        self.values[layer, :, :, self.length : stop] = v
        return (
            self.keys[layer, :, :, :stop],
            self.values[layer, :, :, :stop],
        )

    def keep(self, rows: list[int]) -> None:
        """Forget all rows of the batch but these."""
        self.keys = self.keys[:, rows]
        self.values = self.values[:, rows]
        self.last = None if self.last is None else self.last[rows]

    def advance(self, ids: Int[Tensor, "batch time"]) -> None:
        """Count the tokens that every layer has now seen."""
        self.length += ids.size(1)
        self.last = ids[:, -1:]
