"""The type checker that the shape hook puts round our functions."""

import typing
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

# An int may stand for a float, as in every other type checker
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(thing: Callable[..., Any]) -> Callable[..., Any]:
    """Check a function's arguments and result whenever it is called."""
    for hint in getattr(thing, "__annotations__", {}).values():
        open_protocols(hint)
    return checked(thing)


def open_protocols(hint: Any) -> None:
    """Let protocols be checked by the names of their methods."""
    if getattr(hint, "_is_protocol", False) and isinstance(hint, type):
        typing.runtime_checkable(hint)
    for inner in typing.get_args(hint):
        open_protocols(inner)
