"""A few steps of a training, to see how fast it goes."""

from collections.abc import Callable

import torch

from hornbook.model.config import ModelConfig
from hornbook.model.transformer import Transformer
from hornbook.training.config import TrainingConfig
from hornbook.training.loop import Trainer
from hornbook.training.loss import next_token_loss
from hornbook.training.precision import use_threads, wants_compiling


def training_step(
    shape: ModelConfig, config: TrainingConfig, threads: int = 0
) -> Callable[[], int]:
    """Prepare a step on random tokens; it gives their number.

    The step is the one that training makes, compiled if that will be.
    What is compiled here is kept, and costs training no second time.
    """
    use_threads(threads)
    compile = wants_compiling(config, config.minutes * 60)
    model = Transformer(shape)
    trainer = Trainer(model, next_token_loss, config, 1000, compile)
    size = (config.batch, shape.context + 1)
    rows = torch.randint(shape.vocab_size, size)
    batch = {"ids": rows[:, :-1], "targets": rows[:, 1:]}

    def step() -> int:
        trainer.update(batch)
        return batch["ids"].numel()

    return step
