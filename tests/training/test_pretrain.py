import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hornbook.base.errors import Interrupted
from hornbook.base.store import read_jsonl
from hornbook.model.config import make_config
from hornbook.training.checkpoint import found, inspect, read_state
from hornbook.training.config import TrainingConfig
from hornbook.training.pretrain import asked_for
from training.learner import prepare

PATIENCE_SECONDS = 600
LEARNER = Path(__file__).with_name("learner.py")
SHAPE = make_config(vocab_size=9)


def asked(config: TrainingConfig) -> dict[str, object]:
    return asked_for(SHAPE, config, 1, "data", "source")


def test_what_leaves_the_losses_as_they_are_may_change() -> None:
    before = asked(TrainingConfig())
    changed = TrainingConfig(
        minutes=3, save_seconds=1, sample_seconds=1, keep=9,
        keep_best=True,
    )
    assert asked(changed) == before


def test_all_that_changes_the_losses_is_asked_for() -> None:
    usual = TrainingConfig()
    before = asked(usual)
    for name, value in {
        "lr": 0.5, "batch": 3, "precision": "fp32", "clip": 0.0,
        "schedule": "cosine", "optimizer": "adamw", "compile": "on",
    }.items():
        changed = msgspec.structs.replace(usual, **{name: value})
        assert asked(changed) != before, name
    wide = make_config(vocab_size=9, width=384)
    for other in (
        asked_for(wide, usual, 1, "data", "source"),
        asked_for(SHAPE, usual, 2, "data", "source"),
        asked_for(SHAPE, usual, 1, "other", "source"),
        asked_for(SHAPE, usual, 1, "data", "other"),
    ):
        assert other != before


class Nursery:
    """A process that trains in children, which can be killed."""

    def __init__(self, notes: Path) -> None:
        self.notes = notes
        with notes.open("w", encoding="utf-8") as file:
            self.process = subprocess.Popen(
                [sys.executable, str(LEARNER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                encoding="utf-8",
            )

    def say(self, folder: Path) -> int:
        """Have a child train in a folder; give its process."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> int:
        """Read a number: a child's process, or how it ended."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def train(self, folder: Path) -> float:
        """Train to the end; give the seconds that it took."""
        started = time.monotonic()
        self.say(folder)
        assert self.hear() == 0, self.notes.read_text(encoding="utf-8")
        return time.monotonic() - started

    def kill(self, folder: Path, after_seconds: float) -> bool:
        """Train, and kill; give whether the child still lived."""
        child = self.say(folder)
        time.sleep(after_seconds)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        status = self.hear()
        notes = self.notes.read_text(encoding="utf-8")
        assert status in (0, -signal.SIGKILL), notes
        return status != 0


def lines(folder: Path) -> list[dict[str, Any]]:
    """Read a log without clocks and samples, which hang on them."""
    told = read_jsonl(folder / "metrics.jsonl")
    for line in told:
        del line["seconds"]
    return [line for line in told if "sample" not in line]


def results(folder: Path) -> list[bytes]:
    """Read the models that a pretraining leaves."""
    models = folder / "checkpoints"
    return [
        (models / name / "model.safetensors").read_bytes()
        for name in ("base", "best")
    ]


def is_whole(place: Path) -> bool:
    """Whether a checkpoint can be read; raises where it cannot."""
    state = read_state(place)
    inspect(place, state)
    return set(state.digests) == {
        "model.safetensors", "optimizer.safetensors",
    }


@pytest.fixture(scope="module")
def nursery(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Nursery]:
    """The process whose children train."""
    made = Nursery(tmp_path_factory.mktemp("nursery") / "notes")
    with made.process:
        yield made


@pytest.fixture(scope="module")
def undisturbed(
    nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, float]:
    """A pretraining that nobody stopped, and how long it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    prepare(folder)
    return folder, nursery.train(folder)


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of Unix")
@pytest.mark.parametrize(
    "kills", [5, pytest.param(50, marks=pytest.mark.endurance)]
)
def test_kills_at_any_moment_change_no_loss(
    kills: int,
    nursery: Nursery,
    undisturbed: tuple[Path, float],
    tmp_path: Path,
) -> None:
    whole, seconds = undisturbed
    expected, models = lines(whole), results(whole)
    chance = random.Random()
    killed = turn = 0
    while killed < kills:
        folder = tmp_path / str(turn := turn + 1)
        prepare(folder)
        alive = True
        while alive and killed < kills:
            # Several kills meet one training: it goes on in between
            moment = chance.uniform(0, seconds / 3)
            alive = nursery.kill(folder, moment)
            killed += alive
            places = found(folder / "checkpoints")
            assert all(is_whole(place) for place in places)
        if alive:
            nursery.train(folder)
        assert lines(folder) == expected, (turn, killed)
        assert results(folder) == models, (turn, killed)
        # What the killed ones left is cleared away
        left = {p.name for p in (folder / "checkpoints").iterdir()}
        assert {"base", "best"} <= left
        assert not [name for name in left if name.startswith(".")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT")
def test_ctrl_c_ends_the_step_and_waits_for_the_writer(
    nursery: Nursery, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    prepare(tmp_path)
    child, log = nursery.say(tmp_path), tmp_path / "metrics.jsonl"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not log.exists() or log.read_bytes().count(b"\n") < 8:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(child, signal.SIGINT)
    assert nursery.hear() == Interrupted.exit_code == 130
    newest = found(tmp_path / "checkpoints")[-1]
    step = int(newest.name.removeprefix("step-"))
    assert is_whole(newest)
    notes = nursery.notes.read_text(encoding="utf-8")
    assert f"stopped at step {step} of 60, and saved" in notes
    assert "stopping after this step" in notes
    assert "Traceback" not in notes
    told = lines(tmp_path)
    assert told == lines(undisturbed[0])[: len(told)]
    assert told[-1]["step"] == step
