"""What a recipe says of an adapter; read without torch."""

from typing import Any, Literal

import msgspec

from hornbook.base.errors import RecipeError

Target = Literal[
    "to_q", "to_k", "to_v", "to_out", "gate", "up", "down"
]


class LoraConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The ``[finetune.NAME.lora]`` table of a recipe."""

    rank: int = 8
    """The directions in which each matrix may change."""
    alpha: float = 16.0
    """The change is multiplied by ``alpha / rank``, so that one rate
    serves every rank."""
    targets: tuple[Target, ...] = ()
    """The linear layers of a block that may change; empty is all."""
    dora: bool = False
    """Whether the lengths of a matrix's rows are learnt apart."""
    bits: Literal[0, 4] = 0
    """``4`` holds what does not learn in four bits a number while it
    is trained; 0 leaves it as it is."""
    merged: bool = False
    """Whether the finished folder holds a whole model; else it holds
    the adapter alone, and names its base."""


STEPPING: dict[str, Any] = {"optimizer": "adamw", "lr": 0.005}
"""How an adapter learns, where its recipe does not say.

Muon steps equally far in all directions of a matrix. An adapter's have
few directions to begin with, and their product is what should move.
Of AdamW's rates 0.01 was best on a model 96 wide, and 0.005 close
behind; a wider one wants less.
"""
WIDE: dict[str, Any] = {"optimizer": "adamw", "lr": 0.001}
"""The same for a model from elsewhere, which is seldom so small; of
SmolLM2, 576 wide, measured in ``benchmarks/tuning_sms.py``."""


def with_adapter(table: Any, own: bool) -> Any:
    """Lay a fine-tuning's table over what suits an adapter, if any.

    ``own`` says that its model is one that the run makes itself.

    >>> with_adapter({"lora": {"rank": 4}, "lr": 0.01}, own=False)["lr"]
    0.01
    """
    if isinstance(table, dict) and table.get("lora") is not None:
        return {**(STEPPING if own else WIDE), **table}
    return table


def check(config: LoraConfig, section: str) -> None:
    """Refuse an adapter that cannot be.

    Raises:
        RecipeError: names the key and its bounds.
    """
    if config.rank < 1:
        raise RecipeError(
            f"{section}.rank is {config.rank}; it must be 1 or more"
        )
    if not config.alpha > 0:
        raise RecipeError(
            f"{section}.alpha is {config.alpha}; it must be above 0"
        )
