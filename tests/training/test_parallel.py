import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from hornbook.base.errors import RecipeError
from hornbook.base.store import read_jsonl
from hornbook.base.world import World
from hornbook.model.transformer import Transformer
from hornbook.training import parallel
from hornbook.training.checkpoint import load_best
from hornbook.training.config import TrainingConfig
from hornbook.training.tensors import DICE

SCRIPT = Path(__file__).with_name("ranks.py")
TORCHRUN = (
    sys.executable, "-m", "torch.distributed.run", "--standalone",
)
PATIENCE_SECONDS = 600
BOTH = ("ddp", "fsdp")
OPTIMIZERS = ("adamw", "muon")

spec = importlib.util.spec_from_file_location("ranks", SCRIPT)
assert spec is not None and spec.loader is not None
ranks: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ranks)


def torchrun(
    *words: str, processes: int = 2, folder: Path | None = None
) -> tuple[int, str, str]:
    """Start processes together; give status, output and errors."""
    command = [*TORCHRUN, f"--nproc-per-node={processes}", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        encoding="utf-8", cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as running:
        try:
            out, err = running.communicate(timeout=PATIENCE_SECONDS)
        finally:
            # torchrun ends its processes when it is asked to end
            if running.poll() is None:
                running.send_signal(signal.SIGTERM)
    return running.returncode, out, err


def together(
    folder: Path, *jobs: dict[str, Any], processes: int = 2
) -> tuple[int, str]:
    """Make jobs in processes of their own; give status and errors."""
    file = folder / f"jobs-{processes}.json"
    told = [{**j, "folder": str(folder / j["folder"])} for j in jobs]
    file.write_text(json.dumps(told), encoding="utf-8")
    words = (str(SCRIPT), str(file))
    status, _, err = torchrun(*words, processes=processes)
    return status, err


def job(folder: str, how: str, optimizer: str, **more: Any) -> Any:
    return {
        "folder": folder, "parallel": how, "optimizer": optimizer,
        **more,
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trainings of one process and of two, whole and broken off.

    One start of two processes serves them all.
    """
    folder = tmp_path_factory.mktemp("trained")

    def here(*jobs: dict[str, Any]) -> None:
        for each in jobs:
            ranks.learn({**each, "folder": folder / each["folder"]})

    # One process, whole; and broken off, for two to go on
    here(*(job(f"none-{o}", "none", o) for o in OPTIMIZERS))
    here(job("mean-none", "none", "muon", ema=0.9, keep_best=True))
    for how in BOTH:
        here(job(f"one-{how}", "none", "muon", stop=ranks.STOP))

    # Two processes
    status, err = together(
        folder,
        *(job(f"{p}-{o}", p, o) for p in BOTH for o in OPTIMIZERS),
        *(job(f"one-{p}", p, "muon") for p in BOTH),
        *(job(f"two-{p}", p, "muon", stop=ranks.STOP) for p in BOTH),
        job("short", "fsdp", "muon", precision="fp16"),
        *(
            job(f"mean-{p}", p, "muon", ema=0.9, keep_best=True)
            for p in BOTH
        ),
        *(job(f"broken-{p}", p, "muon", breaks=5) for p in BOTH),
    )
    assert status == 0, err

    # One process goes on with what two began
    here(*(job(f"two-{how}", "none", "muon") for how in BOTH))
    here(job("short-none", "none", "muon", precision="fp16"))
    return folder


def numbers(folder: Path) -> dict[str, float]:
    """Read all losses of a training."""
    lines = read_jsonl(folder / "metrics.jsonl")
    found = {
        f"{line['step']} {name}": line[name]
        for line in lines
        for name in ("loss", "heldout_loss")
        if name in line
    }
    assert len(lines) == len(found) == ranks.STEPS + 2
    return found


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("how", BOTH)
def test_two_ranks_learn_what_one_process_does(
    trained: Path, how: str, optimizer: str
) -> None:
    one = numbers(trained / f"none-{optimizer}")
    two = numbers(trained / f"{how}-{optimizer}")
    assert two == pytest.approx(one, rel=1e-5)
    assert one["20 loss"] < 0.9 * one["1 loss"]


@pytest.mark.slow
@pytest.mark.parametrize("begun", ["one", "two"])
@pytest.mark.parametrize("how", BOTH)
def test_a_checkpoint_serves_another_number_of_ranks(
    trained: Path, how: str, begun: str
) -> None:
    whole = numbers(trained / "none-muon")
    assert numbers(trained / f"{begun}-{how}") == pytest.approx(
        whole, rel=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", BOTH)
def test_the_finished_model_is_whole(trained: Path, how: str) -> None:
    one = Transformer.load(trained / "none-muon" / "model")
    two = Transformer.load(trained / f"{how}-muon" / "model")
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_every_rank_saves_its_own_parts(trained: Path) -> None:
    (newest,) = (trained / "fsdp-muon" / "checkpoints").iterdir()
    first, second, state = sorted(f.name for f in newest.iterdir())
    assert (newest.name, state) == ("step-0000020", "state.json")
    one, two = (load_file(newest / name) for name in (first, second))
    # The dice are those of the first rank
    dice = {name for name in one if name.startswith(DICE)}
    assert dice and not dice & set(two)
    sizes = [
        sum(part[n].numel() for n in set(part) - dice)
        for part in (one, two)
    ]
    assert abs(sizes[0] - sizes[1]) < 0.2 * sizes[0]
    state = json.loads((newest / state).read_text(encoding="utf-8"))
    assert sorted(state["digests"]) == [first, second]


@pytest.mark.slow
def test_short_numbers_are_scaled_on_every_rank(trained: Path) -> None:
    one = numbers(trained / "short-none")
    assert numbers(trained / "short") == pytest.approx(one, rel=2e-2)
    assert one["20 loss"] < 0.9 * one["1 loss"]


@pytest.mark.slow
@pytest.mark.parametrize("how", BOTH)
def test_the_mean_of_the_weights_is_that_of_one_process(
    trained: Path, how: str
) -> None:
    one = numbers(trained / "mean-none")
    assert numbers(trained / f"mean-{how}") == pytest.approx(
        one, rel=1e-5
    )
    plain = numbers(trained / "none-muon")
    assert one["20 heldout_loss"] != plain["20 heldout_loss"]
    # The best checkpoint is found, whoever wrote it, and is whole
    for name in ("none", how):
        model = Transformer(ranks.SHAPE)
        folder = trained / f"mean-{name}" / "checkpoints"
        done = load_best(folder, model)
        assert done is not None and done.step == 20
        assert done.heldout_loss == pytest.approx(
            one["20 heldout_loss"], rel=1e-5
        )


@pytest.mark.slow
@pytest.mark.parametrize("how", BOTH)
def test_what_breaks_on_one_rank_stops_all_and_is_named(
    trained: Path, how: str
) -> None:
    folder = trained / f"broken-{how}"
    lines = read_jsonl(folder / "metrics.jsonl")
    assert [line["step"] for line in lines if "loss" in line] == [
        1, 2, 3, 4, 5,
    ]
    (event,) = (line for line in lines if "event" in line)
    assert (event["step"], event["kind"]) == (6, "activation")
    assert event["tensor"] == "blocks.1.attention"
    assert not (folder / "model").exists()


@pytest.mark.parametrize("how", BOTH)
def test_a_rank_that_dies_ends_the_others(
    tmp_path: Path, how: str
) -> None:
    begun = job("run", how, "adamw", stop=3, dies=1)
    status, err = together(tmp_path, begun)
    assert status != 0
    assert "rank 0: another process of this training ended" in err
    assert "goes on from the last checkpoint" in err
    assert "[rank0]: Traceback" not in err
    # What was saved before serves one process
    ranks.learn(job(tmp_path / "run", "none", "adamw"))
    numbers(tmp_path / "run")


def pretend(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let this process think that torchrun started so many."""
    here = World(size=size, local_size=size, launched=True)
    monkeypatch.setattr(parallel, "world", lambda: here)


def test_a_batch_that_ranks_cannot_share_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(monkeypatch, 3)
    parallel.check(TrainingConfig(parallel="ddp", batch=6))
    with pytest.raises(RecipeError) as caught:
        parallel.check(TrainingConfig(parallel="ddp", batch=16))
    assert str(caught.value) == (
        "pretrain.batch is 16 rows, which 3 processes cannot share "
        "evenly; choose a multiple of 3"
    )


def test_processes_without_shared_work_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(monkeypatch, 2)
    with pytest.raises(RecipeError, match="started 2 processes"):
        parallel.check(TrainingConfig())
    pretend(monkeypatch, 1)
    parallel.check(TrainingConfig())


def test_shared_work_without_processes_says_what_to_type() -> None:
    with pytest.raises(RecipeError) as caught:
        parallel.check(TrainingConfig(parallel="fsdp"))
    assert parallel.COMMAND in str(caught.value)


def test_more_processes_than_gpus_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(monkeypatch, 4)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(RecipeError, match="--nproc-per-node=2"):
        parallel.check(TrainingConfig(parallel="ddp"))


def test_ranks_take_every_row_once() -> None:
    batch = {"ids": torch.arange(12).reshape(6, 2)}
    parts = [
        parallel.rows(batch, World(rank=rank, size=3))["ids"]
        for rank in range(3)
    ]
    assert torch.equal(torch.cat(parts), batch["ids"])
    assert {len(part) for part in parts} == {2}


@pytest.mark.slow
def test_the_road_is_walked_by_one_and_shared_where_it_can_be(
    run_copy: Path,
) -> None:
    before = json.loads((run_copy / "run.json").read_text("utf-8"))
    words = ("-m", "hornbook", "evaluate", str(run_copy), "--json")
    settings = (
        "pretrain.parallel=fsdp", "pretrain.precision=fp32",
        "pretrain.save_seconds=60",
    )
    given = [word for each in settings for word in ("--set", each)]
    status, out, err = torchrun(*words, *given)
    assert status == 0, err
    # One result, and one line for each step
    assert json.loads(out)["evaluate"]["tasks"]
    lines = read_jsonl(run_copy / "metrics.jsonl")
    steps = [line["step"] for line in lines if "loss" in line]
    assert steps == [1, 2, 3, 4]
    after = json.loads((run_copy / "run.json").read_text("utf-8"))
    for name in ("pretrain", "evaluate"):
        old, new = before["stages"][name], after["stages"][name]
        assert old["digest"] != new["digest"]
    # What was made together is kept by one process alone
    words = (sys.executable, "-m", "hornbook", "pretrain")
    done = subprocess.run(
        [*words, str(run_copy)], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert "pretrain       kept" in done.stderr
