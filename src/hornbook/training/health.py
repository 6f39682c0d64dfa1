"""What stops a training, and which tensor was at fault.

The loss of a step is known anyway, and so is the length of its
gradient: to watch them costs nothing. Only once one of them is broken
are weights, layers and gradients searched.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, Literal, Protocol

import msgspec
import torch
from torch import Tensor, nn

from hornbook.base.errors import ModelError
from hornbook.training.batches import Batch, pieces
from hornbook.training.parallel import Alone
from hornbook.training.sharded import number

WINDOW = 100
"""Steps whose losses say what is usual."""
PATIENCE = 20
"""Steps for which the loss must stay away before it is a spike."""
NOISE_NATS = 0.05
"""The least that a loss is taken to vary."""
DEVIATIONS = 1.4826
"""Standard deviations in the median distance from the median."""

Kind = Literal["weight", "activation", "loss", "gradient", "spike"]


class Fault(msgspec.Struct, frozen=True):
    """What was found when a training was stopped."""

    step: int
    """The step that could not be made."""
    kind: Kind
    tensor: str
    """The first that is not finite; in a spike, the steepest weight."""
    value: str
    """The loss of that step."""
    steepest: str
    """The weight with the longest finite gradient."""
    largest_gradient: float
    """The length of that gradient, before it was shortened."""


class Unsound(ModelError):
    """A training that must not go on; nothing broken was saved."""

    def __init__(self, fault: Fault) -> None:
        what = WORDS[fault.kind].format(fault)
        super().__init__(
            f"step {fault.step:,} was not made: {what}. The longest "
            f"gradient, of {fault.steepest or 'no weight'}, measured "
            f"{fault.largest_gradient:.3g}. The last checkpoint is "
            "kept; lower the learning rate, by --set, and begin anew "
            "with --force: 'hornbook diagnose' writes the command"
        )
        self.fault = fault

    @property
    def event(self) -> dict[str, Any]:
        """The line that a log keeps of it."""
        return {"event": "stopped", **msgspec.to_builtins(self.fault)}


WORDS: dict[Kind, str] = {
    "weight": "the weight {0.tensor} is not finite",
    "activation": "the loss became {0.value}, and the first layer to "
    "give what is not finite is {0.tensor}",
    "loss": "the loss became {0.value}, though all layers give finite "
    "numbers; does the batch hold anything to learn from?",
    "gradient": "the loss is {0.value}, but the gradient of "
    "{0.tensor} is not finite",
    "spike": "the loss, {0.value}, rose far above what was usual and "
    "does not come down, which the key spike = 0 would allow",
}


class Watch:
    """Sees from a training's numbers whether it is still sound.

    The usual loss is the median of the last hundred, its spread their
    median distance from it: neither minds a few odd ones.
    """

    def __init__(self, spike: float) -> None:
        self.spike = spike
        self.usual: deque[float] = deque(maxlen=WINDOW)
        self.away: deque[float] = deque(maxlen=PATIENCE)

    @property
    def calm(self) -> bool:
        """Whether the last loss was a usual one."""
        return not self.away

    def recall(self, losses: Sequence[float]) -> None:
        """Take in the losses of a training that goes on."""
        for loss in losses:
            self.spiked(loss)

    def spiked(self, loss: float) -> bool:
        """Take in a loss; say whether it left for good.

        It has if it was far above the usual for ``PATIENCE`` steps,
        and fell by less than a deviation from their first half to
        their second.
        """
        middle, spread = self.normal()
        if not self.spike or loss <= middle + self.spike * spread:
            self.usual.append(loss)
            self.away.clear()
            return False
        self.away.append(loss)
        half, steps = PATIENCE // 2, [*self.away]
        if len(steps) < PATIENCE:
            return False
        return median(steps[:half]) - median(steps[half:]) < spread

    def normal(self) -> tuple[float, float]:
        """Give the usual loss and its spread, in nats."""
        if not self.usual:
            return math.inf, NOISE_NATS
        middle = median(self.usual)
        apart = median(abs(loss - middle) for loss in self.usual)
        return middle, max(DEVIATIONS * apart, NOISE_NATS)


class Training(Protocol):
    """What of a training is looked at when a step is broken."""

    model: nn.Module
    ranks: Alone
    rows: int
    """How many rows are measured at a time; 0 is all."""
    watch: Watch
    length: float
    """The length of the step's gradient, not yet shortened."""

    def measure(self, batch: Batch) -> Tensor:
        """Give the loss of a batch."""


def look(
    training: Training, step: int, loss: float, batch: Batch
) -> None:
    """Stop a step that is not sound before it moves the weights.

    Raises:
        Unsound: names the tensor at fault.
    """
    # Two comparisons, as long as all is well
    finite = math.isfinite(loss) and math.isfinite(training.length)
    if finite and not training.watch.spiked(loss):
        return

    # Search for what was at fault
    steepest, largest = steepest_gradient(training.model)
    kind: Kind = "spike"
    tensor, value = steepest, f"{loss:.4g}"
    if not finite:
        kind, tensor = search(training, batch)
    raise Unsound(Fault(step, kind, tensor, value, steepest, largest))


def search(training: Training, batch: Batch) -> tuple[Kind, str]:
    """Find the first tensor of a broken step that is not finite.

    A broken weight breaks the layers behind it, a broken layer the
    loss, and a broken loss every gradient: so that is the order.
    Several ranks search together, and find the same.
    """
    model = training.model
    weight = broken_weight(model)
    if weight:
        return "weight", weight
    gradient = broken_gradient(model)
    layer, loss = broken_layer(training, batch)
    if layer:
        return "activation", layer
    if not math.isfinite(loss) or not gradient:
        return "loss", ""
    return "gradient", gradient


def broken_weight(model: nn.Module) -> str:
    """Name the first weight that is not finite, if there is one."""
    for name, weight in model.named_parameters():
        if not number(weight.isfinite().all()):
            return name
    return ""


def broken_gradient(model: nn.Module) -> str:
    """Name the last weight whose gradient is not finite."""
    for name, weight in reversed(list(model.named_parameters())):
        if weight.grad is None:
            continue
        if not number(weight.grad.isfinite().all()):
            return name
    return ""


def broken_layer(
    training: Training, batch: Batch
) -> tuple[str, float]:
    """Name the first layer whose output is not finite; give the loss.

    The pass is made once more, uncompiled and without gradients.
    """
    found: list[str] = []
    loss = torch.zeros(())

    def watch(name: str, made: object) -> None:
        if isinstance(made, Tensor) and not made.isfinite().all():
            found.append(name or "the logits")

    hooks = [
        layer.register_forward_hook(
            lambda _layer, _given, made, name=name: watch(name, made)
        )
        for name, layer in training.model.named_modules()
    ]
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            for piece, portion in pieces(batch, training.rows):
                loss = loss + portion * training.measure(piece)
    finally:
        for hook in hooks:
            hook.remove()
    ranks = training.ranks
    return ranks.agree((found or [""])[0]), ranks.mean(loss)


def steepest_gradient(model: nn.Module) -> tuple[str, float]:
    """Name the weight with the longest finite gradient; measure it."""
    lengths = {
        name: number(weight.grad.norm())
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    finite = {k: n for k, n in lengths.items() if math.isfinite(n)}
    steepest = max(finite, key=finite.__getitem__, default="")
    return steepest, finite.get(steepest, 0.0)


def refuse_broken(model: nn.Module, step: int) -> None:
    """Keep a model that is not finite from being saved.

    Raises:
        Unsound: names the weight.
    """
    name = broken_weight(model)
    if name:
        raise Unsound(Fault(step, "weight", name, "", "", 0.0))


@contextmanager
def noted(write: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Let a log keep what stopped its training."""
    try:
        yield
    except Unsound as error:
        write(error.event)
        raise
