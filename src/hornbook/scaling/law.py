"""A scaling law: the loss of a size and an amount of text."""

from typing import Any, overload

import msgspec
import numpy as np
from jaxtyping import Float

FLOPS = 6.0
"""Operations for each parameter and token: two forward, four back."""
TAILS_PERCENT = (2.5, 97.5)


class ScalingLaw(msgspec.Struct, frozen=True, kw_only=True):
    """``L(n, d) = E + A / n**alpha + B / d**beta``, as fitted.

    Units: nats per token, for a model of ``n`` parameters that has
    learned from ``d`` tokens. Which parameters count is the choice of
    whoever gave the points; Hornbook's own sweeps count all of them,
    embeddings included.

    Source: hoffmann2022, equation 2.
    """

    E: float
    """What no model of this kind can save: the loss at infinity."""
    A: float
    B: float
    alpha: float
    beta: float
    interval: dict[str, tuple[float, float]] = {}
    """The 95% interval of each of the five, by bootstrap."""
    identified: bool = False
    """Whether the points settle the five numbers."""
    reason: str = ""
    """Why they do not."""
    offset: float = 0.0
    """Tokens that are added to ``d``. No power law reaches back to the
    first steps, where the loss is that of guessing; in a law of very
    short trainings this bends the curve there."""
    points: int = 0
    spread: float = 0.0
    """The points' root-mean-square miss, as a share of the loss."""
    draws: tuple[tuple[float, ...], ...] = ()
    """E, A, B, alpha and beta of each resample."""

    @overload
    def predict(self, n: float, d: float) -> float: ...

    @overload
    def predict(self, n: np.ndarray, d: Any) -> np.ndarray: ...

    @overload
    def predict(self, n: Any, d: np.ndarray) -> np.ndarray: ...

    def predict(self, n: Any, d: Any) -> Any:
        """Give the loss at ``n`` parameters and ``d`` tokens."""
        data = self.B / (d + self.offset) ** self.beta
        return self.E + self.A / n**self.alpha + data

    def predict_draws(
        self, n: Any, d: Any
    ) -> Float[np.ndarray, "rows columns"]:
        """Give what each resample foretells: a row a resample."""
        columns = np.array(self.draws).T[..., None]
        e, a, b, alpha, beta = columns
        data = b / (np.atleast_1d(d) + self.offset) ** beta
        return np.asarray(e + a / np.atleast_1d(n) ** alpha + data)

    def predict_interval(
        self, n: float, d: float
    ) -> tuple[float, float]:
        """Give the ends of the loss's 95% interval.

        Each resample foretells its own loss, and the points' spread
        is added, since a further training would miss the law as they
        do.
        """
        losses = self.predict_draws(n, d)
        noise = np.random.default_rng(0).normal(size=losses.shape)
        [ends] = quantiles(losses * np.exp(self.spread * noise))
        return ends

    def times(
        self, factor: float, each: Float[np.ndarray, "rows"]
    ) -> "ScalingLaw":
        """Multiply the law by a factor, and its resamples by theirs."""
        draws = np.array(self.draws)
        draws[:, :3] *= each[:, None]
        return msgspec.structs.replace(
            self,
            E=self.E * factor,
            A=self.A * factor,
            B=self.B * factor,
            interval={},
            draws=tuple(map(tuple, draws.tolist())),
        )

    def optimum(self, flops: float) -> tuple[float, float]:
        """Give the parameters and tokens that make best use of flops.

        Along ``flops = 6 n d`` the loss is least where the slopes of
        both terms cancel, ``alpha A / n**alpha = beta B / d**beta``.
        An offset is left out: it matters to short trainings alone.

        Source: hoffmann2022, equation 4.
        """
        product = flops / FLOPS
        ratio = self.alpha * self.A / (self.beta * self.B)
        both = self.alpha + self.beta
        n = ratio ** (1 / both) * product ** (self.beta / both)
        return n, product / n


def quantiles(
    draws: Float[np.ndarray, "rows columns"],
) -> list[tuple[float, float]]:
    """Give the 95% interval of each column."""
    ends = np.percentile(draws, TAILS_PERCENT, axis=0)
    return [(float(low), float(high)) for low, high in ends.T]
