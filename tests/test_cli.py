import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from hornbook.base.record import load_record
from hornbook.base.world import World
from hornbook.cli import GROUPS, app, main
from hornbook.tuning.sandbox import Permission

HELP = """
import contextlib, io, sys
from hornbook.cli import app, main

for name in ["", *[n for n in app if n[0] != "-"]]:
    text = io.StringIO()
    status = 0
    with contextlib.redirect_stdout(text):
        try:
            status = main([*name.split(), "--help"])
        except SystemExit as leaving:
            status = leaving.code or 0
    assert status == 0, name
    print(name or "hornbook", len(text.getvalue().split()))
print("HEAVY", {"torch", "numba", "daft"} & set(sys.modules))
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hornbook(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; give its status and what it printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(list(arguments))
        except SystemExit as leaving:
            status = int(leaving.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_every_command_has_a_help_that_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELP],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    *lines, heavy = done.stdout.splitlines()
    assert heavy == "HEAVY set()"
    words = {name: int(n) for name, n in map(str.split, lines)}
    assert {"hornbook", "run", "curate", "chat", "new"} <= words.keys()
    assert min(words.values()) > 10


def test_the_version_is_told(hornbook: Run) -> None:
    status, out, _ = hornbook("--version")
    assert status == 0 and out.strip()[0].isdigit()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an empty folder, a file and a damaged recipe."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "bad.toml").write_text("[corpus", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("run nothing", "there is no recipe 'nothing'"),
        ("run nothing.toml", "there is no recipe"),
        ("run empty", "there is no recipe 'empty'"),
        ("run bad.toml", "bad.toml is not valid TOML"),
        ("run smoke --set modle.layers=2", "did you mean 'model'"),
        ("run smoke --set pretrain.steps=x", "pretrain.steps"),
        ("run smoke --set pretrain.steps", "key.path=value"),
        ("run smoke --from bake", "there is no stage 'bake'"),
        ("run smoke --from book --until plan", "comes after"),
        ("curate nothing", "there is no recipe"),
        ("evaluate empty", "there is no recipe"),
        ("generate nothing hat", "there is no run or model 'nothing'"),
        ("generate empty hat", "config.json is missing"),
        ("generate nothing:chat hat", "there is no run or model"),
        ("chat nothing", "; there is no run here"),
        ("chat file", "there is no model at file"),
        ("forecast nothing", "there is no run or model"),
        ("forecast empty", "empty has no forecast"),
        ("scale smoke --set scaling.seeds=0", "scaling.seeds is 0"),
        ("scale smoke --set scaling.on=false", "no stage 'scale'"),
        ("export nothing --to out", "there is no run or model"),
        ("export empty --to file", "file holds something"),
        ("generate empty The hat is", 'generate empty "The hat is"'),
        ("run smoke --set pretrain.minuts=5", "the recipe smoke: "),
        ("finetune smoke --data file", "--data needs --name"),
        ("finetune smoke --lora 4", "--lora needs --name"),
        ("finetune smoke --name x --lora 0", "x.lora.rank is 0"),
        ("finetune smoke --name x --data no.csv", "no.csv"),
        ("finetune smoke --name a/b", "cannot name a folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    place: Path, hornbook: Run, line: str, says: str
) -> None:
    status, out, err = hornbook(*line.split())
    assert status == 1
    assert out == ""
    assert err.startswith("hornbook: ") and says in err
    assert err.count("\n") == 1
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    "line",
    [
        "bake",
        "run",
        "run smoke --bogus",
        "run smoke another",
        "clean smoke true",
        "compare smoke",
        "help bake",
        "generate x y --max-tokens many",
        "export smoke --format pickle",
        "finetune smoke --method magic",
        "run smoke --log paper",
    ],
)
def test_a_wrong_option_is_named(
    place: Path, hornbook: Run, line: str
) -> None:
    status, out, err = hornbook(*line.split())
    assert status != 0
    assert out == "" and "Traceback" not in err
    wrong = line.split()[-1]
    assert wrong in err or "RECIPE" in err or "OTHER" in err


def commands(program: App) -> Iterator[tuple[str, App]]:
    """Give every command, those of ``show`` as well."""
    for name in program:
        if not name.startswith("-"):
            command = program[name]
            yield name, command
            yield from commands(command)


def test_options_have_no_place() -> None:
    for name, command in commands(app):
        given = command.default_command
        asked = signature(given).parameters if given else {}
        placed = [
            each.name
            for each in asked.values()
            if each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        assert not placed, f"{name}: {placed}"
    assert {"run", "mask"} <= dict(commands(app)).keys()


def test_commands_stand_in_the_order_of_the_road(hornbook: Run) -> None:
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == sorted(n for n in app if n[0] != "-")
    status, out, _ = hornbook()
    assert status == 0 and "Start here: hornbook demo" in out
    places = [out.index(f"│ {name} ") for name in listed]
    assert places == sorted(places)


def test_help_is_a_command(hornbook: Run) -> None:
    assert hornbook("help", "chat") == hornbook("chat", "--help")
    assert "--top-p" in hornbook("help", "chat")[1]
    assert hornbook("help")[1] == hornbook()[1]


def test_where_a_run_was_looked_for_is_told(
    run_copy: Path, hornbook: Run
) -> None:
    status, out, err = hornbook("chat", "demo")
    assert (status, out) == (1, "")
    assert str(Path("runs/demo").absolute()) in err
    assert "the runs are smoke" in err


def test_where_a_new_run_begins_is_told(
    place: Path, hornbook: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "hornbook.road.visit", lambda *asked: asked[2]
    )
    told = f"starting a new run in {place / 'runs' / 'smoke'}\n"
    assert told in hornbook("plan", "smoke")[2]
    assert hornbook("plan", "smoke")[2] == ""


@pytest.mark.parametrize(
    "command", ["run", "scale", "pretrain", "finetune"]
)
def test_a_training_can_be_logged_to_a_board(
    place: Path, hornbook: Run, monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    from hornbook.base import boards

    monkeypatch.setattr(boards, "find_spec", lambda name: None)
    status, _, err = hornbook(command, "smoke", "--log", "wandb")
    assert status == 1
    assert err == (
        "hornbook: --log wandb needs the package wandb, which is not "
        "installed; pip install wandb\n"
    )
    assert not (place / "runs").exists()


def test_ctrl_c_has_its_own_status(
    hornbook: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hornbook.road.run", stop)
    status, out, err = hornbook("run", "smoke")
    assert (status, out) == (130, "")
    assert err.count("\n") == 1 and "goes on from there" in err


def test_a_full_disk_is_told(
    hornbook: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hornbook.road.run", full)
    status, _, err = hornbook("run", "smoke")
    assert status == 1 and "the disk is full" in err


def test_a_defect_of_ours_keeps_its_traceback(
    hornbook: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("hornbook.road.run", fail)
    with pytest.raises(ZeroDivisionError):
        hornbook("run", "smoke")


def test_marks_in_an_error_are_text(hornbook: Run) -> None:
    _, _, err = hornbook("run", "[bold]x[/]")
    assert "[bold]x[/]" in err


def test_a_run_can_be_read_by_a_program(
    run_copy: Path, hornbook: Run
) -> None:
    line = ["run", str(run_copy), "--until", "export", "--json"]
    status, out, err = hornbook(*line)
    assert status == 0 and "kept" in err
    record = json.loads(out)
    assert record["name"] == "smoke" and "export" in record["stages"]
    status, out, _ = hornbook("curate", str(run_copy), "--json")
    assert status == 0
    counts = json.loads(out)["curate"]["documents"]
    assert counts["in"] == counts["kept"] + sum(
        counts["dropped"].values()
    )


def test_a_forced_stage_is_made_once(
    run_copy: Path, hornbook: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, bool]] = []

    def work(context: Any) -> dict[str, Any]:
        made.append((context.name, context.strict))
        return {}

    monkeypatch.setattr("hornbook.stages.curate", work)
    monkeypatch.setattr("hornbook.stages.plan", work)
    line = ["curate", str(run_copy), "--force", "--strict"]
    assert hornbook(*line)[0] == 0
    assert made == [("curate", True)]


def test_a_model_goes_on_with_a_text(
    run_copy: Path, hornbook: Run
) -> None:
    line = ["generate", f"{run_copy}:base", "A hat", "--seed", "1"]
    line += ["--max-tokens", "5"]
    status, out, err = hornbook(*line)
    assert (status, err) == (0, "")
    assert out.endswith("\n")
    assert hornbook(*line)[1] == out


def test_a_classifier_cannot_go_on_with_a_text(
    run_copy: Path, hornbook: Run
) -> None:
    status, out, err = hornbook("generate", f"{run_copy}:topic", "A")
    assert (status, out) == (1, "")
    assert "is a classifier" in err


def test_a_model_is_exported_to_a_folder(
    run_copy: Path, hornbook: Run
) -> None:
    line = ["export", str(run_copy), "--to", "out"]
    status, _, err = hornbook(*line, "--format", "native")
    assert status == 0 and "verified" in err
    assert Path("out/model.safetensors").is_file()


def test_a_forecast_is_printed_with_its_score(
    run_copy: Path, hornbook: Run
) -> None:
    status, out, _ = hornbook("forecast", str(run_copy))
    assert status == 0
    assert "nats per token" in out and "its interval" in out
    assert "a prior, from other runs" in out
    status, out, _ = hornbook("forecast", "smoke", "--json")
    told = json.loads(out)
    assert status == 0
    assert told["score"]["forecast"] == told["forecast"]["time"]


def test_every_stage_has_its_command() -> None:
    names = set(app)
    stages = {"plan", "curate", "tokenize", "pretrain", "finetune"}
    assert stages | {"scale", "evaluate", "export", "book"} <= names


def test_a_book_without_samples_is_a_setting_of_the_recipe(
    hornbook: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(
        "hornbook.cli.walk.make_stage",
        lambda *asked: made.append(asked),
    )
    hornbook("book", "smoke", "--set", "seed=2", "--no-samples")
    hornbook("book", "smoke")
    assert made[0][:3] == (
        "book", "smoke", ["seed=2", "book.samples=false"]
    )
    assert made[1][:3] == ("book", "smoke", [])


@pytest.mark.parametrize("words", [("demo",), ("chat", "runs/x"), ()])
def test_several_processes_are_refused_where_one_does_the_work(
    words: tuple[str, ...],
    hornbook: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = World(size=2, local_size=2, launched=True)
    monkeypatch.setattr("hornbook.cli.world", lambda: here)
    status, out, err = hornbook(*words)
    said = " ".join(err.split())
    name = " ".join(["hornbook", *words[:1]])
    assert (status, out) == (1, "")
    assert said == (
        f"hornbook: torchrun started 2 processes, and '{name}' is "
        "work for one; type it alone"
    )


def write_problems(**judged: Any) -> None:
    """Write problems into a file, here."""
    records = [{"prompt": f"What is {i}?", **judged} for i in range(20)]
    text = "\n".join(json.dumps(record) for record in records)
    Path("problems.jsonl").write_text(text, encoding="utf-8")


PRACTICE = (
    "finetune runs/smoke --method grpo --data problems.jsonl "
    "--name sums --base chat --epochs 1 "
    "--set finetune.sums.reasoning.max_tokens=4 "
    "--set finetune.sums.batch=16"
)


def test_a_model_practises_on_problems_of_a_file(
    run_copy: Path, hornbook: Run
) -> None:
    write_problems(answer=1)
    status, _, err = hornbook(*PRACTICE.split())
    assert status == 0, err
    done = load_record(run_copy).stages["finetune.sums"].result
    assert done["rewards"] == {"number": 1.0}
    assert (done["problems"], done["heldout_problems"]) == (16, 4)
    assert done["steps"] == 8
    recipe = (run_copy / "recipe.toml").read_text(encoding="utf-8")
    table = tomllib.loads(recipe)["finetune"]["sums"]
    assert table["optimizer"] == "adamw" and table["batch"] == 16
    assert (run_copy / "finetune" / "sums").is_dir()


def test_code_that_a_model_wrote_needs_a_word_of_the_user(
    run_copy: Path, hornbook: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Permission, "given", False)
    write_problems(tests="assert True")
    status, _, err = hornbook(*PRACTICE.split())
    assert status == 1
    assert "--allow-code" in err and "Traceback" not in err
    assert not Permission.given
    monkeypatch.setattr("hornbook.road.run", lambda *_: None)
    hornbook(*PRACTICE.split(), "--allow-code")
    assert Permission.given
