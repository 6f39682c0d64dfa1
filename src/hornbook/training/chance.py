"""The sources of chance: saved, so that the dice fall as they would."""

import random

import numpy as np
import torch
from torch import Tensor


def dice() -> dict[str, Tensor]:
    """Give the states of torch's, Python's and NumPy's generators.

    Our own training draws from torch's alone. An attention or an
    objective of yours may draw from any of them.
    """
    _, words, spare = random.getstate()
    state = np.random.get_state(legacy=False)
    assert isinstance(state, dict)
    key, place = state["state"]["key"], state["state"]["pos"]
    found = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor(words),
        "python.spare": numbers(spare is not None, spare or 0.0),
        "numpy": torch.tensor([*key.tolist(), place]),
        "numpy.spare": numbers(state["has_gauss"], state["gauss"]),
    }
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state()
    return found


def set_dice(states: dict[str, Tensor]) -> None:
    """Put back what ``dice`` gave."""
    torch.set_rng_state(states["torch"])
    words = tuple(states["python"].tolist())
    has, spare = states["python.spare"].tolist()
    random.setstate((3, words, spare if has else None))
    *key, place = states["numpy"].tolist()
    has, spare = states["numpy.spare"].tolist()
    twister = np.array(key, np.uint32)
    np.random.set_state(
        ("MT19937", twister, place, int(has), spare)
    )
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def numbers(*values: float) -> Tensor:
    """Give numbers as a tensor that keeps every digit."""
    return torch.tensor(values, dtype=torch.float64)
