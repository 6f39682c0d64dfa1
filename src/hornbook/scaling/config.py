"""What the user may choose about the scaling sweep."""

import msgspec

from hornbook.base.errors import RecipeError


class ScalingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The recipe's ``[scaling]``: small trainings before the large."""

    on: bool = True
    """Whether the road has this stage."""
    minutes: float = 1.5
    """Wall-clock minutes for all trials together."""
    steps: int = 0
    """About how many updates the longest trials make; 0 leaves that
    to ``minutes``."""
    sizes: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Widths and depths, as shares of the model's own."""
    budgets: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Tokens, as shares of the most that a size is given."""
    seeds: int = 1
    """Trainings of each cell."""
    heldout_bytes: int = 100_000
    """Held-out text that a trial is measured on: the first of it."""


def check(config: ScalingConfig) -> None:
    """Refuse settings with which nothing can be tried.

    Raises:
        RecipeError: names the key and what it must be.
    """
    least = {"steps": 0, "seeds": 1, "heldout_bytes": 1}
    for name, bound in least.items():
        value = getattr(config, name)
        if not value >= bound:
            raise RecipeError(
                f"scaling.{name} is {value}; it must be {bound} or more"
            )
    if not 0 < config.minutes < 1e6:
        raise RecipeError(
            f"scaling.minutes is {config.minutes}; it must be above 0 "
            "(scaling.on = false leaves the stage out)"
        )
    for name in ("sizes", "budgets"):
        shares = getattr(config, name)
        if not shares or not all(0 < share <= 1 for share in shares):
            raise RecipeError(
                f"scaling.{name} is {list(shares)}; it must be shares "
                "above 0 and at most 1"
            )
