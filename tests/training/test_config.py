from typing import Any

import pytest

from hornbook.base.errors import RecipeError
from hornbook.training.config import TrainingConfig, check


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 0}, {"lr": 0.0}, {"lr": float("nan")},
        {"lr_head": -1.0}, {"lr_embedding": 0.0}, {"keep": 0},
        {"save_seconds": 0.0}, {"sample_seconds": -1.0},
        {"minutes": -1.0}, {"steps": -1}, {"epochs": -0.5},
        {"clip": -1.0}, {"spike": -1.0}, {"evaluations": -1},
        {"weight_decay": -0.1}, {"weight_decay": float("nan")},
        {"beta1": 1.0}, {"beta2": 1.0}, {"momentum": 1.0},
        {"beta1": -0.1}, {"warmup": 1.1}, {"decay": -0.1},
        {"ema": 1.0}, {"ema": -0.1}, {"z_loss": -1e-4},
        {"base_width": -1}, {"z_loss": float("nan")},
        {"final": 2.0}, {"warmup": 0.5, "decay": 0.6},
        {"keep_best": True, "evaluations": 0},
    ],
    ids=str,
)
def test_impossible_settings_are_named(change: dict[str, Any]) -> None:
    check(TrainingConfig(), "pretrain")
    with pytest.raises(RecipeError) as caught:
        check(TrainingConfig(**change), "finetune.chat")
    for name in change:
        assert f"finetune.chat.{name}" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"warmup": 0.0, "decay": 1.0}, {"beta1": 0.0, "momentum": 0.0},
        {"clip": 0.0, "evaluations": 0, "weight_decay": 0.0},
        {"spike": 0.0},
    ],
    ids=str,
)
def test_bounds_belong_to_what_is_allowed(
    change: dict[str, Any],
) -> None:
    check(TrainingConfig(**change), "pretrain")
