import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hornbook as hb
from hornbook import road, stages
from hornbook.base.errors import DataError, Interrupted, RecipeError
from hornbook.base.record import load_record
from hornbook.base.store import read_jsonl
from hornbook.lineage import whole_digest
from hornbook.model.attention import attend
from hornbook.planning.probe import Probe
from hornbook.recipe import load_recipe
from hornbook.road import LOCK, choose, run
from hornbook.route import order_tunings
from hornbook.scaling.forecast import entries
from hornbook.stages import Context

STAGES = [
    "plan",
    "curate",
    "tokenize",
    "scale",
    "pretrain",
    "finetune.topic",
    "finetune.chat",
    "evaluate",
    "export",
]
PROBE = "hornbook.planning.measure.probe"
WORKS = {stage.partition(".")[0] for stage in STAGES}


@pytest.fixture(autouse=True)
def _no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know this machine's speed without measuring it."""
    measured = Probe(threads=1, tokens_per_second=1e5)
    monkeypatch.setattr(PROBE, lambda *_: measured)


class Works:
    """Stages that note that they were asked, and do nothing else."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.contexts: dict[str, Context] = {}
        self.also: dict[str, Callable[[], object]] = {}

    def work(self, context: Context) -> dict[str, Any]:
        """Note a stage, and do what a test wants it to do."""
        self.made.append(context.name)
        self.contexts[context.name] = context
        self.also.get(context.name, dict)()
        return {}


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> Works:
    """Stages that do nothing but tell of it."""
    works = Works()
    for name in WORKS:
        monkeypatch.setattr(f"hornbook.stages.{name}", works.work)
    return works


def again(folder: Path, *settings: str, **how: Any) -> hb.RunRecord:
    """Run a run's folder once more, up to its export."""
    return run(folder, settings, **{"last": "export", **how})


def losses(folder: Path) -> list[tuple[int, float]]:
    """Give the losses of a run's pretraining, by step."""
    lines = read_jsonl(folder / "metrics.jsonl")
    return [(x["step"], x["loss"]) for x in lines if "loss" in x]


def test_stages_are_made_in_their_order(walked_run: Path) -> None:
    record = load_record(walked_run)
    assert list(record.stages) == STAGES
    assert len(losses(walked_run)) == 4
    for name, made in record.stages.items():
        assert made.digest == whole_digest(made.parts), name
        assert made.peak_memory_bytes >= 0 and made.finished
    assert not (walked_run / LOCK).exists()


def test_every_stage_leaves_what_it_promises(walked_run: Path) -> None:
    for stage in road.road(load_recipe(walked_run)):
        if stage.name in STAGES:
            for name in (*stage.leaves, *stage.before):
                assert (walked_run / name).is_file(), name


def test_a_run_never_names_where_it_lies(walked_run: Path) -> None:
    for name in ("run.json", "plan.json", "recipe.toml"):
        text = (walked_run / name).read_text(encoding="utf-8")
        assert str(walked_run.parents[1]) not in text


def test_a_second_run_keeps_everything(
    run_copy: Path, works: Works, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load_record(run_copy).stages
    assert again(run_copy).stages == before
    assert works.made == []
    assert capsys.readouterr().err.count(" kept, made in") == len(
        STAGES
    )


def test_the_recipe_finds_its_run_too(
    run_copy: Path, works: Works, tiny: tuple[str, ...]
) -> None:
    assert run("smoke", tiny, last="export").path == run_copy
    assert works.made == []


@pytest.mark.parametrize(
    ("setting", "stale"),
    [
        ("seed=2", [*STAGES[3:8]]),
        ("corpus.heldout_share=0.06", ["curate"]),
        ("tokenizer.min_frequency=2", ["plan", "tokenize"]),
        ("model.softcap=3.0", ["plan", "scale", "pretrain"]),
        ("pretrain.lr=0.01", ["plan", "scale", "pretrain"]),
        ("scaling.minutes=2", ["scale"]),
        ("scaling.on=false", []),
        ("plan.price_per_hour=1.0", ["plan"]),
        ("finetune.topic.lr=0.1", ["plan", "finetune.topic"]),
        ("finetune.new.epochs=1", ["plan", "finetune.new"]),
        ("evaluation.shown=3", ["evaluate"]),
        ("export.format=hf", ["export"]),
        ("book.title='Another'", []),
        ("name=other", []),
    ],
)
def test_a_changed_section_makes_its_own_stages_stale(
    run_copy: Path,
    works: Works,
    capsys: pytest.CaptureFixture[str],
    setting: str,
    stale: list[str],
) -> None:
    again(run_copy, setting)
    # A new fine-tuning is a model more to score and to give away
    more = ["evaluate", "export"] if "new" in setting else []
    assert works.made == [*stale, *more]
    said = capsys.readouterr().err
    for name in stale:
        if not name.endswith("new"):
            assert f"{name} (its section of the recipe changed)" in said


@pytest.mark.parametrize(
    ("name", "stale"),
    [
        ("corpus/train.parquet", ["tokenize", *STAGES[5:7]]),
        ("corpus/heldout.parquet", ["tokenize", "evaluate"]),
        ("tokens/train.json", ["scale", "pretrain"]),
        ("checkpoints/base/model.safetensors", STAGES[5:]),
        ("finetune/chat/model.safetensors", STAGES[7:]),
    ],
)
def test_what_comes_after_a_changed_file_is_stale(
    run_copy: Path,
    works: Works,
    capsys: pytest.CaptureFixture[str],
    name: str,
    stale: list[str],
) -> None:
    with (run_copy / name).open("ab") as file:
        file.write(b" ")
    again(run_copy)
    assert works.made == stale
    said = capsys.readouterr().err
    assert f"{stale[0]} (what came before it changed)" in said


def test_what_a_stage_changes_makes_the_next_stale(
    run_copy: Path, works: Works
) -> None:
    weights = run_copy / "finetune" / "topic" / "model.safetensors"
    works.also["finetune.topic"] = lambda: weights.write_bytes(b"new")
    again(run_copy, "finetune.topic.lr=0.1")
    assert works.made == ["plan", "finetune.topic", *STAGES[7:]]


def test_changed_source_makes_its_stages_stale(
    run_copy: Path,
    works: Works,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = road.source_digest

    def changed(modules: tuple[str, ...]) -> str:
        new = "hornbook.inference.export" in modules
        return "new" if new else plain(modules)

    monkeypatch.setattr(road, "source_digest", changed)
    again(run_copy)
    assert works.made == ["export"]
    said = capsys.readouterr().err
    assert "export (its source code changed)" in said


def test_a_missing_output_is_made_again(
    run_copy: Path, works: Works, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_copy / "evaluation" / "report.json").unlink()
    again(run_copy, keep=True)
    assert works.made == ["evaluate"]
    said = capsys.readouterr().err
    assert "evaluation/report.json is missing" in said


def test_changed_examples_make_their_tuning_stale(
    run_copy: Path, works: Works
) -> None:
    data = Path("mine.csv")
    data.write_text("a,hat\n", encoding="utf-8")
    setting = f"finetune.topic.data={data}"
    again(run_copy, setting)
    works.made.clear()
    again(run_copy)
    assert works.made == []
    data.write_text("a,coat\n", encoding="utf-8")
    again(run_copy)
    assert works.made == ["finetune.topic"]


def test_keep_accepts_what_is_stale(
    run_copy: Path, works: Works, capsys: pytest.CaptureFixture[str]
) -> None:
    again(run_copy, "evaluation.shown=3", keep=True)
    assert works.made == []
    said = capsys.readouterr().err
    assert "kept, although its section of the recipe changed" in said
    # What was accepted once is stale still
    again(run_copy)
    assert works.made == ["evaluate"]


def test_a_kept_plan_serves_a_tuning_that_it_does_not_know(
    run_copy: Path, works: Works
) -> None:
    data = Path("mine.csv")
    data.write_text("a,hat\n", encoding="utf-8")
    table = {"method": "classify", "data": data, "epochs": 2}
    new = [f"finetune.new.{k}={v}" for k, v in table.items()]
    again(run_copy, *new, keep=True)
    assert works.made == ["finetune.new"]
    context = works.contexts["finetune.new"]
    assert "new" not in context.plan.trainings
    threads, cost, speed = stages.plan_own(context, "new")
    assert threads == context.plan.threads and speed > 0
    assert cost.rows == 16 and cost.disk_bytes

    # Without a length it would save what has learnt nothing
    endless = msgspec.structs.replace(
        context.recipe.finetune["new"], epochs=0.0
    )
    context.recipe.finetune["new"] = endless
    with pytest.raises(RecipeError, match="neither steps, minutes nor"):
        stages.plan_own(context, "new")


def test_force_makes_anew(run_copy: Path, works: Works) -> None:
    again(run_copy, first="pretrain", force=True)
    assert works.made == STAGES[4:]
    assert all(each.anew for each in works.contexts.values())


def test_force_can_name_one_stage(run_copy: Path, works: Works) -> None:
    again(run_copy, force="finetune")
    assert works.made == ["finetune.topic", "finetune.chat"]


def test_from_and_until_include_their_stages(
    run_copy: Path, works: Works
) -> None:
    run(run_copy, (), "curate", "finetune", force=True)
    assert works.made == STAGES[1:7]


RECIPE = load_recipe("smoke")
COMMANDS = [stage.command for stage in road.road(RECIPE)]


@given(st.sampled_from(COMMANDS), st.sampled_from(COMMANDS))
def test_any_two_stages_are_a_part_of_the_road(
    first: str, last: str
) -> None:
    everything = road.road(RECIPE)
    if COMMANDS.index(first) > COMMANDS.index(last):
        with pytest.raises(RecipeError, match="comes after"):
            choose(everything, first, last)
        return
    chosen = choose(everything, first, last)
    assert chosen[0].startswith(first) and chosen[-1].startswith(last)
    before = choose(everything, "", first)
    count = sum(name.startswith(first) for name in chosen)
    assert len(before) + len(chosen) - count == len(
        choose(everything, "", last)
    )


def test_an_unknown_stage_is_named_with_the_known() -> None:
    with pytest.raises(RecipeError, match="'bake'.*curate"):
        choose(road.road(RECIPE), "bake", "")


def test_tunings_wait_for_their_base() -> None:
    recipe = load_recipe(
        "smoke",
        [
            "finetune.topic.base=late",
            "finetune.late.base=chat",
            "finetune.late.epochs=1",
        ],
    )
    assert order_tunings(recipe) == ["chat", "late", "topic"]
    circle = load_recipe(
        "smoke",
        ["finetune.topic.base=chat", "finetune.chat.base=topic"],
    )
    with pytest.raises(RecipeError, match="topic, chat"):
        order_tunings(circle)


def test_a_new_tuning_leaves_the_steps_of_pretraining(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds: Iterator[float] = iter((1000.0, 3000.0, 9000.0))
    monkeypatch.setattr(
        PROBE,
        lambda *_: Probe(threads=1, tokens_per_second=next(speeds)),
    )

    def steps(*settings: str, **how: Any) -> int:
        minutes = ("pretrain.steps=0", "pretrain.minutes=1.0")
        run(run_copy, (*minutes, *settings), last="plan", **how)
        return stages.load_plan(run_copy).pretrain.steps

    first = steps()
    assert steps("finetune.chat.lr=0.1") == first
    assert steps("pretrain.save_seconds=9.0") == first
    # Another model has another speed, and force measures again
    assert steps("pretrain.batch=2") > first
    assert steps("pretrain.batch=2", force=True) > 2 * first


def test_text_and_tokens_need_no_measured_machine(
    tmp_path: Path, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("smoke", last="tokenize")
    assert works.made == ["curate", "tokenize"]
    run("smoke", first="plan", last="curate")
    assert works.made[2:] == ["plan", "curate"]


def test_a_missing_folder_is_told_before_the_lock(
    tmp_path: Path, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hats.toml").write_text(
        '[[corpus.source]]\nkind = "folder"\npath = "hats"\n',
        encoding="utf-8",
    )
    lock = Path("runs/hats") / LOCK
    lock.parent.mkdir(parents=True)
    lock.write_text(str(os.getppid()), encoding="utf-8")
    with pytest.raises(DataError, match="no folder 'hats'"):
        run("hats.toml")
    Path("hats").mkdir()
    with pytest.raises(DataError, match="another command"):
        run("hats.toml")


def test_new_text_is_called_so(
    tmp_path: Path,
    works: Works,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hats").mkdir()
    Path("hats.toml").write_text(
        '[[corpus.source]]\nkind = "folder"\npath = "hats"\n',
        encoding="utf-8",
    )
    outputs = Path("runs/hats/corpus")
    outputs.mkdir(parents=True)
    for name in ("train.parquet", "card.json"):
        (outputs / name).touch()
    run("hats.toml", last="curate")
    Path("hats/a.txt").write_text("A hat.", encoding="utf-8")
    run("hats.toml", last="curate")
    assert works.made == ["curate", "curate"]
    assert "curate (the text changed)" in capsys.readouterr().err


def test_a_run_in_use_is_refused(run_copy: Path, works: Works) -> None:
    lock = run_copy / LOCK
    lock.write_text(str(os.getppid()), encoding="utf-8")
    with pytest.raises(DataError, match=f"process {os.getppid()}"):
        again(run_copy, force=True)
    assert lock.exists() and works.made == []


@pytest.mark.parametrize("text", ["gone", "", "not a number"])
def test_a_lock_without_its_process_is_taken_over(
    run_copy: Path, works: Works, text: str
) -> None:
    if text == "gone":
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        text = str(gone.pid)
    (run_copy / LOCK).write_text(text, encoding="utf-8")
    again(run_copy)
    assert not (run_copy / LOCK).exists()


def test_a_failed_stage_is_not_taken_for_made(
    run_copy: Path, works: Works
) -> None:
    def fail() -> None:
        raise DataError("no hats")

    works.also["evaluate"] = fail
    with pytest.raises(DataError, match="no hats"):
        again(run_copy, "evaluation.shown=3")
    assert not (run_copy / LOCK).exists()
    del works.also["evaluate"]
    works.made.clear()
    again(run_copy)
    assert works.made == ["evaluate"]


def test_a_stage_that_was_broken_off_says_how_to_go_on(
    run_copy: Path, works: Works
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    works.also["export"] = stop
    with pytest.raises(Interrupted, match="goes on") as caught:
        again(run_copy, force=True)
    assert caught.value.exit_code == 130
    assert not (run_copy / LOCK).exists()


def unpretrained(folder: Path) -> None:
    """Throw away a run's pretraining and all that came after it."""
    for name in ("checkpoints", "finetune", "evaluation", "export"):
        shutil.rmtree(folder / name)
    (folder / "metrics.jsonl").unlink()


# Kills or interrupts its own process in the middle of pretraining
HURT = """
import os, sys
from hornbook.cli import main
from hornbook.training.loop import Trainer

update, count = Trainer.update, 0

def hurt(self, batch):
    global count
    count += 1
    if count == 3:
        os.kill(os.getpid(), int(sys.argv[1]))
    return update(self, batch)

Trainer.update = hurt
sys.exit(main(["pretrain", "runs/smoke"]))
"""


def hurt(how: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Pretrain in another process, and hurt it in the third step."""
    return subprocess.run(
        [sys.executable, "-c", HURT, str(int(how))],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_after_a_kill_the_same_losses_follow(
    run_copy: Path, walked_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unpretrained(run_copy)
    killed = hurt(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert losses(run_copy) == losses(walked_run)[:2]
    assert (run_copy / LOCK).exists()
    # A half-written line is what a kill may leave
    with (run_copy / "metrics.jsonl").open("a", encoding="utf-8") as f:
        f.write('{"step": 3, "lo')
    run(run_copy, last="pretrain")
    # The second step's checkpoint may have been in the making
    said = capsys.readouterr().err
    assert re.search("going on from step [12] of 4", said)
    assert losses(run_copy) == losses(walked_run)
    weights = "checkpoints/base/model.safetensors"
    assert (run_copy / weights).read_bytes() == (
        walked_run / weights
    ).read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_a_recipe_changed_after_a_kill_is_refused_before_all_else(
    run_copy: Path, walked_run: Path
) -> None:
    unpretrained(run_copy)
    hurt(signal.SIGKILL)
    kept = ("plan.json", "recipe.toml", "run.json")
    before = [(run_copy / name).read_bytes() for name in kept]
    for last in ("plan", "pretrain"):
        with pytest.raises(RecipeError) as caught:
            run(run_copy, ["pretrain.lr=0.5", "seed=3"], last=last)
        text = str(caught.value)
        assert re.search("stopped at step [12] of 4", text)
        assert "seed was 1 and is now 3" in text
        assert "pretrain.lr was 0.02 and is now 0.5" in text
        assert "steps was" not in text and "--force" in text
    assert [(run_copy / name).read_bytes() for name in kept] == before
    # What leaves the losses as they are may change
    run(run_copy, ["pretrain.keep=3"], last="pretrain")
    assert losses(run_copy) == losses(walked_run)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT")
def test_ctrl_c_saves_and_leaves_with_one_sentence(
    run_copy: Path, walked_run: Path
) -> None:
    unpretrained(run_copy)
    stopped = hurt(signal.SIGINT)
    assert stopped.returncode == 130
    assert "Traceback" not in stopped.stderr
    last = stopped.stderr.strip().splitlines()[-1]
    assert last.startswith("hornbook: stopped at step 3 of 4")
    assert losses(run_copy) == losses(walked_run)[:3]
    run(run_copy, last="pretrain")
    assert losses(run_copy) == losses(walked_run)


def test_two_runs_have_equal_losses(
    walked_run: Path,
    tiny: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = run("smoke", tiny, last="pretrain").path
    assert losses(folder) == losses(walked_run)
    for name in ("tokens/train.json", "model.json"):
        there = (folder / name).read_bytes()
        assert there == (walked_run / name).read_bytes()


def test_another_seed_has_other_losses(
    run_copy: Path, walked_run: Path
) -> None:
    run(run_copy, ["seed=2"], last="pretrain")
    assert len(losses(run_copy)) == 4
    assert losses(run_copy)[0] != losses(walked_run)[0]


CALLS: list[int] = []


def mine(q: Any, k: Any, v: Any, visible: Any) -> Any:
    """An attention of one's own."""
    CALLS.append(q.shape[0])
    return attend(q, k, v, visible) * 0.5


def other(q: Any, k: Any, v: Any, visible: Any) -> Any:
    """Another attention of one's own."""
    return attend(q, k, v, visible) * 0.25


def test_an_attention_of_ones_own_is_used_and_counted(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = load_record(run_copy).stages["pretrain"].parts
    monkeypatch.setitem(hb.ATTENTION, "mine", mine)
    CALLS.clear()
    record = run(run_copy, ["model.attention=mine"], last="pretrain")
    assert len(CALLS) >= 4
    theirs = record.stages["pretrain"].parts
    assert theirs["recipe"] != ours["recipe"]

    # Its source counts, not its name
    works = Works()
    monkeypatch.setattr("hornbook.stages.plan", works.work)
    monkeypatch.setattr("hornbook.stages.scale", works.work)
    monkeypatch.setattr("hornbook.stages.pretrain", works.work)
    run(run_copy, last="pretrain")
    assert works.made == []
    monkeypatch.setitem(hb.ATTENTION, "mine", other)
    run(run_copy, last="pretrain")
    assert works.made == ["plan", "scale", "pretrain"]


def test_an_attention_without_source_is_refused(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table: dict[str, Any] = {}
    exec("def f(q, k, v, visible): return v", table)
    monkeypatch.setitem(hb.ATTENTION, "mine", table["f"])
    with pytest.raises(RecipeError, match="define it in a file"):
        run(run_copy, ["model.attention=mine"], last="plan")


def test_an_attention_that_nobody_knows_is_refused(
    run_copy: Path,
) -> None:
    with pytest.raises(RecipeError, match="no attention 'their'"):
        run(run_copy, ["model.attention=their"], last="plan")


OWN = """
from hornbook.model.attention import attend

def mild(q, k, v, visible, by=1.0):
    return attend(q, k, v, visible) * by

def wild(q, k, v, visible):
    return (q @ k.mT).softmax(-1) @ v
"""


def test_an_attention_from_a_file_goes_with_its_models(
    run_copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HORNBOOK_CACHE", str(cache))
    file = Path("mine.py")
    file.write_text(OWN, encoding="utf-8")
    own = ["model.attention=mine.py:mild", "model.options.by=0.5"]
    record = run(run_copy, own, last="finetune")
    file.unlink()
    for place in ("", "checkpoints/base", "finetune/chat"):
        copy = run_copy / place / "mine.py"
        assert copy.read_text(encoding="utf-8") == OWN
    model = hb.Transformer.load(run_copy)
    assert model.config.options == {"by": 0.5}
    assert hb.Transformer.load("smoke").config == model.config

    # Another file of that name is another attention
    works = Works()
    for name in WORKS:
        monkeypatch.setattr(f"hornbook.stages.{name}", works.work)
    run(run_copy, last="pretrain")
    assert works.made == []
    file.write_text(OWN + "\n# other\n", encoding="utf-8")
    run(run_copy, last="pretrain")
    assert works.made == ["plan", "scale", "pretrain"]
    shape = load_recipe(run_copy).shape
    assert shape.code != record.recipe["model"]["code"]


def test_a_refused_recipe_leaves_the_run_as_it_was(
    run_copy: Path,
) -> None:
    names = ("recipe.toml", "run.json", "model.json")
    before = [(run_copy / name).read_bytes() for name in names]
    Path("mine.py").write_text(OWN, encoding="utf-8")
    wild = ["model.attention=mine.py:wild", "seed=7"]
    with pytest.raises(RecipeError, match="what comes after it"):
        run(run_copy, wild, last="pretrain")
    after = [(run_copy / name).read_bytes() for name in names]
    assert after == before


def test_what_no_family_can_hold_is_refused_before_training(
    run_copy: Path,
) -> None:
    Path("mine.py").write_text(OWN, encoding="utf-8")
    strange = ("attention=mine.py:mild", "pairs=64", "bias=true")
    for setting in strange:
        asked = [f"model.{setting}", "export.format=hf"]
        with pytest.raises(RecipeError, match="format = 'native'"):
            run(run_copy, asked)


def test_scores_that_are_given_up_are_named(
    run_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = ["evaluation.tasks=['bits_per_byte']"]
    run(run_copy, tasks, last="evaluate")
    told = capsys.readouterr().err
    assert "no longer holds topic_accuracy," in told
    again(run_copy, force="evaluate", last="evaluate")
    assert "no longer holds" not in capsys.readouterr().err


def test_a_run_is_found_by_its_name(run_copy: Path) -> None:
    Path("runs/other").symlink_to(run_copy.resolve())
    assert hb.evaluate("other")["tasks"]
    assert hb.open_run("other").name == "other"


def test_a_report_can_be_asked_for_some_tasks(run_copy: Path) -> None:
    whole = hb.evaluate(run_copy)
    report = json.loads(
        (run_copy / "evaluation" / "report.json").read_text("utf-8")
    )
    assert whole == report
    (name, *_) = report["tasks"]
    some = hb.evaluate(load_record(run_copy), [name])
    assert list(some["tasks"]) == [name]
    more = hb.evaluate(run_copy, [name, "minimal_pairs"])
    assert list(more["tasks"]) == [name, "minimal_pairs"]
    with pytest.raises(RecipeError, match="no task 'hats'"):
        hb.evaluate(run_copy, ["hats"])


def test_a_forecast_stands_before_pretraining_and_is_scored(
    walked_run: Path,
) -> None:
    record = load_record(walked_run)
    forecast, scored = entries(walked_run)
    made = record.stages["pretrain"]
    assert forecast.time <= made.finished and not forecast.begun
    assert forecast.tokens == made.result["tokens"]
    assert scored is not None
    assert scored.loss == made.result["heldout_loss"]
    assert scored.error == forecast.loss - scored.loss


def test_a_late_forecast_says_so_and_is_not_scored(
    run_copy: Path,
) -> None:
    run(run_copy, ["scaling.minutes=2"], last="pretrain")
    forecast, scored = entries(run_copy)
    assert forecast.begun and scored is None


def test_a_plan_shows_the_runs_own_forecast_once_there_is_one(
    run_copy: Path,
) -> None:
    own, _ = entries(run_copy)
    first = stages.load_plan(run_copy).forecast
    assert first is not None and first.kind == "prior"
    assert first != own
    again(run_copy, force="plan", last="plan")
    assert stages.load_plan(run_copy).forecast == own


def test_a_plan_is_given(run_copy: Path) -> None:
    plan = hb.plan(run_copy)
    assert (plan.pretrain.steps, plan.threads) == (4, 1)
