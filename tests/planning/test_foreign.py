"""A fine-tuning of a model from elsewhere has a plan of its own."""

from pathlib import Path
from typing import Any

import pytest

from hornbook.base.errors import RecipeError
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.planning import foreign
from hornbook.planning.foreign import TuningPlan, plan_tuning
from hornbook.planning.plan import PlanConfig
from hornbook.tuning.config import TuningConfig

SHAPE = make_config(vocab_size=40, layers=1, width=16, context=2048)
GENTLE: dict[str, Any] = {"optimizer": "adamw", "lr": 1e-4}


@pytest.fixture
def base(tmp_path: Path) -> str:
    """A model that was not made by the run."""
    Transformer(SHAPE).save(tmp_path / "base", "native")
    return str(tmp_path / "base")


def plan(base: str, anew: bool = False, **given: Any) -> TuningPlan:
    file = Path(base).with_name("ask.plan.json")
    config = TuningConfig(**GENTLE | given)
    asked = PlanConfig(threads=1, probe_seconds=0.01)
    return plan_tuning(file, "ask", base, config, asked, anew)


def test_steps_and_epochs_need_no_clock(base: str) -> None:
    fixed = plan(base, steps=3, batch=2)
    assert fixed.cost.tokens == 3 * 2 * 1024
    assert (fixed.threads, fixed.tokens_per_second) == (1, 0.0)
    open_ = plan(base, epochs=2.0, batch=2)
    assert (open_.cost.steps, open_.cost.rows) == (0, 2)


def test_minutes_are_measured_by_this_very_model(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def fake(shape: Any, config: Any, *_: Any) -> float:
        seen.append((shape.context, shape.width, config.batch))
        return 1000.0

    monkeypatch.setattr(foreign, "measured", fake)
    timed = plan(base, minutes=1.0, batch=2, context=100)
    assert seen == [(100, 16, 2)]
    assert timed.cost.steps == int(60 * 940 / 200)
    assert plan(base, minutes=1.0, batch=2, context=100) == timed
    assert len(seen) == 1
    plan(base, minutes=1.0, batch=2, context=100, anew=True)
    assert len(seen) == 2


def test_the_probe_makes_real_steps(base: str) -> None:
    made = plan(base, minutes=0.01, batch=2, context=32)
    assert made.tokens_per_second > 0 and made.cost.steps > 0


def test_the_plan_is_kept_until_something_else_is_asked(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = plan(base, epochs=1.0, batch=8)
    monkeypatch.setattr(foreign, "free_bytes", lambda: 1)
    assert plan(base, epochs=1.0, batch=8) == first
    with pytest.raises(RecipeError, match="finetune.ask: .*shorter"):
        plan(base, epochs=1.0, batch=4)


def test_another_base_is_planned_anew(base: str) -> None:
    first = plan(base, epochs=1.0)
    Transformer(SHAPE, seed=2).save(Path(base), "native")
    assert plan(base, epochs=1.0).asked != first.asked


def test_a_classifier_reads_its_own_length(base: str) -> None:
    made = plan(base, steps=1, batch=1, method="classify", length=50)
    assert made.cost.tokens == 50


def test_rates_for_new_models_are_warned_of(
    base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan(base, steps=1, optimizer="muon", lr=0.02)
    said = capsys.readouterr()
    assert "can undo what" in " ".join((said.out + said.err).split())
    plan(base, steps=1)
    said = capsys.readouterr()
    assert "can undo" not in said.out + said.err


def test_a_length_is_needed(base: str) -> None:
    with pytest.raises(RecipeError, match="neither steps, minutes"):
        plan(base)
