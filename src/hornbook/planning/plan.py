"""The plan of a run: every choice that depends on the machine."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hornbook.base.console import clock
from hornbook.base.errors import CorruptFileError, RecipeError
from hornbook.base.machine import Machine, cores
from hornbook.base.store import size, write_bytes
from hornbook.model.config import ModelConfig
from hornbook.model.count import flops_per_token, parameters
from hornbook.planning.budget import Budget, budget, bytes_per_token
from hornbook.planning.memory import fit_rows
from hornbook.planning.probe import Probe
from hornbook.scaling.forecast import Forecast, foretell_by_prior
from hornbook.scaling.prior import load_prior
from hornbook.training.config import TrainingConfig
from hornbook.tuning.config import TuningConfig, row_tokens

FILE = "plan.json"
PRETRAIN = "pretrain"

MOST_EPOCHS = 4.0
LEAST_TOKENS_PER_PARAMETER = 1.0
LEAST_STEPS = 100


class PlanConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The recipe's ``[plan]``."""

    threads: int = 0
    """Threads that compute; 0 takes every core."""
    probe_seconds: float = 4.0
    """How long training steps are tried before the plan is made."""
    price_per_hour: float = 0.0
    """What an hour of this machine costs, in any currency."""

    def __post_init__(self) -> None:
        """Refuse negative numbers."""
        for name in self.__struct_fields__:
            if getattr(self, name) < 0:
                raise ValueError(f"{name!r} cannot be negative")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run will do and cost, resolved once and then kept.

    A run that goes on after a stop, or is made again from its folder,
    takes its steps, batches and threads from here, so that it does
    the same work on a day when the machine is slower.
    """

    machine: Machine
    probe: Probe
    threads: int
    parameters: int
    """Trained numbers of the model."""
    flops_per_token: float
    """Operations to learn from one token."""
    context: int
    """The most tokens that the model looks at."""
    vocab_size: int
    text_bytes: int = 0
    """The training text in UTF-8; 0 while it is not known."""
    text_tokens: int = 0
    """Its tokens; estimated until they are made."""
    trainings: dict[str, Budget] = {}
    """``pretrain``, then each fine-tuning."""
    forecast: Forecast | None = None
    """What held-out text will cost after pretraining: a prior, until
    the run's own small trainings give a better one."""
    asked_steps: int = 0
    """The recipe's ``pretrain.steps``; 0 where minutes gave them."""
    warnings: tuple[str, ...] = ()

    @property
    def pretrain(self) -> Budget:
        """The cost of the pretraining."""
        return self.trainings[PRETRAIN]

    @property
    def seconds(self) -> float:
        """The wall-clock time of all trainings together."""
        return sum(each.seconds for each in self.trainings.values())

    @property
    def memory_bytes(self) -> int:
        """The most memory that any training holds."""
        return max(e.memory_bytes for e in self.trainings.values())

    @property
    def disk_bytes(self) -> int:
        """What the run leaves on disk: text, tokens, checkpoints."""
        trained = sum(e.disk_bytes for e in self.trainings.values())
        return trained + 3 * self.text_bytes

    @property
    def price(self) -> float:
        """The price of all trainings together."""
        return sum(each.price for each in self.trainings.values())


def make_plan(
    model: ModelConfig,
    trainings: Mapping[str, TrainingConfig],
    machine: Machine,
    probe: Probe,
    config: PlanConfig | None = None,
    text_bytes: int = 0,
    text_tokens: int = 0,
) -> Plan:
    """Resolve what a recipe leaves to the machine.

    ``trainings`` hold ``pretrain``; uncounted tokens are estimated.

    Raises:
        RecipeError: a training has no length, or no room in memory.
    """
    config, shape = config or PlanConfig(), model.resolved()
    each_bytes = bytes_per_token(shape.vocab_size)
    text_tokens = text_tokens or int(text_bytes / each_bytes)

    # Give each training its steps and costs
    costs: dict[str, Budget] = {}
    price = config.price_per_hour
    for name, training in trainings.items():
        read = text_tokens if name == PRETRAIN else 0
        costs[name] = cost(name, shape, training, probe, read, price)

    # Put all together, and look it over
    plan = Plan(
        machine=machine,
        probe=probe,
        threads=config.threads or probe.threads or cores(),
        parameters=parameters(shape)["total"],
        flops_per_token=flops_per_token(shape),
        context=shape.context,
        vocab_size=shape.vocab_size,
        text_bytes=text_bytes,
        text_tokens=text_tokens,
        trainings=costs,
        forecast=first_forecast(shape, costs[PRETRAIN]),
        asked_steps=trainings[PRETRAIN].steps,
    )
    return msgspec.structs.replace(plan, warnings=tuple(warnings(plan)))


def cost(
    name: str,
    shape: ModelConfig,
    training: TrainingConfig,
    probe: Probe,
    text_tokens: int,
    price: float,
) -> Budget:
    """Give one training its rows, its steps and all that they cost.

    Raises:
        RecipeError: it has no length, or no room in memory.
    """
    check_length(name, training)
    seen = shape_of_rows(shape, training)
    speed = probe.tokens_per_second
    rows = find_rows(name, seen, training, probe)
    return budget(seen, training, speed, text_tokens, price, rows)


def shape_of_rows(
    shape: ModelConfig, training: TrainingConfig
) -> ModelConfig:
    """Give the shape as a training sees it: with rows of its own."""
    if not isinstance(training, TuningConfig):
        return shape
    if training.method == "classify":
        return shape
    return msgspec.structs.replace(
        shape, context=row_tokens(training, shape.context)
    )


def find_rows(
    name: str,
    shape: ModelConfig,
    training: TrainingConfig,
    probe: Probe,
) -> int:
    """Take the rows that were measured, or those that should fit."""
    if name == PRETRAIN and probe.rows:
        return probe.rows
    return fit_rows(shape, training, probe.free_bytes)


def first_forecast(
    shape: ModelConfig, cost: Budget
) -> Forecast | None:
    """Foretell the pretraining by other runs, if its length is known.

    Their law is carried over by how much text a token holds, which is
    estimated from the vocabulary.
    """
    if not cost.tokens:
        return None
    each_bytes = bytes_per_token(shape.vocab_size)
    ratio = each_bytes / bytes_per_token(load_prior().vocab_size)
    count = parameters(shape)["total"]
    return foretell_by_prior(count, cost.tokens, ratio)


def check_length(name: str, training: TrainingConfig) -> None:
    """Refuse a training that would never end, or never begin."""
    if not (training.steps or training.minutes or training.epochs):
        raise RecipeError(
            f"{name} has neither steps, minutes nor epochs; set one of "
            f"them, for instance {name}.minutes = 10"
        )


def warnings(plan: Plan) -> Iterator[str]:
    """Say what a careful friend would say before the run begins.

    The order of magnitude of tokens per parameter is Chinchilla's, 20,
    for a model as good as its operations allow; small models that are
    trained for minutes do best with far fewer, so the warning is low.

    Source: hoffmann2022, section 3.
    """
    cost = plan.pretrain
    if cost.epochs > MOST_EPOCHS:
        yield (
            f"the text is read {cost.epochs:.1f} times; after about "
            f"{MOST_EPOCHS:.0f} times a model rather learns it by "
            "heart: add text, or take fewer minutes"
        )
    ratio = cost.tokens / plan.parameters
    if cost.tokens and ratio < LEAST_TOKENS_PER_PARAMETER:
        yield (
            f"the model reads only {ratio:.2f} tokens for each of its "
            f"{plan.parameters:,} parameters; give it more minutes, or "
            "make it smaller"
        )
    if cost.tokens and cost.steps < LEAST_STEPS:
        more = "minutes, or lower pretrain.batch"
        yield (
            f"there are only {cost.steps} steps; give it more "
            + ("steps" if cost.steps == plan.asked_steps else more)
        )
    if plan.memory_bytes > plan.machine.memory_bytes:
        yield (
            f"training needs about {size(plan.memory_bytes)} of "
            f"memory, and this machine has "
            f"{size(plan.machine.memory_bytes)}; lower pretrain.rows"
        )
    if not plan.probe.tokens_per_second:
        yield (
            "the speed of training was not measured here, so minutes "
            "give no steps; that needs torch"
        )


def describe_plan(plan: Plan) -> list[tuple[str, str]]:
    """Write a plan as rows of what and how much, for people."""
    rows = [
        ("parameters", f"{plan.parameters:,}"),
        ("threads", str(plan.threads)),
    ]
    if plan.text_bytes:
        amount = size(plan.text_bytes)
        text = f"about {amount}, {plan.text_tokens:,} tokens"
        rows.append(("text", text))
    if plan.probe.tokens_per_second:
        rate = f"{plan.probe.tokens_per_second:,.0f} tokens/s"
        rows.append(("speed", rate))
    for name, cost in plan.trainings.items():
        rows.append((name, describe_cost(cost)))
    if plan.forecast:
        rows.append(("forecast", describe_loss(plan.forecast)))
    rows.append(("memory", f"about {size(plan.memory_bytes)}"))
    rows.append(("disk", f"about {size(plan.disk_bytes)}"))
    if plan.price:
        rows.append(("price", f"{plan.price:.2f}"))
    return rows


def describe_loss(forecast: Forecast) -> str:
    """Write a forecast in a line."""
    bits, low, high = forecast.bits_per_byte
    return (
        f"{forecast.loss:.2f} nats per token, {bits:.2f} bits per byte "
        f"({low:.2f} to {high:.2f}) on held-out text: {forecast.law}"
    )


def describe_cost(cost: Budget) -> str:
    """Write the cost of one training in a line."""
    parts = []
    if cost.steps:
        parts.append(f"{cost.steps:,} steps of {cost.batch} rows")
        if cost.rows < cost.batch:
            parts.append(f"{cost.rows} rows at once")
        parts.append(f"{cost.tokens:,} tokens")
    if cost.epochs:
        parts.append(f"{cost.epochs:.1f} times the text")
    if cost.flops:
        parts.append(f"{cost.flops:.1e} operations")
    if cost.seconds:
        parts.append(f"{clock(cost.seconds)} of time")
    return ", ".join(parts) or "as many steps as its examples give"


def save_plan(plan: Plan, folder: Path) -> None:
    """Write a plan into its run's folder, atomically."""
    text = msgspec.json.format(msgspec.json.encode(plan), indent=2)
    write_bytes(folder / FILE, text + b"\n")


def load_plan(folder: Path) -> Plan:
    """Read the plan of a run.

    Raises:
        CorruptFileError: there is none, or it cannot be read.
    """
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError as error:
        raise CorruptFileError(
            f"{path} is missing; 'hornbook plan' makes it"
        ) from error
    except msgspec.DecodeError as error:
        raise CorruptFileError(
            f"{path} cannot be read ({error}); delete it, and "
            "'hornbook plan' makes it again"
        ) from error
