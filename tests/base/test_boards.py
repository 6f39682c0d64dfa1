import sys
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hornbook.base import boards
from hornbook.base.boards import drawn_on, name_of, speed
from hornbook.base.errors import MissingToolError, RecipeError
from hornbook.base.logbook import Line, logbook
from hornbook.base.store import append_jsonl


class Fake:
    """Stands in for a board, and keeps what is drawn."""

    made: list["Fake"] = []

    def __init__(self, place: Path, name: str, goes_on: bool) -> None:
        self.place, self.name, self.goes_on = place, name, goes_on
        self.drawn: list[tuple[int, Line]] = []
        self.closed = False
        self.made.append(self)

    def draw(self, step: int, values: Line) -> None:
        assert not self.closed
        self.drawn.append((step, values))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    """The boards that were begun; ``tensorboard`` makes them."""
    monkeypatch.setitem(boards.BOARDS, "tensorboard", Fake)
    monkeypatch.setattr(boards, "find_spec", lambda name: object())
    monkeypatch.setattr(Fake, "made", [])
    return Fake.made


def step(number: int, **more: Any) -> Line:
    """A line of a step, as the loop writes it."""
    tokens, seconds = 10 * number, 0.5 * number
    return {
        "step": number, "loss": 1 / number, **more,
        "tokens": tokens, "seconds": seconds,
    }


def test_each_training_has_its_board(
    tmp_path: Path, fakes: list[Fake]
) -> None:
    with drawn_on("tensorboard", tmp_path):
        logbook.add(tmp_path / "scaling" / "trials.jsonl", {"loss": 2})
        logbook.add(tmp_path / "metrics.jsonl", step(1))
        logbook.add(tmp_path / "finetune" / "a.b.jsonl", step(1))
        assert [fake.closed for fake in fakes] == [True, True, False]
    names = [fake.name for fake in fakes]
    assert names == ["scaling.trials", "pretrain", "finetune.a.b"]
    assert all(fake.closed for fake in fakes)
    assert {fake.place for fake in fakes} == {tmp_path / "tensorboard"}
    logbook.add(tmp_path / "metrics.jsonl", step(2))
    assert len(fakes) == 3


def test_a_training_that_goes_on_is_drawn_from_its_log(
    tmp_path: Path, fakes: list[Fake]
) -> None:
    log = tmp_path / "metrics.jsonl"
    append_jsonl(log, step(1, grad=2.0))
    append_jsonl(log, {"step": 1, "sample": "hat"})
    with drawn_on("tensorboard", tmp_path):
        logbook.add(log, step(2))
        logbook.add(log, step(3))
    (fake,) = fakes
    assert fake.goes_on
    assert [number for number, _ in fake.drawn] == [1, 1, 2, 3]
    assert fake.drawn[0][1]["grad"] == 2.0
    assert fake.drawn[1][1] == {"sample": "hat"}
    assert fake.drawn[3][1]["tokens_per_second"] == 20


def test_trials_are_counted_and_have_no_speed(
    tmp_path: Path, fakes: list[Fake]
) -> None:
    log = tmp_path / "scaling" / "trials.jsonl"
    with drawn_on("tensorboard", tmp_path):
        for loss in (3.0, 2.0):
            line = {"loss": loss, "tokens": 9 * loss, "seconds": loss}
            logbook.add(log, line)
    assert [number for number, _ in fakes[0].drawn] == [1, 2]
    assert "tokens_per_second" not in fakes[0].drawn[1][1]


def test_a_clock_that_stood_gives_no_speed() -> None:
    assert speed(step(1), step(3)) == {"tokens_per_second": 20}
    assert speed(step(2), step(2)) == {}
    assert speed({}, step(2)) == {}


def test_no_board_is_drawn_on_unasked(
    tmp_path: Path, fakes: list[Fake]
) -> None:
    with drawn_on("", tmp_path):
        logbook.add(tmp_path / "metrics.jsonl", step(1))
    assert fakes == []


def test_what_cannot_be_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(RecipeError, match="no board 'paper'.*wandb"),
        drawn_on("paper", tmp_path),
    ):
        raise AssertionError
    monkeypatch.setattr(boards, "find_spec", lambda name: None)
    for kind in boards.BOARDS:
        with (
            pytest.raises(MissingToolError, match=f"install {kind}$"),
            drawn_on(kind, tmp_path),
        ):
            raise AssertionError
    assert list(tmp_path.iterdir()) == []


def test_a_log_elsewhere_has_the_name_of_its_file() -> None:
    assert name_of(Path("a/b.jsonl"), Path("a")) == "b"


def test_tensorboard_reads_each_step_once(tmp_path: Path) -> None:
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    log = tmp_path / "metrics.jsonl"

    # Break off after step 4, and go on from a checkpoint at step 2
    with drawn_on("tensorboard", tmp_path):
        for number in range(1, 5):
            logbook.add(log, step(number))
        logbook.add(log, {"step": 4, "sample": "a [hat]"})
    log.unlink()
    for number in range(1, 3):
        append_jsonl(log, step(number))
    with drawn_on("tensorboard", tmp_path):
        for number in range(3, 7):
            logbook.add(log, step(number))
        logbook.add(log, {"step": 6, "heldout_bpb": 1.5})
        logbook.add(log, {"step": 6, "sample": "a [hat]"})

    # Read it back
    place = tmp_path / "tensorboard" / "pretrain"
    found = events.EventAccumulator(str(place)).Reload()
    losses = [(e.step, e.value) for e in found.Scalars("loss")]
    assert losses == [
        (number, pytest.approx(1 / number)) for number in range(1, 7)
    ]
    assert [e.step for e in found.Scalars("heldout_bpb")] == [6]
    assert {e.value for e in found.Scalars("tokens_per_second")} == {20}
    (sample,) = found.Tensors("sample/text_summary")
    assert sample.step == 6
    assert sample.tensor_proto.string_val == [b"a [hat]"]


class Run:
    """Stands in for a run of wandb or trackio, as documented."""

    def __init__(self) -> None:
        self.step = 0
        self.logged: list[tuple[int, Line]] = []

    def log(self, values: Line, step: int) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        self.logged.append((-1, {}))


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that keeps what ``init`` was asked, and gives runs."""
    module: Any = ModuleType("wandb")
    module.asked, module.runs, module.known = [], [], 0

    def init(**options: Any) -> Run:
        run = Run()
        run.step = module.known if options["resume"] else 0
        module.asked.append(options)
        module.runs.append(run)
        return run

    module.init, module.Settings = init, dict
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(boards, "find_spec", lambda name: object())
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return module


def train_twice(kind: str, run: Path) -> None:
    """Train three steps, and go on from the second to the fourth."""
    log = run / "metrics.jsonl"
    with drawn_on(kind, run):
        for number in (1, 2, 3):
            logbook.add(log, step(number))
    log.unlink()
    append_jsonl(log, step(1))
    append_jsonl(log, step(2))
    with drawn_on(kind, run):
        logbook.add(log, step(3))
        logbook.add(log, {"step": 3, "sample": "hat"})
        logbook.add(log, step(4))


def test_wandb_stays_on_disk_and_is_made_anew(
    tmp_path: Path, wandb: Any
) -> None:
    run = tmp_path / "pocket"
    with drawn_on("wandb", run):
        logbook.add(run / "metrics.jsonl", step(1))
    (first,) = wandb.asked
    old = run / "wandb" / f"offline-run-1-{first['id']}"
    other = run / "wandb" / "offline-run-1-another"
    old.mkdir()
    other.mkdir()
    with drawn_on("wandb", run):
        logbook.add(run / "metrics.jsonl", step(2))
    again = wandb.asked[1]
    assert first["mode"] == again["mode"] == "offline"
    assert first["id"] == again["id"]
    assert first["name"] == "pocket pretrain"
    assert first["dir"] == str(run)
    assert other.exists() and not old.exists()
    assert [s for s, _ in wandb.runs[1].logged] == [1, 2, -1]
    quiet = {"silent": True, "disable_git": True, "save_code": False}
    assert quiet.items() <= first["settings"].items()


def test_wandb_online_goes_on_where_it_is(
    tmp_path: Path, wandb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    wandb.known = 3
    train_twice("wandb", tmp_path)
    assert [asked["resume"] for asked in wandb.asked] == ["allow"] * 2
    assert [s for s, _ in wandb.runs[1].logged] == [3, 3, 4, -1]


def test_a_training_made_anew_is_another_run(
    tmp_path: Path, wandb: Any
) -> None:
    log = tmp_path / "metrics.jsonl"
    for _ in range(2):
        log.unlink(missing_ok=True)
        with drawn_on("wandb", tmp_path):
            logbook.add(log, step(1))
    assert wandb.asked[0]["id"] != wandb.asked[1]["id"]


def test_trackio_has_each_line_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept: dict[str, Run] = {"mine": Run()}
    module: Any = ModuleType("trackio")

    def init(project: str, name: str, **options: Any) -> Run:
        print("* Trackio project initialized")
        assert project == "hornbook"
        assert not {"space_id", "server_url"} & options.keys()
        return kept.setdefault(name, Run())

    def stored(name: str) -> Any:
        return SimpleNamespace(
            name=name, delete=lambda: kept.pop(name)
        )

    def finish() -> None:
        print("* Run finished")

    module.init, module.finish = init, finish
    def runs(project: str) -> list[Any]:
        if len(kept) == 1:
            raise ValueError("Project 'hornbook' does not exist")
        return [stored(name) for name in list(kept)]

    module.Api = lambda: SimpleNamespace(runs=runs)
    monkeypatch.setitem(sys.modules, "trackio", module)
    monkeypatch.setattr(boards, "find_spec", lambda name: object())
    train_twice("trackio", tmp_path)
    mine, run = kept.values()
    assert mine.logged == []
    steps = Counter(number for number, _ in run.logged)
    assert steps == {1: 1, 2: 1, 3: 2, 4: 1}
    assert run.logged[3][1] == {"sample": "hat"}
    assert capsys.readouterr().out == ""
