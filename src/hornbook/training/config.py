"""What a training asks for: how long, how fast, how careful."""

from collections.abc import Callable
from typing import Literal

import msgspec

from hornbook.base.errors import RecipeError


class TrainingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the one loop, for pretraining and every tuning."""

    minutes: float = 0.0
    """Wall-clock minutes, from which ``plan`` finds ``steps``."""
    steps: int = 0
    """Updates of the weights; 0 leaves them to ``minutes``."""
    epochs: float = 0.0
    """Passes over the examples; tuning alone can be given these."""
    batch: int = 16
    """Rows of ``context`` tokens in one update."""
    rows: int = 0
    """Rows that are read at once, a divisor of ``batch``: gradients of
    several add up. 0 lets ``plan`` find the most that fit in memory."""
    packing: Literal["stream", "documents"] = "stream"
    """How pretraining cuts rows from the text: ``stream`` anywhere,
    ``documents`` so that each is read apart from its neighbours."""
    optimizer: Literal["muon", "adamw"] = "muon"
    lr: float = 0.02
    """Learning rate of the matrices (of all weights, for AdamW)."""
    lr_embedding: float = 0.05
    """AdamW's learning rate of embeddings and vectors beside Muon."""
    lr_head: float = 0.004
    """AdamW's learning rate of the head beside Muon."""
    beta1: float = 0.9
    beta2: float = 0.95
    momentum: float = 0.95
    """Muon's memory of past gradients."""
    weight_decay: float = 0.0
    """Share of a weight, times the rate, that it loses in a step."""
    decayed: tuple[
        Literal["matrix", "head", "embedding", "vector"], ...
    ] = ("matrix",)
    """The kinds of weight that decay."""
    base_width: int = 0
    """The width for which AdamW's rates were found: in a wider model
    matrices and head step less. 0 takes the rates as they are."""
    ema: float = 0.0
    """Share that a running mean of the weights keeps at each step, as
    0.999; evaluation and the final model use it. 0 keeps none."""
    z_loss: float = 0.0
    """Weight of the squared logarithm of the softmax's sum, as 1e-4,
    which keeps logits small; 0 leaves them alone."""
    warmup: float = 0.02
    """Share of the steps in which the rate climbs from zero."""
    decay: float = 0.6
    """Share of the steps, at the end, in which it falls; between
    the two it stays, and ``1 - warmup`` leaves no such plateau."""
    schedule: Literal["linear", "cosine", "sqrt"] = "linear"
    """The shape of the fall; ``sqrt`` falls fast at first."""
    final: float = 0.0
    """Where it ends, as a share of its height."""
    clip: float = 1.0
    """Gradients are shortened to this length; 0 leaves them alone."""
    spike: float = 10.0
    """A loss so many deviations above the usual, for good, stops the
    training; 0 lets it go on."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """``auto`` takes bf16 where the processor has it."""
    parallel: Literal["none", "ddp", "fsdp"] = "none"
    """How processes that torchrun starts share a pretraining: ``ddp``
    averages gradients, ``fsdp`` divides weights as well."""
    compile: Literal["auto", "on", "off"] = "auto"
    """``auto`` compiles long trainings where a compiler is found."""
    save_seconds: float = 60.0
    """Time between checkpoints."""
    sample_seconds: float = 60.0
    """Time between samples shown."""
    evaluations: int = 8
    """Times the held-out text is measured on the way."""
    keep: int = 2
    """Checkpoints that are kept."""
    keep_best: bool = False
    """Whether the one with the lowest held-out loss is kept beside
    them, and becomes the model ``best`` (pretraining alone)."""


HARMLESS = frozenset(
    {
        "parallel",
        "spike",
        "save_seconds",
        "sample_seconds",
        "keep",
        "keep_best",
    }
)
"""Settings that change no loss: they may change at any time."""


def check(config: TrainingConfig, section: str) -> None:
    """Refuse settings that no training can have.

    Raises:
        RecipeError: names the section, the key and its bounds.
    """
    for names, fits, words in BOUNDS:
        for name in names:
            value = getattr(config, name)
            if not fits(value):
                raise RecipeError(
                    f"{section}.{name} is {value}; it must be {words}"
                )
    if config.parallel != "none" and section != "pretrain":
        raise RecipeError(
            f"{section}.parallel is {config.parallel!r}; pretraining "
            "alone is shared by several processes, so leave it out"
        )
    if config.parallel != "none" and not config.steps:
        raise RecipeError(
            f"{section}.parallel needs {section}.steps: a plan knows "
            "how many steps fit into minutes for one process alone"
        )
    if config.rows and config.batch % config.rows:
        raise RecipeError(
            f"{section}.rows is {config.rows} and does not divide "
            f"{section}.batch, {config.batch}; take a divisor of it, "
            "or 0, which lets the plan choose one"
        )
    if config.keep_best and not config.evaluations:
        raise RecipeError(
            f"{section}.keep_best needs held-out text to be measured; "
            f"{section}.evaluations is 0, so raise it"
        )
    if config.warmup + config.decay > 1:
        raise RecipeError(
            f"{section}.warmup and {section}.decay add up to more "
            "than the whole training; shorten one"
        )


Bound = tuple[tuple[str, ...], Callable[[float], bool], str]

BOUNDS: tuple[Bound, ...] = (
    (
        (
            "batch",
            "lr",
            "lr_embedding",
            "lr_head",
            "save_seconds",
            "sample_seconds",
            "keep",
        ),
        lambda value: value > 0,
        "above 0",
    ),
    (
        (
            "minutes",
            "steps",
            "epochs",
            "rows",
            "clip",
            "spike",
            "evaluations",
            "weight_decay",
            "base_width",
            "z_loss",
        ),
        lambda value: value >= 0,
        "0 or more: it cannot be negative",
    ),
    (
        ("beta1", "beta2", "momentum", "ema"),
        lambda value: 0 <= value < 1,
        "at least 0 and below 1",
    ),
    (
        ("warmup", "decay", "final"),
        lambda value: 0 <= value <= 1,
        "between 0 and 1",
    ),
)
