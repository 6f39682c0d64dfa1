import pytest

from hornbook.model.config import make_config
from hornbook.training import trial
from hornbook.training.config import TrainingConfig


def test_a_trial_steps_as_training_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[int] = []
    monkeypatch.setattr(trial, "use_threads", threads.append)
    shape = make_config(vocab_size=23, layers=1, width=16, context=8)
    config = TrainingConfig(batch=3, compile="off", precision="fp32")
    step = trial.training_step(shape, config, threads=2)
    assert [step(), step()] == [24, 24]
    assert threads == [2]
