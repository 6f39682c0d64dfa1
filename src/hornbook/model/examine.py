"""The examination that an attention of your own has to pass."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hornbook.base.errors import RecipeError
from hornbook.model.attention import causal
from hornbook.model.config import ModelConfig
from hornbook.model.init import seeded
from hornbook.model.variant import owned_weights

MOST_PLACES = 24
CLOSE = 1e-4


def examine(attend: Callable[..., Any], config: ModelConfig) -> None:
    """Try an attention on noise, and refuse what would mislead later.

    It must give a vector for every query, keep to what is visible,
    give the same with a cache as at once, and teach all that it reads
    and owns. A mistake in any of these gives a model that trains, and
    whose scores mean nothing.

    Raises:
        RecipeError: says what the attention does.
    """
    if torch.get_default_device().type == "meta":
        return
    time = min(config.context, MOST_PLACES)
    with seeded(0), torch.enable_grad():
        q, k, v = torch.randn(3, 2, config.heads, time, config.head_dim)
        Trial(attend, config.attention, q, k, v).run()


class Trial:
    """One attention, and the noise that it is tried on."""

    def __init__(
        self,
        attend: Callable[..., Any],
        name: str,
        q: Float[Tensor, "batch heads time head_dim"],
        k: Float[Tensor, "batch heads time head_dim"],
        v: Float[Tensor, "batch heads time head_dim"],
    ) -> None:
        self.attend, self.name = attend, name
        self.q, self.k, self.v = q, k, v

    def run(self) -> None:
        """Ask one question after the other."""
        whole = self.ask(self.q, self.k, self.v, None)
        self.causal(whole)
        self.masked()
        self.cached(whole)
        self.learns()

    def ask(
        self,
        q: Float[Tensor, "batch heads queries head_dim"],
        k: Float[Tensor, "batch heads keys head_dim"],
        v: Float[Tensor, "batch heads keys head_dim"],
        visible: Bool[Tensor, "*rest queries keys"] | None,
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """Call the attention; it must give a vector for each query."""
        try:
            y = self.attend(q, k, v, visible)
        except Exception as error:
            raise self.refused(
                f"stops with {type(error).__name__}: {error}; it was "
                f"called with queries {tuple(q.shape)}, keys "
                f"{tuple(k.shape)} and visible "
                f"{None if visible is None else tuple(visible.shape)}"
            ) from error
        shape = tuple(getattr(y, "shape", ()))
        if shape != q.shape:
            raise self.refused(
                f"gives {shape or type(y).__name__} for queries of "
                f"{tuple(q.shape)}; give a vector for every query"
            )
        if not y.isfinite().all():
            raise self.refused(
                "gives numbers that are not finite; does every query "
                "see itself?"
            )
        found: Tensor = y
        return found

    def causal(
        self, whole: Float[Tensor, "batch heads time head_dim"]
    ) -> None:
        """Another last token must leave what is before it alone."""
        q, k, v = (x.clone() for x in (self.q, self.k, self.v))
        for x in (q, k, v):
            x[:, :, -1] = 2.0 - x[:, :, -1]
        after = self.ask(q, k, v, None)[:, :, :-1]
        if not torch.allclose(after, whole[:, :, :-1], atol=CLOSE):
            raise self.refused(
                "lets a place see what comes after it: with another "
                "last token, earlier outputs change; where visible is "
                "None, hide the future"
            )

    def masked(self) -> None:
        """Of two documents in a row, none may see the other."""
        time = self.q.size(2)
        half = torch.arange(time) >= time // 2
        visible = causal(time, time, self.q.device)
        visible &= half == half[:, None]
        rows = visible.expand(len(self.q), 1, time, time)
        before = self.ask(self.q, self.k, self.v, rows)
        k, v = self.k.clone(), self.v.clone()
        k[:, :, ~half], v[:, :, ~half] = 1.0, -1.0
        after = self.ask(self.q, k, v, rows)
        if not torch.allclose(
            after[:, :, half], before[:, :, half], atol=CLOSE
        ):
            raise self.refused(
                "takes from keys that visible hides; in dialogues and "
                "in batches these belong to another text"
            )

    def cached(
        self, whole: Float[Tensor, "batch heads time head_dim"]
    ) -> None:
        """The last queries alone must get what they get among all."""
        time = self.q.size(2)
        for queries in (time, 1):
            last = self.q[:, :, -queries:]
            visible = causal(queries, time, last.device)
            y = self.ask(last, self.k, self.v, visible)
            if not torch.allclose(
                y, whole[:, :, -queries:], atol=CLOSE
            ):
                raise self.refused(
                    f"gives the last {queries} of {time} queries "
                    "another result than all at once; the last query "
                    "stands at the last key, and visible = None is "
                    "the same as the causal mask"
                )

    def learns(self) -> None:
        """Whatever it reads or owns must get a gradient."""
        read = {"q": self.q, "k": self.k, "v": self.v}
        for x in read.values():
            x.requires_grad_()
        weights = read | dict(owned_weights(self.attend))
        y = self.ask(self.q, self.k, self.v, None)
        told: tuple[Tensor | None, ...] = (None,) * len(weights)
        if y.requires_grad:
            goal = (y * torch.randn_like(y)).sum()
            told = torch.autograd.grad(
                goal, list(weights.values()), allow_unused=True
            )
        idle = [
            name
            for name, slope in zip(weights, told, strict=True)
            if slope is None
        ]
        if idle:
            raise self.refused(
                f"makes no use of {', '.join(idle)}, so that what "
                "belongs to it would never learn"
            )

    def refused(self, fault: str) -> RecipeError:
        """Name the attention and say what is wrong with it."""
        return RecipeError(f"the attention {self.name!r} {fault}")
