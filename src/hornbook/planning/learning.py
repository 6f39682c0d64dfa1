"""How much of a model a training changes, from the shape alone."""

from math import prod
from typing import get_args

from hornbook.model.config import ModelConfig
from hornbook.model.inventory import after, block
from hornbook.model.memory import Learning
from hornbook.training.config import TrainingConfig
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.lora_config import LoraConfig, Target


def learning(
    model: ModelConfig, config: TrainingConfig
) -> Learning | None:
    """Say what of a model learns; None is all of it.

    The head of a classifier is too small to count.
    """
    if not isinstance(config, TuningConfig):
        return None
    c = model.resolved()
    blocks = min(config.blocks, c.layers) or c.layers
    if config.lora is not None:
        each = adapter_weights(c, config.lora)
        return Learning(blocks * each, blocks)
    if not config.blocks:
        return None
    each = sum(prod(shape) for shape in block(c).values())
    behind = sum(prod(shape) for shape in after(c).values())
    return Learning(blocks * each + behind, blocks)


def adapter_weights(model: ModelConfig, lora: LoraConfig) -> int:
    """Count the numbers of the adapters in one block."""
    targets = lora.targets or get_args(Target)
    shapes = [
        shape
        for name, shape in block(model).items()
        if name.endswith("weight") and name.split(".")[-2] in targets
    ]
    both = sum(lora.rank * sum(shape) for shape in shapes)
    return both + lora.dora * sum(shape[0] for shape in shapes)
