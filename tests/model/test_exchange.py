import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from hornbook.base.errors import (
    CorruptFileError,
    DiskError,
    HornbookError,
    ModelError,
)
from hornbook.model import exchange
from hornbook.model.exchange import verify
from hornbook.model.find import find_model
from hornbook.model.transformer import Transformer

FORMS = ["gpt2", "llama", "qwen3", "nanochat"]
KINDS = [(form, kind) for form in FORMS for kind in ("hf", "native")]
Damage = Callable[[Path], None]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ["hf", "native"])
def test_a_saved_model_is_the_same_model(
    make: Any,
    form: str,
    ids: Tensor,
    kind: str,
    tied: bool,
    tmp_path: Path,
) -> None:
    more = {} if form == "gpt2" else {"kv_heads": 2, "head_dim": 6}
    model = make(form, tied=tied, **more)
    model.save(tmp_path / "model", kind)
    found = Transformer.load(tmp_path / "model")
    assert found.config == model.config
    assert not found.training
    # Exchanged halves add up in another order
    torch.testing.assert_close(found(ids), model(ids))
    wanted = model.state_dict()
    for name, weight in found.state_dict().items():
        assert torch.equal(weight, wanted[name])
    shared = found.head.weight is found.token_emb.weight
    assert shared == tied


def test_what_no_family_has_is_kept_in_our_own_layout(
    make: Any, ids: Tensor, tmp_path: Path
) -> None:
    model = make("llama", bias=True, feedforward="relu2", softcap=9.0)
    model.save(tmp_path, "native")
    found = Transformer.load(tmp_path)
    assert torch.equal(found(ids), model(ids))


def test_an_unknown_format_is_refused(
    make: Any, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="'pickle'; known are hf"):
        make("llama").save(tmp_path / "model", "pickle")
    assert list(tmp_path.iterdir()) == []


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def noise(file: Path) -> None:
    file.write_bytes(b"\x80\x04]q\x00." * 99)


def wrong_shape(file: Path) -> None:
    def widen(name: str, tensor: Tensor) -> Tensor:
        return torch.zeros(*tensor.shape, 2)

    rewrite(file, widen)


def one_number(file: Path) -> None:
    rewrite(file, lambda name, tensor: torch.zeros(()))


def other_name(file: Path) -> None:
    tensors = load_file(file)
    name, tensor = tensors.popitem()
    save_file({**tensors, f"strange.{name}": tensor}, file)


def one_less(file: Path) -> None:
    tensors = load_file(file)
    tensors.popitem()
    save_file(tensors, file)


def rewrite(
    file: Path, change: Callable[[str, Tensor], Tensor]
) -> None:
    tensors = load_file(file)
    save_file({n: change(n, t) for n, t in tensors.items()}, file)


@pytest.mark.parametrize(
    "damage",
    [cut, empty, noise, wrong_shape, one_number, other_name, one_less],
)
@pytest.mark.parametrize(("form", "kind"), KINDS)
def test_damaged_weights_are_named(
    make: Any, form: str, kind: str, damage: Damage, tmp_path: Path
) -> None:
    make(form, layers=1).save(tmp_path, kind)
    damage(tmp_path / "model.safetensors")
    with pytest.raises(HornbookError) as caught:
        Transformer.load(tmp_path)
    text = str(caught.value)
    assert "model.safetensors" in text or "strange" in text


def test_missing_weights_are_named(make: Any, tmp_path: Path) -> None:
    make("llama").save(tmp_path, "native")
    (tmp_path / "model.safetensors").rename(tmp_path / "model.bin")
    with pytest.raises(ModelError, match="no model.safetensors"):
        Transformer.load(tmp_path)


def test_a_missing_configuration_is_named(
    make: Any, tmp_path: Path
) -> None:
    make("llama").save(tmp_path, "native")
    (tmp_path / "config.json").unlink()
    with pytest.raises(CorruptFileError, match="config.json is miss"):
        Transformer.load(tmp_path)


def test_a_classifier_is_no_language_model(
    make: Any, tmp_path: Path
) -> None:
    make("llama").save(tmp_path, "native")
    change(tmp_path, kind="classifier")
    with pytest.raises(ModelError, match="Classifier.load"):
        Transformer.load(tmp_path)


def change(folder: Path, **fields: Any) -> None:
    """Change fields of a model's configuration."""
    file = folder / "config.json"
    table = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**table, **fields}), encoding="utf-8")


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def saved(
    request: pytest.FixtureRequest,
    make: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, bytes, bytes]:
    """A model's folder, and the bytes of its two files."""
    form, kind = request.param
    folder = tmp_path_factory.mktemp("saved")
    make(form, layers=1, width=8, vocab_size=9).save(folder, kind)
    return (
        folder,
        (folder / "config.json").read_bytes(),
        (folder / "model.safetensors").read_bytes(),
    )


def try_to_load(folder: Path) -> None:
    try:
        model = Transformer.load(folder)
    except HornbookError as error:
        assert str(error)
    else:
        assert isinstance(model, Transformer)


@settings(max_examples=30)
@given(data=st.data())
def test_any_bytes_load_or_are_refused_in_a_sentence(
    saved: tuple[Path, bytes, bytes], data: st.DataObject
) -> None:
    folder, *files = saved
    which = data.draw(st.sampled_from([0, 1]))
    old = files[which]
    # The beginning of a safetensors file describes its tensors
    place = data.draw(st.integers(0, min(len(old), 1200) - 1))
    put = data.draw(st.binary(max_size=3) | st.just(b"9999999999"))
    rest = place + data.draw(st.integers(0, 4))
    files[which] = old[:place] + put + old[rest:]
    (folder / "config.json").write_bytes(files[0])
    (folder / "model.safetensors").write_bytes(files[1])
    try_to_load(folder)


VALUES = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 3, 1e30, 1 << 40, 1 << 70, "8", "rope"])
    | st.lists(st.just(8), max_size=2)
    | st.just({"rope_type": "yarn"})
)


@settings(max_examples=30)
@given(data=st.data())
def test_any_configuration_loads_or_is_refused_in_a_sentence(
    saved: tuple[Path, bytes, bytes], data: st.DataObject
) -> None:
    folder, config, weights = saved
    table = json.loads(config)
    inner = table.get("model", table)
    name = data.draw(st.sampled_from(sorted(inner)))
    inner[name] = data.draw(VALUES)
    (folder / "config.json").write_text(
        json.dumps(table), encoding="utf-8"
    )
    (folder / "model.safetensors").write_bytes(weights)
    try_to_load(folder)


def put_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").touch()
    return folder


def test_a_run_is_searched_for_its_model(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "demo"
    run.mkdir(parents=True)
    (run / "run.json").touch()
    with pytest.raises(ModelError, match="no finished model yet"):
        find_model(run)
    base = put_model(run / "checkpoints" / "base")
    assert find_model(run) == find_model(f"{run}:base") == base
    with pytest.raises(ModelError, match="no finished model chat"):
        find_model(f"{run}:chat")
    chat = put_model(run / "finetune" / "chat")
    topic = put_model(run / "finetune" / "topic")
    assert find_model(str(run)) == find_model(f"{run}:chat") == chat
    assert find_model(f"{run}:topic") == topic
    assert find_model(f"{run}:base") == base
    best = put_model(run / "checkpoints" / "best")
    assert find_model(f"{run}:best") == best
    assert find_model(str(run)) == chat
    assert find_model(base) == base


@pytest.mark.parametrize("path", ["nowhere", "no:where", "a:b:c"])
def test_nonsense_is_no_model(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="no (finished )?model"):
        find_model(path)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(ModelError, match="there is no model at"):
        find_model(tmp_path / "model.bin")


def full(*args: Any, **options: Any) -> None:
    raise SafetensorError("I/O error: No space left on device")


def no_room(*args: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("name", "call"),
    [("save_file", full), ("write_json", no_room)],
)
def test_a_full_disk_leaves_the_earlier_model(
    make: Any,
    ids: Tensor,
    name: str,
    call: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, other = make("llama"), make("gpt2")
    model.save(tmp_path / "model")
    monkeypatch.setattr(exchange, name, call)
    with pytest.raises(DiskError, match="could not be written"):
        other.save(tmp_path / "model")
    found = Transformer.load(tmp_path / "model")
    torch.testing.assert_close(found(ids), model(ids))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_export_is_read_again(
    make: Any, form: str, tmp_path: Path
) -> None:
    model = make(form)
    model.save(tmp_path / "model", "native")
    said = "verified: re-read with equal logits"
    assert verify(model, tmp_path / "model") == said
    model.blocks[0].attention.to_v.weight.mul_(-1)
    with pytest.raises(ModelError, match="gives other logits"):
        verify(model, tmp_path / "model")


def test_weights_in_several_files_are_joined(
    make: Any, ids: Tensor, tmp_path: Path
) -> None:
    model = make("llama")
    model.save(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    file.unlink()
    for index, name in enumerate(sorted(tensors)):
        part = tmp_path / f"model-{index:05}-of-00099.safetensors"
        save_file({name: tensors[name]}, part)
    torch.testing.assert_close(
        Transformer.load(tmp_path)(ids), model(ids)
    )
