"""A training that is late says so, once, and only if it was timed."""

import pytest

from hornbook.training.config import TrainingConfig
from hornbook.training.pace import Pace


@pytest.mark.parametrize(
    ("config", "seconds_per_step", "warnings"),
    [
        (TrainingConfig(minutes=4), 6.0, 1),
        (TrainingConfig(minutes=4), 4.0, 0),
        (TrainingConfig(minutes=4, steps=100), 6.0, 0),
        (TrainingConfig(steps=100), 6.0, 0),
    ],
)
def test_only_what_takes_twice_its_minutes_is_told(
    config: TrainingConfig,
    seconds_per_step: float,
    warnings: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pace = Pace(config, 100)
    for step in range(1, 101):
        pace.watch(step, step * seconds_per_step)
    said = capsys.readouterr().err
    assert said.count("warning") == warnings
    if warnings:
        assert "about 10:00, not 4:00 as planned" in said


def test_the_first_steps_are_no_measure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Pace(TrainingConfig(minutes=4), 100).watch(1, 15.0)
    assert capsys.readouterr().err == ""
