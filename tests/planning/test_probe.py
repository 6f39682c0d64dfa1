"""A probe measures in seconds, and its median forgives a hiccup."""

import importlib.util
import subprocess
import sys
from itertools import chain, repeat

import pytest

from hornbook.planning.probe import Probe, probe, speed


class Clock:
    """A clock that work moves on by known amounts."""

    def __init__(self, costs: list[float]) -> None:
        self.now = 0.0
        self.costs = chain(costs, repeat(1.0))

    def __call__(self) -> float:
        return self.now

    def work(self) -> int:
        self.now += next(self.costs)
        return 100


def test_speed_is_work_per_second() -> None:
    clock = Clock([])
    assert speed(clock.work, 5.0, clock) == 100.0


def test_speed_ignores_the_warm_up_and_one_hiccup() -> None:
    clock = Clock([60.0, 30.0, 1.0, 1.0, 4.0, 1.0])
    assert speed(clock.work, 7.0, clock) == 100.0


def test_speed_measures_several_pieces_even_of_slow_work() -> None:
    clock = Clock([9.0, 9.0, 10.0, 20.0, 40.0])
    assert speed(clock.work, 0.5, clock) == 5.0


def test_probe_uses_and_gives_back_the_threads() -> None:
    import torch

    seen = []

    def train() -> int:
        seen.append(torch.get_num_threads())
        return 640

    before = torch.get_num_threads()
    found = probe(train, threads=1, training_seconds=0.01)
    assert set(seen) == {1} and torch.get_num_threads() == before
    assert found.threads == 1
    assert found.tokens_per_second > 0
    assert 1e8 < found.fp32_flops < 1e15
    assert found.bf16_flops > 0 and 0 < found.seconds < 60


def test_probe_without_torch_measures_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "torch" else find(name),
    )
    assert probe() == Probe()


def test_planning_is_imported_without_torch() -> None:
    code = (
        "import sys\n"
        "import hornbook.planning.interview, hornbook.planning.plan\n"
        "print({'torch', 'daft', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, encoding="utf-8", check=True,
    )
    assert done.stdout.strip() == "set()"
