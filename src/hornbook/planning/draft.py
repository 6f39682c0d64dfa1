"""From a use case to sizes: vocabulary, model, and minutes."""

import msgspec

from hornbook.base.machine import cores
from hornbook.model.config import ModelConfig, make_config
from hornbook.model.count import flops_per_token, parameters
from hornbook.planning.budget import bytes_per_token
from hornbook.planning.probe import Probe
from hornbook.planning.use_case import Survey, UseCase, judge

FORM = "nanochat"
SHAPES = (
    (2, 64, 2),
    (3, 128, 4),
    (4, 192, 4),
    (6, 256, 4),
    (6, 384, 6),
    (8, 512, 8),
    (12, 768, 12),
)
"""Layers, width and heads, from the smallest to the largest."""

USEFUL_SHARE = 0.3
"""The share of a machine's matrix speed that training reaches."""
CORE_FLOPS = 60e9
"""What training reaches on one core, where nothing was measured."""
TOKENS_PER_PARAMETER = 1.4
"""Tokens that a parameter must see in the time that there is."""
PARAMETERS_PER_TOKEN = 4.0
"""More parameters than that for a token of text learn it by heart."""
LONG_MINUTES = 60.0

VOCABULARIES = (
    (300_000, 512),
    (1_000_000, 1024),
    (3_000_000, 2048),
    (50_000_000, 4096),
    (300_000_000, 8192),
)
"""Text below so many bytes gets a vocabulary of so many tokens."""
LARGEST_VOCABULARY = 16384

SPLIT = {
    "complete": {"pretrain": 1.0},
    "classify": {"pretrain": 0.8, "topic": 0.2},
    "chat": {"pretrain": 0.8, "chat": 0.2},
}
"""Which share of the minutes goes to which training."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The choices for a use case, before they are written down."""

    case: UseCase
    found: Survey
    model: ModelConfig
    batch: int
    minutes: dict[str, float]
    """Minutes of ``pretrain`` and of the task's fine-tuning."""
    warnings: tuple[str, ...] = ()


def draft(
    case: UseCase, found: Survey, probe: Probe | None = None
) -> Draft:
    """Choose vocabulary, model and minutes for what was found.

    Raises:
        DataError: the text does not suffice for the task.
    """
    warnings = judge(case, found)
    minutes = {
        name: round(case.minutes * share, 2)
        for name, share in SPLIT[case.task].items()
    }
    model = choose_model(found, minutes["pretrain"], probe or Probe())
    return Draft(
        case=case,
        found=found,
        model=model,
        batch=16 if model.context <= 256 else 8,
        minutes=minutes,
        warnings=tuple(warnings),
    )


def choose_vocabulary(text_bytes: int) -> int:
    """Choose a vocabulary that the text has enough examples for."""
    for limit_bytes, tokens in VOCABULARIES:
        if text_bytes < limit_bytes:
            return tokens
    return LARGEST_VOCABULARY


def most_tokens(layers: int, width: int) -> int:
    """Give the largest vocabulary that leaves the layers half.

    A layer has about ``12 width**2`` weights; a token has ``width`` in
    each of two tables.

    >>> most_tokens(3, 128), most_tokens(4, 192)
    (2048, 4096)
    """
    tokens = [tokens for _, tokens in VOCABULARIES]
    fitting = [
        each
        for each in (*tokens, LARGEST_VOCABULARY)
        if each <= 6 * layers * width
    ]
    return max(fitting)


def choose_model(
    found: Survey, minutes: float, probe: Probe
) -> ModelConfig:
    """Choose the largest model that time and text can teach.

    A model learns from as many tokens as its operations allow in
    ``minutes``. Too large a one sees too few of them; with little
    text, it learns that by heart instead. What a small model has is
    better spent on its layers than on tables of rare tokens.
    """
    # Count the operations there are time for
    limit = max(probe.bf16_flops, probe.fp32_flops)
    rate = limit * USEFUL_SHARE or cores() * CORE_FLOPS
    flops = minutes * 60 * rate
    vocabulary = choose_vocabulary(found.text_bytes)
    context = 512 if minutes >= LONG_MINUTES else 256

    # Take the largest shape that gets its share of tokens
    chosen = None
    for layers, width, heads in SHAPES:
        tokens = min(vocabulary, most_tokens(layers, width))
        model = make_config(
            form=FORM,
            vocab_size=tokens,
            layers=layers,
            width=width,
            heads=heads,
            context=context,
        )
        count = parameters(model)["total"]
        text_tokens = found.text_bytes / bytes_per_token(tokens)
        seen = flops / flops_per_token(model)
        taught = seen >= TOKENS_PER_PARAMETER * count
        fits = count <= PARAMETERS_PER_TOKEN * text_tokens
        if chosen is None or (taught and fits):
            chosen = model
    assert chosen is not None
    return chosen
