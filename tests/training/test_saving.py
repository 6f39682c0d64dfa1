import threading
from pathlib import Path
from typing import Any

import pytest

from hornbook.base.errors import DiskError
from hornbook.training import checkpoint
from hornbook.training.checkpoint import Progress
from hornbook.training.config import TrainingConfig
from hornbook.training.saving import Saver


class Disk:
    """Stands for the disk: slow, or full at some steps."""

    def __init__(self, *full: int) -> None:
        self.full, self.kept, self.writers = full, [0], 0
        self.gate = threading.Event()
        self.gate.set()

    def write(self, step: Any, *rest: Any) -> int:
        """Keep a step, as ``checkpoint.write`` would."""
        self.writers += 1
        assert self.writers == 1
        assert self.gate.wait(60)
        self.writers -= 1
        if step in self.full:
            raise DiskError("the disk is full: cake; do run it again")
        self.kept.append(step)
        return int(step)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk in place of the real one."""
    made = Disk(3, 4)
    monkeypatch.setattr(checkpoint, "write", made.write)
    return made


def saver(**settings: Any) -> Saver:
    return Saver(Path("nowhere"), TrainingConfig(**settings))


def save(to: Saver, step: Any) -> None:
    to.save(step, lambda: step)


def test_training_goes_on_while_the_writer_works(disk: Disk) -> None:
    disk.gate.clear()
    with saver() as one:
        save(one, 1)
        one.look()
        assert disk.kept == [0] and one.newest == 0
        disk.gate.set()
        one.finish()
        assert disk.kept == [0, 1] and one.newest == 1


def test_a_writer_at_work_is_waited_for(disk: Disk) -> None:
    disk.gate.clear()
    with saver() as one:
        save(one, 1)
        threading.Timer(0.05, disk.gate.set).start()
        save(one, 2)
    assert disk.kept == [0, 1, 2]


def test_what_stands_is_not_written_again(disk: Disk) -> None:
    with saver() as one:
        for step in (1, 1, 2, 2):
            save(one, step)
    assert disk.kept == [0, 1, 2]


def test_a_failure_is_told_and_the_step_saved_later(
    disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    with saver(save_seconds=7) as one:
        for step in (2, 3):
            save(one, step)
        one.settle()
        assert " ".join(capsys.readouterr().err.split()) == (
            "warning: the checkpoint of step 3 was not saved: the disk "
            "is full: cake; that of step 2 stands; training goes on, "
            "and tries again after 7 seconds"
        )
        disk.full = ()
        save(one, 3)
        one.finish()
    assert disk.kept == [0, 2, 3]


def test_the_last_failure_is_an_error(disk: Disk) -> None:
    with saver() as one:
        save(one, 3)
        with pytest.raises(DiskError) as caught:
            one.finish()
    assert str(caught.value) == (
        "the checkpoint of step 3 was not saved: the disk is full: "
        "cake; none stands yet; free some space and run the same "
        "command again"
    )


def test_what_ranks_write_together_is_noted_alike(disk: Disk) -> None:
    one = saver(keep=3)
    with one:
        one.save_here(2, lambda _folder, keep, _best: keep - 1)
        assert one.newest == 2
        one.save_here(4, lambda *_: disk.write(4))
        assert one.newest == 2
        with pytest.raises(DiskError, match="step 4 was not saved"):
            one.finish()
        one.save_here(5, lambda *_: disk.write(5))
        one.finish()
    assert disk.kept == [0, 5] and one.newest == 5


def test_whoever_leaves_waits_for_the_writer(disk: Disk) -> None:
    disk.gate.clear()
    threading.Timer(0.05, disk.gate.set).start()
    with pytest.raises(ValueError), saver() as one:
        save(one, 5)
        raise ValueError
    assert disk.kept == [0, 5]


def test_a_measured_step_beats_only_what_cost_more(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = Path("best")
    monkeypatch.setattr(checkpoint, "find_best", lambda _: best)
    monkeypatch.setattr(checkpoint, "heldout_loss", lambda _: 2.0)
    one = saver(keep_best=True)
    costs = {1.9: True, 2.0: False, 2.1: False, None: False}
    for loss, beaten in costs.items():
        assert one.beaten_by(Progress(heldout_loss=loss)) is beaten
    nan = Progress(heldout_loss=float("nan"))
    assert not one.beaten_by(nan)
    assert not saver().beaten_by(Progress(heldout_loss=1.0))
