"""An attention of your own: built, and its weights counted."""

import inspect
from functools import partial
from typing import Any

from hornbook.base.errors import RecipeError
from hornbook.model.config import STOCK, ModelConfig
from hornbook.model.own_code import Attend, entry_of, settle

Shape = tuple[int, ...]


def build(config: ModelConfig, layer: int) -> Attend:
    """Give one layer's attention; try one of your own at the first.

    Raises:
        RecipeError: there is none, or it fails its examination.
    """
    entry = entry_of(config)
    if config.attention in STOCK:
        return entry
    attend = make(entry, config, layer)
    if layer == 0:
        from hornbook.model.examine import examine

        examine(attend, config)
    return attend


def make(entry: Any, config: ModelConfig, layer: int) -> Attend:
    """Build a class, or bind a function to its options.

    Raises:
        RecipeError: the class cannot be built.
    """
    call: Attend = entry
    options = config.options
    if not inspect.isclass(entry):
        return partial(call, **options) if options else call
    try:
        built: Attend = call(config, layer, **options)
    except Exception as error:
        raise RecipeError(
            f"the attention {config.attention!r} cannot be built: "
            f"{type(error).__name__}: {error}"
        ) from error
    return built


def own_weights(config: ModelConfig) -> dict[str, Shape]:
    """Name the weights that an attention of your own has in a layer.

    Raises:
        RecipeError: the layers have not the same ones.
    """
    if config.attention in STOCK:
        return {}
    config = settle(config)
    entry = entry_of(config)
    if not inspect.isclass(entry):
        return {}
    first, last = (
        {
            name: tuple(weight.shape)
            for name, weight in owned_weights(attend)
        }
        for attend in (
            make(entry, config, 0),
            make(entry, config, config.layers - 1),
        )
    )
    if first != last:
        raise RecipeError(
            f"the attention {config.attention!r} has other weights in "
            "the last layer than in the first; give all layers equal "
            "ones"
        )
    return first


def owned_weights(attend: Attend) -> list[tuple[str, Any]]:
    """List the weights that an attention owns."""
    return list(getattr(attend, "named_parameters", list)())
