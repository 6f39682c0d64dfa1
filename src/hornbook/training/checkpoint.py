"""Checkpoints: a training that was stopped, on disk."""

import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from torch import nn

from hornbook.base.console import console
from hornbook.base.errors import (
    CorruptFileError,
    DiskError,
    RecipeError,
)
from hornbook.base.store import (
    atomic_folder,
    digest_file,
    digest_json,
    flush,
    need_disk,
    read_json,
    remove_folder,
    sweep,
    write_json,
)
from hornbook.model.exchange import save_tensors
from hornbook.training.optimizers import Optimizer
from hornbook.training.tensors import (
    MEMORY,
    WEIGHTS,
    Tensors,
    copied,
    fill,
    named_dice,
    named_memory,
    named_weights,
    restore,
)

STATE = "state.json"
FORMAT = 2
"""Grows when a checkpoint of before can no longer be read."""


class Progress(msgspec.Struct, forbid_unknown_fields=True):
    """How far a training has come."""

    step: int = 0
    """Updates made."""
    tokens: int = 0
    """Tokens that were learnt from."""
    seconds: float = 0.0
    """Time spent on updates alone."""
    other_seconds: float = 0.0
    """Time spent compiling, measuring, sampling and saving."""
    heldout_loss: float | None = None
    """Nats per held-out token, where this very step was measured."""


class State(msgspec.Struct, frozen=True):
    """What a checkpoint says about itself."""

    progress: Progress
    asked: dict[str, Any]
    """What the training depends on."""
    digests: dict[str, str]
    """The digests of its other files."""
    seal: str = ""
    """The digest of all that stands above."""

    def sealed(self) -> str:
        """Digest what the state says."""
        told = msgspec.to_builtins(self)
        del told["seal"]
        return digest_json(told)


class Snapshot(msgspec.Struct, frozen=True):
    """A copy of all that a training needs to go on."""

    progress: Progress
    asked: dict[str, Any]
    weights: Tensors
    memory: Tensors
    """What the optimisers remember, and the states of the dice."""


def snapshot(
    model: nn.Module,
    optimizers: list[Optimizer],
    progress: Progress,
    asked: dict[str, Any],
    copy: Callable[[Tensors], Tensors] = copied,
) -> Snapshot:
    """Copy a training as it stands after a step.

    The copy lies in the processor's memory, and training may go on
    while it is written.
    """
    return Snapshot(
        progress=msgspec.structs.replace(progress),
        asked={**asked, "format": FORMAT},
        weights=copy(named_weights(model)),
        memory=copy({**named_memory(optimizers), **named_dice()}),
    )


def write(
    taken: Snapshot, folder: Path, keep: int, keep_best: bool = False
) -> int:
    """Write ``step-NNNNNNN``, whole or not at all; give its step.

    Only when it has reached the disk are older ones deleted: all but
    the last ``keep``, and the best on held-out text if asked for.

    Raises:
        DiskError: it cannot be written; what stood before stands.
    """
    files = {WEIGHTS: taken.weights, MEMORY: taken.memory}
    with new_folder(taken, folder) as fresh:
        for name, tensors in files.items():
            save_tensors(tensors, fresh / name)
            flush(fresh / name)
    make_room(folder, keep, keep_best)
    return taken.progress.step


@contextmanager
def new_folder(taken: Snapshot, folder: Path) -> Iterator[Path]:
    """Give a folder for a snapshot's files; describe and keep it.

    Raises:
        DiskError: it cannot be written; what stood before stands.
    """
    tensors = [*taken.weights.values(), *taken.memory.values()]
    bulk = sum(t.numel() * t.element_size() for t in tensors)
    place = folder / f"step-{taken.progress.step:07}"
    try:
        need_disk(folder, bulk + 1_000_000)
        with atomic_folder(place) as fresh:
            yield fresh
            describe(taken, fresh)
        flush(folder)
    except OSError as error:
        raise DiskError(
            f"{place} could not be written ({error.strerror}); see "
            "that its folder is there and can be written to"
        ) from error


def describe(taken: Snapshot, fresh: Path) -> None:
    """Write what a checkpoint is, so that damage can be told."""
    files = sorted(fresh.glob("*.safetensors"))
    digests = {file.name: digest_file(file) for file in files}
    state = State(taken.progress, taken.asked, digests)
    state = msgspec.structs.replace(state, seal=state.sealed())
    write_json(fresh / STATE, msgspec.to_builtins(state))


def make_room(folder: Path, keep: int, keep_best: bool) -> None:
    """Remove the checkpoints that are no longer asked for."""
    best = find_best(folder) if keep_best else None
    for old in found(folder)[:-keep]:
        # What cannot be deleted now can be after the next save
        with suppress(OSError):
            if old != best:
                remove_folder(old)


def found(folder: Path) -> list[Path]:
    """List the whole checkpoints of a folder, oldest first."""
    return sorted(p for p in folder.glob("step-*") if p.is_dir())


def find_best(folder: Path) -> Path | None:
    """Find the checkpoint where held-out text was cheapest."""
    losses = {place: heldout_loss(place) for place in found(folder)}
    best = min(losses, key=losses.__getitem__, default=None)
    return best if best and losses[best] < math.inf else None


def heldout_loss(place: Path) -> float:
    """Give what was measured at a checkpoint's step, or infinity."""
    try:
        loss = read_state(place).progress.heldout_loss
    except CorruptFileError:
        return math.inf
    return loss if loss is not None and loss < math.inf else math.inf


def resume(
    folder: Path,
    model: nn.Module,
    optimizers: list[Optimizer],
    asked: dict[str, Any],
) -> Progress:
    """Put the newest whole checkpoint back; give where it stopped.

    A damaged one is set aside, with a warning, for the one before it:
    that costs time and changes no loss.

    Raises:
        RecipeError: an unfinished training was asked for otherwise.
        CorruptFileError: no checkpoint is whole; names what is wrong
            with the newest, and the remedy.
    """
    sweep(folder)
    wished = {**asked, "format": FORMAT}
    damaged: list[tuple[Path, CorruptFileError]] = []
    for place in reversed(found(folder)):
        try:
            state = read_state(place)
            if state.asked != wished:
                _give_way(folder, place, state, wished)
                return Progress()
            inspect(place, state)
        except CorruptFileError as error:
            damaged.append((place, error))
            continue
        for other, fault in damaged:
            _set_aside(other, fault, place)
        restore(model, optimizers, place)
        return state.progress
    if damaged:
        raise CorruptFileError(
            f"{damaged[0][1]}; no whole checkpoint stands beside it: "
            "begin anew with --force"
        )
    return Progress()


def read_state(place: Path) -> State:
    """Read what a checkpoint says about itself.

    Raises:
        CorruptFileError: the file is missing or was changed.
    """
    file = place / STATE
    try:
        state = msgspec.convert(read_json(file), State)
    except (CorruptFileError, msgspec.ValidationError) as error:
        raise CorruptFileError(f"{file} is damaged") from error
    # A checkpoint of before has no seal, and is refused by its format
    sealed = state.seal or "format" in state.asked
    if sealed and state.seal != state.sealed():
        raise CorruptFileError(f"{file} is damaged")
    return state


def inspect(place: Path, state: State) -> None:
    """See that a checkpoint's files are as they were written.

    Raises:
        CorruptFileError: names the file that is missing or damaged.
    """
    for name, digest in state.digests.items():
        file = place / name
        if not file.is_file() or digest_file(file) != digest:
            raise CorruptFileError(f"{file} is damaged")


def load_best(folder: Path, model: nn.Module) -> Progress | None:
    """Put the best checkpoint's weights into a model, if one stands.

    Raises:
        CorruptFileError: a file of it is missing or damaged.
    """
    place = find_best(folder)
    if place is None:
        return None
    state = read_state(place)
    inspect(place, state)
    fill(named_weights(model), place / WEIGHTS)
    return state.progress


def clear(folder: Path) -> None:
    """Remove every checkpoint of a folder."""
    for old in [*found(folder), *folder.glob("damaged-step-*")]:
        remove_folder(old)


def _set_aside(
    place: Path, fault: CorruptFileError, before: Path
) -> None:
    """Rename a damaged checkpoint, and say what is done instead."""
    aside = place.with_name(f"damaged-{place.name}")
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(place, aside)
    console.warn(
        f"{fault}; it was renamed to {aside.name}, and the training "
        f"goes on from {before.name}, with the same losses"
    )


def _give_way(
    folder: Path, place: Path, state: State, asked: dict[str, Any]
) -> None:
    """Clear away a finished training of other settings.

    Raises:
        RecipeError: it is not finished; says what was changed.
    """
    wished = state.asked.get("steps")
    if not isinstance(wished, int) or state.progress.step < wished:
        raise RecipeError(_difference(place, state.asked, asked))
    clear(folder)


def _difference(
    checkpoint: Path, before: dict[str, Any], asked: dict[str, Any]
) -> str:
    """Say what was changed under an unfinished training."""
    changed = [
        f"{WORDS.get(key, key)} was {before.get(key)!r} and is now "
        f"{asked.get(key)!r}"
        for key in sorted({*before, *asked})
        if before.get(key) != asked.get(key)
    ]
    return (
        f"{checkpoint} belongs to a training that was asked for "
        f"otherwise: {'; '.join(changed)}; change it back to go on, or "
        "begin anew with --force"
    )


WORDS = {
    "data": "the digest of the training text",
    "source": "the digest of Hornbook's source",
    "still": "the digest of the weights that do not learn",
    "format": "the format of checkpoints",
}
