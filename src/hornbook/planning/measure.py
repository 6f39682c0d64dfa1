"""What this machine can do with a model: rows at once, and speed."""

from typing import TYPE_CHECKING

import msgspec

from hornbook.base.machine import memory_available_bytes
from hornbook.base.world import world
from hornbook.model.config import ModelConfig
from hornbook.planning.memory import fit_rows
from hornbook.planning.probe import Probe, probe
from hornbook.training.config import TrainingConfig

if TYPE_CHECKING:
    from hornbook.planning.plan import PlanConfig


def measure(
    shape: ModelConfig, asked: TrainingConfig, config: "PlanConfig"
) -> Probe:
    """See how many rows fit into memory, and how fast steps are.

    Raises:
        RecipeError: not even one row fits.
    """
    from hornbook.training.footprint import footprint
    from hornbook.training.trials import training_step

    def try_rows(rows: int) -> int:
        few = min(asked.batch, 2 * rows)
        tried = msgspec.structs.replace(asked, rows=rows, batch=few)
        return footprint(shape, tried)

    # Find the rows first: a step with too many would end this process
    free = free_bytes()
    rows = fit_rows(shape, asked, free, try_rows)
    resolved = msgspec.structs.replace(asked, rows=rows)
    measured = probe(
        training_step(shape, resolved, config.threads),
        config.threads,
        config.probe_seconds,
    )
    return msgspec.structs.replace(measured, free_bytes=free, rows=rows)


def free_bytes() -> int:
    """What one process may take: its GPU's memory, or its share."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return memory_available_bytes() // world().local_size
