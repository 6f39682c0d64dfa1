"""A model that waits for weights, which must fit it exactly."""

import math
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from hornbook.base.errors import CorruptFileError
from hornbook.model.config import ModelConfig
from hornbook.model.count import parameters
from hornbook.model.transformer import Transformer

TOKENS, HEAD = "embedding.token_emb.weight", "head.weight"
Shape = tuple[int, ...]


def frame(
    config: ModelConfig, shapes: Mapping[str, Shape], where: Path
) -> Transformer:
    """Build a transformer for weights of these names and shapes.

    Raises:
        CorruptFileError: names the first tensor that does not fit.
    """
    # Refuse a shape whose mere building could fill the memory
    held = sum(map(math.prod, shapes.values()))
    if parameters(config)["total"] > 2 * held:
        raise CorruptFileError(
            f"{where} holds {held:,} numbers, far fewer than the "
            "model that its configuration describes"
        )
    model = Transformer(config)

    # Compare names and shapes
    if config.tied and TOKENS in shapes:
        shapes = {**shapes, HEAD: shapes[TOKENS]}
    wanted = model.state_dict()
    for name in sorted(wanted.keys() ^ shapes.keys()):
        fault = "lacks" if name in wanted else "has an unknown"
        raise CorruptFileError(f"{where} {fault} tensor {name}")
    for name, tensor in wanted.items():
        if tuple(tensor.shape) != shapes[name]:
            raise CorruptFileError(
                f"{where}: tensor {name} has shape {shapes[name]}, and "
                f"the configuration says {tuple(tensor.shape)}"
            )
    return model


def build(
    config: ModelConfig, state: dict[str, Tensor], where: Path
) -> Transformer:
    """Fill a new transformer with weights that must fit exactly.

    Raises:
        CorruptFileError: names the first tensor that does not fit.
    """
    shapes = {name: tuple(t.shape) for name, t in state.items()}
    model = frame(config, shapes, where)
    if config.tied:
        state = {**state, HEAD: state[TOKENS]}
    model.load_state_dict(state)
    return model
