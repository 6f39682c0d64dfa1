import random

import numpy as np
import pytest
import torch

from hornbook.training.chance import dice, set_dice


def throw() -> tuple[float, ...]:
    """Draw from every source; two draws make one normal number."""
    return (
        float(torch.rand(())),
        random.random(),
        random.gauss(),
        float(np.random.rand()),
        float(np.random.normal()),
    )


@pytest.mark.parametrize("before", range(4))
def test_the_dice_fall_as_they_would_have(before: int) -> None:
    for _ in range(before):
        throw()
    states = {name: state.clone() for name, state in dice().items()}
    expected = [throw() for _ in range(3)]
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(before)
    assert throw() != expected[0]
    set_dice(states)
    assert [throw() for _ in range(3)] == expected
