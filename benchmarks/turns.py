"""Two trainings that take turns on one machine, and never overlap.

A child trains in slices: it reads ``train SECONDS`` from standard
input, trains for so long, and answers with one line of JSON. Only the
seconds inside its updates count. The driver lets the children train in
turn, so that a busy moment of the machine hits both alike.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def serve(
    update: Callable[[float], float],
    total: float,
    about: dict[str, Any] | None = None,
) -> None:
    """Train as told until ``total`` seconds are used up.

    ``update`` makes one step, given the share of the time that is
    used, and returns its loss; ``about`` is told with every answer.
    """
    used, steps, loss = 0.0, 0, float("nan")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        end = min(total, used + float(line.split()[1]))
        while used < end:
            before = time.perf_counter()
            loss = update(used / total)
            used += time.perf_counter() - before
            steps += 1
        state = {
            **(about or {}),
            "seconds": used,
            "steps": steps,
            "loss": loss,
            "done": used >= total,
        }
        print(json.dumps(state), flush=True)
        if used >= total:
            return


class Pauses:
    """The same, for a training whose loop is somebody else's.

    ``begin`` and ``end`` stand around its steps. The first
    ``uncounted`` of them are made at once, and the others as told.
    """

    def __init__(self, about: dict[str, Any], uncounted: int) -> None:
        self.about, self.uncounted = about, uncounted
        self.used = self.until = self.started = 0.0
        self.steps = 0

    def begin(self) -> None:
        """Wait until there is time for a step."""
        if self.steps >= self.uncounted and self.used >= self.until:
            if self.steps == self.uncounted:
                print(json.dumps({"ready": True}), flush=True)
            else:
                print(json.dumps(self.state), flush=True)
            line = sys.stdin.readline()
            if not line:
                raise SystemExit
            self.until = self.used + float(line.split()[1])
        self.started = time.perf_counter()

    def end(self) -> None:
        """Count a step."""
        self.steps += 1
        if self.steps > self.uncounted:
            self.used += time.perf_counter() - self.started

    @property
    def state(self) -> dict[str, Any]:
        """What is told when the time of a turn is used up."""
        return {
            **self.about,
            "seconds": self.used,
            "steps": self.steps,
            "loss": float("nan"),
            "done": False,
        }


class Child:
    """A training in another process, with an environment of its own."""

    def __init__(self, python: str, script: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [python, str(script), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.state: dict[str, Any] = self.read()

    def read(self) -> dict[str, Any]:
        """Wait for the next line of JSON; pass the rest on."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
            sys.stderr.write(line)
        raise SystemExit("a training broke off; see its error above")

    def train(self, seconds: float) -> dict[str, Any]:
        """Let it train for a while."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"train {seconds}\n")
        self.process.stdin.flush()
        self.state = self.read()
        return self.state

    def result(self) -> dict[str, Any]:
        """Read its last line, after the training."""
        answer = self.read()
        self.process.wait()
        return answer


def take_turns(
    children: dict[str, Child], slice_seconds: float
) -> None:
    """Let every child train to its end, slice by slice."""
    waiting = dict(children)
    while waiting:
        for name, child in list(waiting.items()):
            state = child.train(slice_seconds)
            print(
                f"  {name:<10} {state['seconds']:6.0f} s  "
                f"{state['steps']:5} steps  loss {state['loss']:.3f}",
                file=sys.stderr,
                flush=True,
            )
            if state["done"]:
                del waiting[name]
