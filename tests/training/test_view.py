import io
import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console as RichConsole

from hornbook.base import console as screen
from hornbook.base.store import append_jsonl
from hornbook.training.precision import keep_limit, measured_limit
from hornbook.training.view import View


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    hands = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: hands[0])
    return hands


def step(number: int, loss: float = 2.0) -> dict[str, Any]:
    """A line of a step of 50 tokens that took half a second."""
    tokens, seconds = 50 * number, 0.5 * number
    return {
        "step": number, "loss": loss,
        "tokens": tokens, "seconds": seconds,
    }


def rendered(view: View, columns: int) -> list[str]:
    """Draw a view as Live does, on a terminal of so many columns."""
    paper = RichConsole(
        file=io.StringIO(), width=columns, force_terminal=True,
        color_system=None, soft_wrap=True, highlight=False,
    )
    with paper.capture() as capture:
        paper.print(view)
    return capture.get().splitlines()


def watched(tmp_path: Path, now: list[float], **more: Any) -> View:
    """A view that has seen ten steps, a second each."""
    view = View("pretraining", 40, tmp_path, **more)
    for number in range(1, 11):
        now[0] += 1
        view.hear(step(number, 4 - number / 10))
        view.advance(1, "")
    return view


def test_speed_is_of_updates_and_time_left_of_the_clock(
    tmp_path: Path, now: list[float]
) -> None:
    view = watched(tmp_path, now, flops_per_token=2e9, limit=4e11)
    assert view.speed() == (
        "100 tokens/s", "200 GFLOP/s, 50% of this machine's limit"
    )
    assert view.left() == ", 0:30 left"
    assert view.summary()[0].startswith("loss 3.")
    assert view.summary()[1:] == list(view.speed())


def test_a_limit_that_nobody_measured_is_not_shown(
    tmp_path: Path, now: list[float]
) -> None:
    view = watched(tmp_path, now, flops_per_token=2e9)
    assert view.speed() == ("100 tokens/s", "200 GFLOP/s")
    assert watched(tmp_path, now).speed() == ("2 steps/s", "")

    # Nor one that cannot be, measured at a busy moment
    view = watched(tmp_path, now, flops_per_token=2e9, limit=1e9)
    assert view.speed() == ("100 tokens/s", "200 GFLOP/s")


def test_recent_steps_alone_tell_the_pace(
    tmp_path: Path, now: list[float]
) -> None:
    view = View("a", 1000, tmp_path)
    for number in range(1, 301):
        now[0] += 60 if number < 150 else 1
        view.advance()
        view.hear(step(number))
    assert view.left() == ", 11:40 left"


def test_nothing_is_told_before_it_is_known(
    tmp_path: Path, now: list[float]
) -> None:
    view = View("pretraining", 40, tmp_path)
    assert view.summary() == []
    assert "".join(rendered(view, 60)).split() == [
        "pretraining", "0/40", "steps"
    ]
    view.hear(step(1))
    assert view.speed() == ("", "") and view.left() == ""


def test_what_was_before_a_stop_is_shown_and_tells_no_pace(
    tmp_path: Path,
    now: list[float],
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = tmp_path / "metrics.jsonl"
    for number in range(1, 21):
        append_jsonl(log, step(number))
    append_jsonl(log, {"step": 20, "heldout_bpb": 1.5})
    append_jsonl(log, {"step": 20, "sample": "a hat"})
    append_jsonl(log, {"step": 21, "sample": "the hat"})
    view = View("pretraining", 40, tmp_path)
    view.recall(log)
    view.advance(20)
    text = "\n".join(rendered(view, 60))
    assert "20/40 steps" in text and "left" not in text
    assert "1.500 bits per byte, at step 20" in text
    assert "the hat" in text and "tokens/s" not in text

    # Two steps of this process are enough
    for number in (21, 22):
        now[0] += 5
        view.advance()
        view.hear(step(number))
    assert view.left() == ", 1:30 left"
    view.settle()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("label", ["pretraining", "tuning " * 7])
def test_it_fits_any_terminal(
    columns: int, label: str, tmp_path: Path, now: list[float]
) -> None:
    view = watched(tmp_path, now, flops_per_token=2e9, limit=4e11)
    view.label = label
    view.hear({"step": 10, "heldout_bpb": 1.8})
    view.hear({"step": 10, "sample": "ein [Hut] und 帽子 " * 40})
    lines = rendered(view, columns)
    assert all(len(line) <= columns for line in lines)
    if columns >= 60 and label == "pretraining":
        assert len(lines) == 5 + 3
        assert lines[0].endswith("10/40 steps, 0:30 left")
        assert "50% of this machine's limit" in lines[4]


def test_the_age_of_the_newest_checkpoint_is_shown(
    tmp_path: Path,
) -> None:
    view = View("a", 9, tmp_path / "none")
    assert view.saved() == ""
    for name, age in (("step-0000001", 900), ("step-0000002", 75)):
        place = tmp_path / "none" / name
        place.mkdir(parents=True)
        os.utime(place, (time.time() - age,) * 2)
    assert view.saved() in {"1:15 ago", "1:16 ago"}


def test_a_terminal_keeps_samples_above_and_the_last_one_in_view(
    train_tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = io.StringIO()

    def terminal(**options: Any) -> RichConsole:
        return RichConsole(
            file=paper, force_terminal=True, width=60,
            color_system=None, soft_wrap=True,
        )

    said = ["one [hat]", "two [hats]", "three [hats]"]
    texts = iter(said)
    monkeypatch.setattr(screen, "RichConsole", terminal)
    train_tiny(
        steps=3, sample=lambda: next(texts), sample_seconds=1e-9
    )
    shown = paper.getvalue()
    above = [f"\x1b[2K    {text}\n" for text in said]
    assert [shown.count(line) for line in above] == [1, 1, 1]
    places = [shown.index(line) for line in above]
    assert places == sorted(places)
    assert shown.index("  writes    one [hat]") < places[0]
    assert "3/3 steps" in shown


def test_plain_lines_have_the_numbers(
    train_tiny: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(screen, "PLAIN_EVERY_SECONDS", 0.0)
    train_tiny(
        steps=4, evaluations=4, evaluate=lambda: {"heldout_bpb": 1.25}
    )
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("  training: 4/4 steps, loss ")
    assert "1.250 bits per byte" in last and "steps/s" in last
    assert last.endswith(" left")


def test_a_limit_is_of_a_format_and_of_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from hornbook.training import precision

    monkeypatch.setattr(precision, "LIMITS", {})
    here, there = torch.device("cpu"), torch.device("cuda")
    assert measured_limit(torch.float32, here) == 0
    keep_limit(2.0, 5.0)
    assert measured_limit(torch.float32, here) == 2
    assert measured_limit(torch.bfloat16, here) == 5
    assert measured_limit(torch.bfloat16, there) == 0
