"""Several processes: one training, shared out over ranks.

torchrun starts the processes and gives each its rank. Every rank runs
the same loop and takes its own rows of every batch, so that together
they learn what one process would have learned, to rounding. The first
rank writes, measures and decides; the others follow.
"""

import copy
import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from hornbook.base.errors import DiskError, RankError, RecipeError
from hornbook.base.world import World, world
from hornbook.training import checkpoint
from hornbook.training.batches import Batch
from hornbook.training.checkpoint import Snapshot
from hornbook.training.config import TrainingConfig
from hornbook.training.saving import Saver
from hornbook.training.sharded import number, save_parts
from hornbook.training.tensors import DICE

PATIENCE = timedelta(days=7)
"""How long ranks wait for the first, which may be curating text."""
COMMAND = "torchrun --nproc-per-node=2 -m hornbook run RECIPE"

Objective = Callable[..., Tensor]
Take = Callable[..., Snapshot]
T = TypeVar("T")


class Alone:
    """One process, which does all of it."""

    first = True
    """Whether this rank writes, measures and decides."""
    size = 1
    """How many ranks there are."""

    def spread(
        self, model: nn.Module, objective: Objective
    ) -> tuple[nn.Module, Objective]:
        """Give the model that is trained here, and its objective."""
        return model, objective

    def mean(self, loss: Tensor) -> float:
        """Give the loss of the whole batch."""
        return number(loss)

    def decide(self, yes: bool) -> bool:
        """Let the first rank decide for all."""
        return yes

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first rank go ahead, and the others after it."""
        yield

    def seen(
        self, hook: Callable[[], T] | None, nothing: T
    ) -> Callable[[], T] | None:
        """Give a hook that sees whole weights, on the first rank."""
        return hook

    def gather(self) -> None:
        """Put the trained weights into the model that was given."""

    def agree(self, name: str) -> str:
        """Give a name that some rank found, or none."""
        return name

    def save(self, saver: Saver, step: int, take: Take) -> None:
        """Have a checkpoint written, unless this step's stands."""
        saver.save(step, take)


class Averaging(Alone):
    """Every rank holds the model; the gradients are averaged (DDP).

    Each rank sends and receives about twice the gradient in a step,
    while backpropagation is still at work. Optimisers do the same on
    every rank, so that the weights stay equal.

    Source: li2020, section 3.
    """

    def __init__(self) -> None:
        self.here = world()
        self.first, self.size = self.here.rank == 0, self.here.size

    def spread(
        self, model: nn.Module, objective: Objective
    ) -> tuple[nn.Module, Objective]:
        """Give the model, and the loss of this rank's rows."""
        lesson = DistributedDataParallel(Lesson(model, objective))
        return model, self.shared(lesson)

    def shared(self, lesson: nn.Module) -> Objective:
        """Weigh a rank's loss by its share of the batch's targets."""

        def objective(model: nn.Module, **batch: Tensor) -> Tensor:
            mine = rows(batch, self.here)
            share = count(mine) / count(batch) * self.size
            loss: Tensor = lesson(**mine) * share
            return loss

        return objective

    def mean(self, loss: Tensor) -> float:
        """Give the loss of the whole batch: the mean over the ranks."""
        total = loss.detach().clone()
        dist.all_reduce(total)
        return float(total) / self.size

    def decide(self, yes: bool) -> bool:
        """Let the first rank decide for all."""
        said = torch.tensor(yes)
        dist.broadcast(said, 0)
        return bool(said)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first rank go ahead, and the others after it."""
        if not self.first:
            self.decide(True)
        yield
        if self.first:
            self.decide(True)
        self.meet()

    def meet(self) -> None:
        """Wait until every rank has come here."""
        dist.all_reduce(torch.zeros(1))

    def seen(
        self, hook: Callable[[], T] | None, nothing: T
    ) -> Callable[[], T] | None:
        """Give a hook that sees whole weights, on the first rank."""
        if hook is None:
            return None

        def show() -> T:
            self.gather()
            return hook() if self.first else nothing

        return show

    def agree(self, name: str) -> str:
        """Give the name that the first rank to have one found."""
        found = [""] * self.size
        dist.all_gather_object(found, name)
        return next(filter(None, found), "")

    def save(self, saver: Saver, step: int, take: Take) -> None:
        """Have a checkpoint written: the first rank has all of it."""
        if self.first:
            saver.save(step, take)


class Sharding(Averaging):
    """Every rank holds a part of each weight (FSDP2).

    A block's weights are put together when it is reached and dropped
    when it is left; a gradient is averaged into the parts, and the
    optimisers move and remember parts alone. A step sends the weights
    twice and the gradients once, half as much again as averaging.

    The model that was given stays whole on the first rank, which
    measures and samples with it: that one must have room for it.

    Source: rajbhandari2020, section 5, its third stage.
    """

    def spread(
        self, model: nn.Module, objective: Objective
    ) -> tuple[nn.Module, Objective]:
        """Give a model in parts, and the loss of this rank's rows."""
        # Divide a copy: each block by itself, then what is left
        quieten()
        parts = copy.deepcopy(model)
        for block in parts.get_submodule("blocks").children():
            fully_shard(block)
        lesson = Lesson(parts, objective)
        fully_shard(lesson)

        # Keep the whole where it is looked at
        self.whole, self.parts = model, parts
        if not self.first:
            model.to("meta")
        return parts, self.shared(lesson)

    @torch.no_grad()
    def gather(self) -> None:
        """Put the trained weights into the model that was given."""
        pairs = zip(
            self.whole.parameters(),
            self.parts.parameters(),
            strict=True,
        )
        for whole, part in pairs:
            assert isinstance(part, DTensor)
            full = part.full_tensor()
            if self.first:
                whole.copy_(full)

    def save(self, saver: Saver, step: int, take: Take) -> None:
        """Write a checkpoint: all ranks together, then they go on."""
        if self.decide(saver.newest != step):
            taken = take(copy=dict)
            saver.save_here(step, partial(self.write, taken))

    def write(
        self, taken: Snapshot, folder: Path, keep: int, keep_best: bool
    ) -> int:
        """Write a rank's own parts; give the step.

        Raises:
            DiskError: some rank could not write; nothing is changed.
        """
        # The first rank's dice are those that fall again
        memory = {
            name: tensor
            for name, tensor in taken.memory.items()
            if self.first or not name.startswith(DICE)
        }
        with self.folder(taken, folder) as fresh:
            save_parts({**taken.weights, **memory}, fresh)
        if self.first:
            checkpoint.make_room(folder, keep, keep_best)
        return taken.progress.step

    @contextmanager
    def folder(self, taken: Snapshot, folder: Path) -> Iterator[Path]:
        """Give all ranks one new folder, which is whole or absent."""
        said: list[Path | None] = [None]
        with ExitStack() as opened:
            try:
                if self.first:
                    fresh = checkpoint.new_folder(taken, folder)
                    said = [opened.enter_context(fresh)]
            finally:
                dist.broadcast_object_list(said)
            if said[0] is None:
                raise DiskError(
                    f"{folder} cannot be written by the first process"
                )
            yield said[0]


class Lesson(nn.Module):
    """A model and its objective as one, so that its loss is a pass."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, **batch: Tensor) -> Tensor:
        """Give the loss of some rows."""
        return self.objective(self.model, **batch)


def rows(batch: Batch, here: World) -> Batch:
    """Take a rank's rows of a batch: equally many for each.

    >>> batch = {"ids": torch.arange(4)}
    >>> rows(batch, World(rank=1, size=2))
    {'ids': tensor([2, 3])}
    """
    return {
        name: tensor.chunk(here.size)[here.rank]
        for name, tensor in batch.items()
    }


def count(batch: Batch) -> Tensor:
    """Count the targets of some rows, without waiting for them."""
    return (batch["targets"] >= 0).sum()


def quieten() -> None:
    """Silence a notice that processors trade rows the long way."""
    logging.getLogger("torch.distributed.tensor").setLevel(
        logging.ERROR
    )


def check(config: TrainingConfig) -> None:
    """Refuse a training that these processes cannot share.

    Raises:
        RecipeError: says what to change, or what to type.
    """
    here = world()
    if config.parallel == "none" and here.size > 1:
        raise RecipeError(
            f"torchrun started {here.size} processes, and the recipe "
            "has work for one; set pretrain.parallel to 'ddp' or "
            "'fsdp', or run it without torchrun"
        )
    if config.parallel != "none" and not here.launched:
        raise RecipeError(
            f"pretrain.parallel is {config.parallel!r}, which takes "
            f"several processes; type: {COMMAND}, or add "
            "--set pretrain.parallel=none"
        )
    if config.batch % here.size:
        raise RecipeError(
            f"pretrain.batch is {config.batch} rows, which "
            f"{here.size} processes cannot share evenly; choose a "
            f"multiple of {here.size}"
        )
    gpus = torch.cuda.device_count()
    if config.parallel != "none" and 0 < gpus < here.local_size:
        raise RecipeError(
            f"torchrun started {here.local_size} processes on a "
            f"machine with {gpus} GPUs; give --nproc-per-node={gpus}"
        )


def share_out(config: TrainingConfig) -> Alone:
    """Give this process its part in a training.

    Raises:
        RecipeError: these processes cannot share it.
    """
    if config.parallel != "none":
        check(config)
    return PARALLEL[config.parallel]()


@contextmanager
def joined() -> Iterator[None]:
    """Meet the other processes, and part from them at the end.

    Raises:
        RankError: one of them ended before its time.
    """
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(world().local_rank)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield
    except RuntimeError as error:
        known = isinstance(error, dist.DistError)
        if not known and "gloo" not in str(error):
            raise
        raise RankError(
            "another process of this training ended, so this one "
            "stops; what is wrong stands above or in that one's "
            "output, and the same command goes on from the last "
            "checkpoint"
        ) from error

    # Let go of what holds on to the others, so that threads end here:
    # one that is still at work when Python ends aborts the process
    gc.collect()
    dist.destroy_process_group()


PARALLEL: dict[str, Callable[[], Alone]] = {
    "none": Alone,
    "ddp": Averaging,
    "fsdp": Sharding,
}
