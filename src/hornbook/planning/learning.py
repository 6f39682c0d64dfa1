"""How much of a model a training changes, from the shape alone."""

from math import prod
from typing import get_args

from hornbook.model.config import ModelConfig
from hornbook.model.count import flops_per_token, parameters
from hornbook.model.inventory import after
from hornbook.model.inventory import block as block_tensors
from hornbook.model.memory import Learning
from hornbook.training.config import TrainingConfig
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.lora_config import LoraConfig, Target


def learning(
    model: ModelConfig, config: TrainingConfig
) -> Learning | None:
    """Say what of a model learns; None is all of it.

    A classifier's head is too small to count, and a vocabulary's it
    has none.
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
    each = sum(prod(shape) for shape in block_tensors(c).values())
    behind = sum(
        prod(shape)
        for name, shape in after(c).items()
        if config.method != "classify" or name != "head.weight"
    )
    return Learning(blocks * each + behind, blocks)


def adapter_weights(model: ModelConfig, lora: LoraConfig) -> int:
    """Count the numbers of the adapters in one block."""
    targets = lora.targets or get_args(Target)
    shapes = [
        shape
        for name, shape in block_tensors(model).items()
        if name.endswith("weight") and name.split(".")[-2] in targets
    ]
    both = sum(lora.rank * sum(shape) for shape in shapes)
    return both + lora.dora * sum(shape[0] for shape in shapes)


def operations_per_token(
    model: ModelConfig, config: TrainingConfig
) -> float:
    """Count the operations that a training spends on one token.

    Each weight takes two forward, two where slopes pass through it on
    their way back, and two if it learns itself; of attention's own a
    third is forward and two thirds back. Weights that stay are spared
    the last two, blocks below all that learns the last four.

    Source: kaplan2020, section 2.1, applied to each part.
    """
    whole = flops_per_token(model)
    part = learning(model, config)
    if not part or not isinstance(config, TuningConfig):
        return whole

    # Take attention and the weights of a block apart
    c, counts = model.resolved(), parameters(model)
    head = c.vocab_size * c.width
    inside = counts["attention"] + counts["feed-forward"]
    pairs = (whole - 6 * (inside + head)) / c.layers
    block = inside / c.layers
    if config.method == "classify":
        head = 0

    # Adapters stand beside the weights, and are passed through, too
    beside = part.weights if config.lora else 0
    forward = c.layers * (2 * block + pairs / 3) + 2 * head
    back = part.blocks * (2 * block + 2 / 3 * pairs) + 2 * head
    return forward + back + 4 * beside + 2 * part.weights
