"""A plan is resolved once, kept whole, and says what is unwise."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import CorruptFileError, RecipeError
from hornbook.base.machine import Machine
from hornbook.model.config import make_config
from hornbook.planning.plan import (
    FILE,
    Plan,
    PlanConfig,
    describe_plan,
    load_plan,
    make_plan,
    save_plan,
)
from hornbook.planning.probe import Probe
from hornbook.training.config import TrainingConfig

MODEL = make_config(form="nanochat", vocab_size=4096)
MACHINE = Machine(2, 8_000_000_000, "Linux x86_64", "a processor", True)
PROBE = Probe(threads=2, fp32_flops=1.8e11, tokens_per_second=8000)


def plan(
    minutes: float = 10,
    text_bytes: int = 12_000_000,
    probe: Probe = PROBE,
    machine: Machine = MACHINE,
    **pretrain: int,
) -> Plan:
    trainings = {
        "pretrain": TrainingConfig(minutes=minutes, **pretrain),
        "finetune.chat": TrainingConfig(epochs=2),
    }
    return make_plan(
        MODEL, trainings, machine, probe, text_bytes=text_bytes
    )


def test_a_sound_plan_has_no_warnings() -> None:
    made = plan()
    assert made.warnings == ()
    assert made.threads == 2
    assert made.text_tokens == pytest.approx(12e6 / 3.81, rel=0.01)
    assert made.pretrain.epochs == pytest.approx(
        made.pretrain.tokens / made.text_tokens
    )
    assert made.trainings["finetune.chat"].steps == 0


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (plan(text_bytes=500_000), "by heart"),
        (plan(minutes=3), "tokens for each of its"),
        (plan(minutes=0.5), "steps; give it more minutes"),
        (plan(minutes=0, steps=5), "only 5 steps; give it more steps"),
        (plan(probe=Probe()), "needs torch"),
        (
            plan(machine=msgspec.structs.replace(
                MACHINE, memory_bytes=500_000_000)),
            "memory",
        ),
    ],
)
def test_what_is_unwise_is_said(made: Plan, word: str) -> None:
    assert any(word in warning for warning in made.warnings)


def test_counted_tokens_go_before_estimated_ones() -> None:
    trainings = {"pretrain": TrainingConfig(minutes=1)}
    made = make_plan(
        MODEL, trainings, MACHINE, PROBE,
        text_bytes=1000, text_tokens=77,
    )
    assert made.text_tokens == 77


def test_a_training_without_length_is_refused() -> None:
    trainings = {"pretrain": TrainingConfig()}
    with pytest.raises(RecipeError, match="pretrain has neither"):
        make_plan(MODEL, trainings, MACHINE, PROBE)


def test_the_recipe_may_set_threads_and_price() -> None:
    trainings = {"pretrain": TrainingConfig(minutes=60)}
    config = PlanConfig(threads=1, price_per_hour=3)
    made = make_plan(MODEL, trainings, MACHINE, PROBE, config)
    assert made.threads == 1
    assert made.price == pytest.approx(3, rel=0.01)
    assert dict(describe_plan(made))["price"] == f"{made.price:.2f}"
    with pytest.raises(ValueError, match="threads"):
        PlanConfig(threads=-1)


@given(
    st.floats(0.01, 1e5),
    st.floats(0, 1e7, allow_subnormal=False),
    st.integers(0, 10**12),
)
def test_a_plan_survives_the_disk(
    tmp_path_factory: pytest.TempPathFactory,
    minutes: float,
    speed: float,
    text_bytes: int,
) -> None:
    folder = tmp_path_factory.mktemp("run")
    probe = Probe(tokens_per_second=speed)
    made = plan(minutes, text_bytes, probe)
    save_plan(made, folder)
    assert load_plan(folder) == made


def test_a_damaged_plan_is_told_from_a_missing_one(
    tmp_path: Path,
) -> None:
    with pytest.raises(CorruptFileError, match="missing"):
        load_plan(tmp_path)
    save_plan(plan(), tmp_path)
    data = (tmp_path / FILE).read_bytes()
    for cut in range(0, len(data) - 2, 97):
        (tmp_path / FILE).write_bytes(data[:cut])
        with pytest.raises(CorruptFileError, match="cannot be read"):
            load_plan(tmp_path)


def test_a_plan_is_described_with_units() -> None:
    rows = dict(describe_plan(plan()))
    assert rows["parameters"] == f"{plan().parameters:,}"
    assert "steps of 16 rows" in rows["pretrain"]
    assert "MB" in rows["text"] or "GB" in rows["text"]
    assert rows["finetune.chat"] == "as many steps as its examples give"
