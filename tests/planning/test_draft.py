"""Sizes grow with time and text, and fit both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.model.count import flops_per_token, parameters
from hornbook.planning.budget import bytes_per_token
from hornbook.planning.draft import (
    PARAMETERS_PER_TOKEN,
    SHAPES,
    SPLIT,
    TOKENS_PER_PARAMETER,
    USEFUL_SHARE,
    choose_model,
    choose_vocabulary,
    draft,
)
from hornbook.planning.probe import Probe
from hornbook.planning.use_case import Survey, UseCase

PROBE = Probe(bf16_flops=4.3e11, fp32_flops=1.8e11)
DEMO = Survey(
    documents=22_000, text_bytes=12_200_000, titled=22_000,
    topics={"A": 6000, "B": 5000},
)


def test_the_demo_gets_the_demo_s_model() -> None:
    model = choose_model(DEMO, 10, PROBE)
    assert (model.layers, model.width) == (4, 192)
    assert (model.vocab_size, model.context) == (4096, 256)


@given(st.floats(0.1, 1e5), st.integers(100_000, 10**11))
def test_the_model_fits_time_and_text(
    minutes: float, text_bytes: int
) -> None:
    found = Survey(documents=1000, text_bytes=text_bytes)
    model = choose_model(found, minutes, PROBE)
    assert model.vocab_size <= choose_vocabulary(text_bytes)
    rows = model.layers * model.width
    assert model.vocab_size <= max(6 * rows, 512)
    if (model.layers, model.width, model.heads) == SHAPES[0]:
        return
    count = parameters(model)["total"]
    flops = minutes * 60 * PROBE.bf16_flops * USEFUL_SHARE
    seen = flops / flops_per_token(model)
    assert seen >= TOKENS_PER_PARAMETER * count
    tokens = text_bytes / bytes_per_token(model.vocab_size)
    assert count <= PARAMETERS_PER_TOKEN * tokens


@given(st.floats(0.1, 50), st.integers(100_000, 10**9))
def test_more_time_never_means_a_smaller_model(
    minutes: float, text_bytes: int
) -> None:
    found = Survey(documents=1000, text_bytes=text_bytes)
    less = choose_model(found, minutes / 2, PROBE)
    more = choose_model(found, minutes, PROBE)
    assert less.width <= more.width


def test_more_text_gives_no_smaller_model() -> None:
    for minutes in (1, 4, 10, 30, 60, 240):
        widths = [
            choose_model(
                Survey(documents=1000, text_bytes=text_bytes),
                minutes,
                PROBE,
            ).width
            for text_bytes in (2_500_000, 12_000_000, 33_000_000)
        ]
        assert widths == sorted(widths)


def test_unmeasured_machines_get_a_model_too() -> None:
    assert choose_model(DEMO, 10, Probe()).width >= 64


@pytest.mark.parametrize("task", SPLIT)
def test_the_minutes_are_divided_and_none_is_lost(task: str) -> None:
    case = UseCase(name="a", text="b", task=task, minutes=7)
    made = draft(case, DEMO, PROBE)
    assert sum(made.minutes.values()) == pytest.approx(7)
    assert made.minutes["pretrain"] > 5
