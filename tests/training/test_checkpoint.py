import errno
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hornbook.base.errors import (
    CorruptFileError,
    DiskError,
    HornbookError,
    RecipeError,
)
from hornbook.model import exchange
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training import checkpoint
from hornbook.training.adamw import AdamW
from hornbook.training.checkpoint import Progress

ASKED = {"lr": 0.1, "steps": 9}


def learner(form: str = "nanochat") -> tuple[Any, list[Any]]:
    """A model and an optimiser that remember something."""
    shape = make_config(
        form=form, vocab_size=9, layers=1, width=8, heads=2
    )
    model = Transformer(shape)
    optimizer = AdamW(list(model.parameters()), 0.1, 0.9, 0.99)
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight)
    optimizer.step(0, 1.0)
    return model, [optimizer]


def save(folder: Path, step: int, keep: int = 2) -> Any:
    model, optimizers = learner()
    progress = Progress(step, step * 8, 1.5, 0.5)
    write(folder, model, optimizers, progress, keep)
    return model, optimizers


def write(
    folder: Path,
    model: Any,
    optimizers: Any,
    progress: Progress,
    keep: int = 2,
) -> None:
    taken = checkpoint.snapshot(model, optimizers, progress, ASKED)
    checkpoint.write(taken, folder, keep)


def state_of(model: nn.Module, optimizers: list[Any]) -> Any:
    memory = [o.state() for o in optimizers]
    return [*model.state_dict().values()] + [
        tensor for part in memory for tensor in part.values()
    ]


@pytest.mark.parametrize("form", ["gpt2", "nanochat"])
def test_all_that_was_saved_comes_back(
    form: str, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    model, optimizers = learner(form)
    before = Progress(3, 24, 1.5, 0.25)
    write(tmp_path, model, optimizers, before)
    drawn = torch.rand(3)
    other, fresh = learner(form)
    after = checkpoint.resume(tmp_path, other, fresh, ASKED)
    assert after == before
    assert torch.equal(torch.rand(3), drawn)
    pairs = zip(
        state_of(model, optimizers), state_of(other, fresh), strict=True
    )
    assert all(torch.equal(one, two) for one, two in pairs)
    if form == "gpt2":
        assert other.head.weight is other.token_emb.weight


def test_nothing_saved_is_a_beginning(tmp_path: Path) -> None:
    found = checkpoint.resume(tmp_path / "no", *learner(), ASKED)
    assert found == Progress()


@pytest.mark.parametrize("keep", [1, 3])
def test_the_newest_are_kept(keep: int, tmp_path: Path) -> None:
    for step in (2, 30, 4, 1000, 9):
        save(tmp_path, step, keep)
    names = [path.name for path in checkpoint.found(tmp_path)]
    steps = [9, 30, 1000][-keep:]
    assert names == [f"step-{step:07}" for step in steps]
    progress = checkpoint.resume(tmp_path, *learner(), ASKED)
    assert progress.step == 1000


def test_half_written_folders_are_no_checkpoints(
    tmp_path: Path,
) -> None:
    save(tmp_path, 1)
    half = tmp_path / ".step-0000002.new"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    (tmp_path / "step-0000003").touch()
    progress = checkpoint.resume(tmp_path, *learner(), ASKED)
    assert progress.step == 1


def test_what_a_killed_writer_left_is_cleared_away(
    tmp_path: Path,
) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    (tmp_path / "step-0000002").rename(tmp_path / ".step-0000002.old")
    for name in (".step-0000002.new", ".step-0000001.gone"):
        (tmp_path / name).mkdir()
    # A kill between two renames left the newest under another name
    progress = checkpoint.resume(tmp_path, *learner(), ASKED)
    assert progress.step == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-0000001", "step-0000002",
    ]


def test_a_snapshot_stays_as_it_was_taken() -> None:
    model, optimizers = learner()
    progress = Progress(3)
    taken = checkpoint.snapshot(model, optimizers, progress, ASKED)
    before = {k: t.clone() for k, t in taken.weights.items()}
    memory = {k: t.clone() for k, t in taken.memory.items()}
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight)
    optimizers[0].step(1, 1.0)
    progress.step = 4
    assert taken.progress.step == 3
    for old, new in ((before, taken.weights), (memory, taken.memory)):
        assert all(torch.equal(old[name], new[name]) for name in old)


FILES = ["model.safetensors", "optimizer.safetensors", "state.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    save(tmp_path, 1)
    path = tmp_path / "step-0000001" / name
    path.unlink()
    with pytest.raises(HornbookError) as caught:
        checkpoint.resume(tmp_path, *learner(), ASKED)
    text = str(caught.value)
    assert text == (
        f"{path} is damaged; no whole checkpoint stands beside it: "
        "begin anew with --force"
    )


@pytest.fixture(scope="module")
def saved(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Any]:
    """A checkpoint, and a learner to put it into."""
    folder = tmp_path_factory.mktemp("checkpoints")
    save(folder, 1)
    return folder, learner()


DAMAGE = st.sampled_from(["flip", "cut", "longer", "zeros"])


def damage(data: bytes, how: str, place: int, bits: int) -> bytes:
    """Spoil the bytes of a file at some place."""
    head, tail = data[:place], data[place + 1 :]
    return {
        "flip": head + bytes([data[place] ^ bits]) + tail,
        "cut": head,
        "longer": data + bytes([bits]),
        "zeros": head + bytes(len(data) - place),
    }[how]


@settings(max_examples=250)
@given(data=st.data(), name=st.sampled_from(FILES), how=DAMAGE)
def test_any_damage_is_noticed_and_named(
    saved: tuple[Path, Any], data: st.DataObject, name: str, how: str
) -> None:
    folder, (model, optimizers) = saved
    path = folder / "step-0000001" / name
    old = path.read_bytes()
    place = data.draw(st.integers(0, len(old) - 1))
    new = damage(old, how, place, data.draw(st.integers(1, 255)))
    harmless = name == "state.json" and same_json(old, new)
    path.write_bytes(new)
    try:
        if new == old or harmless:
            assert checkpoint.resume(
                folder, model, optimizers, ASKED
            ).step == 1
            return
        before = [t.clone() for t in state_of(model, optimizers)]
        with pytest.raises(HornbookError) as caught:
            checkpoint.resume(folder, model, optimizers, ASKED)
        assert str(path.parent) in str(caught.value)
        assert "--force" in str(caught.value)
        # Nothing of it has reached the model
        after = state_of(model, optimizers)
        assert all(map(torch.equal, before, after))
    finally:
        path.write_bytes(old)


@pytest.mark.parametrize(
    "change",
    [
        ('"step": 1', '"step": 3'),
        ('"tokens": 8', '"tokens": 9'),
        ('"heldout_loss": null', '"heldout_loss": 1.5'),
        ('"steps": 9', '"steps": 8'),
    ],
)
def test_numbers_that_could_be_true_are_not_believed(
    change: tuple[str, str], saved: tuple[Path, Any]
) -> None:
    folder, (model, optimizers) = saved
    path = folder / "step-0000001" / "state.json"
    old = path.read_text(encoding="utf-8")
    assert change[0] in old
    path.write_text(old.replace(*change), encoding="utf-8")
    try:
        with pytest.raises(CorruptFileError, match="state.json is dam"):
            checkpoint.resume(folder, model, optimizers, ASKED)
    finally:
        path.write_text(old, encoding="utf-8")


def same_json(one: bytes, other: bytes) -> bool:
    """Whether two texts say the same, as a changed blank may."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


BROKEN = st.sampled_from(
    [[], None, 3, "x", {"step": "x"}, {"steps": "x"}, ASKED]
)


@settings(max_examples=40)
@given(
    name=st.sampled_from(["progress", "asked", "digests", "seal", ""]),
    value=BROKEN,
)
def test_a_state_of_any_shape_is_refused_in_a_sentence(
    saved: tuple[Path, Any], name: str, value: Any
) -> None:
    folder, (model, optimizers) = saved
    path = folder / "step-0000001" / "state.json"
    old = path.read_bytes()
    state = {**json.loads(old), name: value} if name else value
    path.write_text(json.dumps(state), encoding="utf-8")
    try:
        with pytest.raises(HornbookError, match="step-0000001.*--forc"):
            checkpoint.resume(folder, model, optimizers, ASKED)
    finally:
        path.write_bytes(old)


def reseal(place: Path, **changes: Any) -> None:
    """Change a state as another version of ours could have."""
    path = place / "state.json"
    told = {**json.loads(path.read_bytes()), **changes}
    state = msgspec.convert(told, checkpoint.State)
    told["seal"] = state.sealed()
    path.write_text(json.dumps(told), encoding="utf-8")


def test_a_checkpoint_of_another_version_is_refused_and_kept(
    tmp_path: Path,
) -> None:
    save(tmp_path, 1)
    place = tmp_path / "step-0000001"
    reseal(place, asked={**ASKED, "format": 99})
    with pytest.raises(
        RecipeError,
        match="format of checkpoints was 99 and is now 2.*--force",
    ):
        checkpoint.resume(tmp_path, *learner(), ASKED)
    # One of before there were seals, unfinished and finished
    state = json.loads((place / "state.json").read_bytes())
    del state["seal"]
    for wished, expected in ((9, RecipeError), (1, None)):
        state["asked"] = {"lr": 0.1, "steps": wished}
        (place / "state.json").write_text(
            json.dumps(state), encoding="utf-8"
        )
        if expected:
            with pytest.raises(expected, match="was None and is now 2"):
                checkpoint.resume(tmp_path, *learner(), ASKED)
            assert place.exists()
    done = checkpoint.resume(tmp_path, *learner(), ASKED)
    assert done == Progress() and not place.exists()


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    save(tmp_path, 1)
    shape = make_config(
        form="nanochat", vocab_size=9, layers=1, width=16, heads=2
    )
    model = Transformer(shape)
    optimizer = AdamW(list(model.parameters()), 0.1, 0.9, 0.99)
    with pytest.raises(CorruptFileError) as caught:
        checkpoint.resume(tmp_path, model, [optimizer], ASKED)
    assert "model.safetensors: tensor blocks.0." in str(caught.value)
    small, _ = learner()
    with pytest.raises(CorruptFileError, match="tensor 0.m.0 has"):
        checkpoint.resume(tmp_path, small, [], ASKED)


def test_an_older_checkpoint_serves_for_a_damaged_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (1, 2, 3):
        save(tmp_path, step, keep=3)
    for step in (2, 3):
        (tmp_path / f"step-000000{step}" / FILES[0]).write_bytes(b"")
    done = checkpoint.resume(tmp_path, *learner(), ASKED)
    assert done.step == 1
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("is damaged; it was renamed to damaged-step") == 2
    assert "goes on from step-0000001, with the same losses" in said
    # The damaged ones crowd no whole one out, and are cleared at last
    save(tmp_path, 2)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "step-0000001", "step-0000002",
        "damaged-step-0000002", "damaged-step-0000003",
    }
    checkpoint.clear(tmp_path)
    assert not list(tmp_path.iterdir())


class Faults:
    """Fails one of the system's calls with a full disk: the nth."""

    def __init__(self, patch: pytest.MonkeyPatch, nth: int) -> None:
        self.left, self.struck = nth, ""
        for home, name in (
            (exchange, "save_file"), (os, "open"), (os, "fsync"),
            (os, "replace"), (os, "fdopen"), (os, "mkdir"),
            (os, "chmod"), (os, "rmdir"), (os, "unlink"),
        ):
            self.wrap(patch, home, name)

    def wrap(
        self, patch: pytest.MonkeyPatch, home: Any, name: str
    ) -> None:
        real = getattr(home, name)

        def call(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                self.struck = name
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*args, **options)

        patch.setattr(home, name, call)


def test_a_full_disk_at_any_call_loses_nothing(tmp_path: Path) -> None:
    save(tmp_path, 1)
    struck = []
    for nth in range(1, 200):
        with pytest.MonkeyPatch.context() as patch:
            faults = Faults(patch, nth)
            try:
                save(tmp_path, 1 + nth)
            except DiskError as error:
                assert ";" in str(error)
        done = checkpoint.resume(tmp_path, *learner(), ASKED)
        assert done.step >= 1
        left = {path.name for path in tmp_path.iterdir()}
        assert all(name.startswith("step-") for name in left), left
        if not faults.struck:
            assert done.step == 1 + nth
            break
        struck.append(faults.struck)
    assert {"save_file", "fsync", "replace", "mkdir"} <= set(struck)
    assert len(struck) > 12


@pytest.mark.skipif(os.name == "nt", reason="limits are of Unix")
def test_a_file_that_cannot_grow_loses_nothing(tmp_path: Path) -> None:
    import resource

    save(tmp_path, 1)
    sizes = [
        path.stat().st_size
        for path in (tmp_path / "step-0000001").iterdir()
    ]
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in range(0, max(sizes), max(sizes) // 12):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
        try:
            with pytest.raises(DiskError, match="written|full"):
                save(tmp_path, 2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
        left = [path.name for path in tmp_path.iterdir()]
        assert left == ["step-0000001"]
    save(tmp_path, 2)
    assert checkpoint.resume(tmp_path, *learner(), ASKED).step == 2


def test_clearing_leaves_other_folders_alone(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "base").mkdir()
    checkpoint.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["base"]
