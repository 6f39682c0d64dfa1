from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

Train = Callable[..., Any]


def rows(step: int) -> dict[str, Tensor]:
    """Give sums to learn: each token is the last one plus three."""
    random = torch.Generator().manual_seed(step)
    first = torch.randint(23, (4, 1), generator=random)
    run = (first + 3 * torch.arange(17)) % 23
    return {"ids": run[:, :-1], "targets": run[:, 1:]}


@pytest.fixture
def train_tiny(tmp_path: Path) -> Train:
    """Trains a tiny model in a folder, as pretraining would."""
    from hornbook.model.config import make_config
    from hornbook.model.transformer import Transformer
    from hornbook.training.config import TrainingConfig
    from hornbook.training.loop import Hooks, train
    from hornbook.training.loss import next_token_loss

    def run(
        folder: str = "run",
        steps: int = 12,
        batches: Any = rows,
        objective: Any = next_token_loss,
        evaluate: Any = None,
        sample: Any = None,
        form: str = "nanochat",
        anew: bool = False,
        **settings: Any,
    ) -> tuple[Any, Transformer]:
        shape = make_config(
            form=form, vocab_size=23, layers=1, width=16, heads=2,
            hidden=32, context=16,
        )
        model = Transformer(shape)
        usual = {"precision": "fp32", "compile": "off"}
        config = TrainingConfig(**usual | settings)
        place = tmp_path / folder
        done = train(
            model, objective, batches, config, steps,
            place / "checkpoints", place / "metrics.jsonl",
            {"lr": config.lr, "form": form},
            Hooks(evaluate, sample), anew=anew,
        )
        return done, model

    return run
