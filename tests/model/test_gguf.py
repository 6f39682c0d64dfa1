from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hornbook.base.errors import (
    CorruptFileError,
    DataError,
    HornbookError,
    ModelError,
)
from hornbook.model.exchange import load_shape, verify
from hornbook.model.gguf import halved
from hornbook.model.gguf_write import paired
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

TOK = Tokenizer.train(
    ["A hat is a head covering. A cap is one too."],
    290,
    "gpt2",
    SPECIALS,
)
SHAPE: dict[str, Any] = {
    "vocab_size": 290,
    "width": 64,
    "heads": 2,
    "kv_heads": 1,
    "hidden": 96,
    "layers": 1,
}


def rounded(weight: Tensor) -> Tensor:
    return weight if weight.dim() == 1 else weight.half().float()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("as_folder", [True, False])
def test_a_model_is_read_back_at_16_bits(
    make: Any, tied: bool, as_folder: bool, tmp_path: Path
) -> None:
    more = {"head_dim": 16, "rope_theta": 5e4, "eps": 1e-5}
    model = make("llama", **SHAPE | more, tied=tied)
    place = tmp_path / ("out" if as_folder else "out.gguf")
    model.save(place, "gguf", TOK)
    found = Transformer.load(place)
    assert found.config == model.config == load_shape(place)
    for name, weight in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], rounded(weight))
    tok = Tokenizer.load(place)
    assert tok.vocabulary == TOK.vocabulary
    assert "every weight" in verify(model, place)


def test_rows_change_places_and_come_back() -> None:
    rows = torch.arange(16.0)[:, None].expand(16, 3)
    assert torch.equal(halved(paired(rows, 2), 2), rows)
    side_by_side = paired(rows, 2)[:, 0].tolist()
    assert side_by_side[:4] == [0.0, 4.0, 1.0, 5.0]


def test_more_rows_than_tokens_are_filled(
    make: Any, tmp_path: Path
) -> None:
    model = make("llama", **SHAPE | {"vocab_size": 300})
    model.save(tmp_path / "out", "gguf", TOK)
    tok = Tokenizer.load(tmp_path / "out")
    assert tok.vocabulary == TOK.vocabulary
    assert Transformer.load(tmp_path / "out").config.vocab_size == 300


def write(
    file: Path,
    model: Transformer,
    kind: Kind = Kind.F32,
    arch: str = "llama",
    **changes: Any,
) -> Path:
    """Write a model as llama.cpp's converter does, values changed."""
    c = model.config
    writer = gguf.GGUFWriter(file, arch)
    values: dict[str, Any] = {
        "block_count": c.layers,
        "embedding_length": c.width,
        "feed_forward_length": c.hidden,
        "context_length": c.context,
        "attention.head_count": c.heads,
        "attention.head_count_kv": c.kv_heads,
        "attention.layer_norm_rms_epsilon": c.eps,
        "rope.freq_base": c.rope_theta,
        "rope.dimension_count": c.head_dim,
    } | {k.replace("__", "."): v for k, v in changes.items()}
    for name, value in values.items():
        if isinstance(value, str):
            writer.add_string(f"{arch}.{name}", value)
        elif isinstance(value, float):
            writer.add_float32(f"{arch}.{name}", value)
        elif value is not None:
            writer.add_uint32(f"{arch}.{name}", value)
    for name, weight in model.state_dict().items():
        if name == "head.weight" and c.tied:
            continue
        numbers = their_rows(name, weight, c).numpy()
        kind_of = Kind.F32 if weight.dim() == 1 else kind
        data = gguf.quantize(np.ascontiguousarray(numbers), kind_of)
        writer.add_tensor(their_name(name), data, raw_dtype=kind_of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def their_rows(name: str, weight: Tensor, c: Any) -> Tensor:
    """Permute rows by the converter's own formula."""
    for part, heads in (("to_q", c.heads), ("to_k", c.kv_heads)):
        if part in name:
            half = len(weight) // heads // 2
            shape = (heads, 2, half, weight.shape[1])
            return weight.reshape(shape).swapaxes(1, 2).reshape(
                weight.shape
            )
    return weight


def their_name(name: str) -> str:
    """Name a tensor as the converter does."""
    for ours, theirs in (
        ("blocks.", "blk."),
        ("attention_norm", "attn_norm"),
        ("feedforward_norm", "ffn_norm"),
        ("attention.to_out", "attn_output"),
        ("attention.to_", "attn_"),
        ("feedforward.", "ffn_"),
        ("embedding.token_emb", "token_embd"),
        ("head.", "output."),
    ):
        name = name.replace(ours, theirs)
    return "output_norm.weight" if name == "norm.weight" else name


KINDS = ("F32", "F16", "BF16", "Q8_0", "Q5_0", "Q5_1", "Q4_0", "Q4_1")


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_writing_numbers_is_read(
    make: Any, kind: str, tmp_path: Path
) -> None:
    model = make("llama", **SHAPE)
    found = Transformer.load(
        write(tmp_path / "m.gguf", model, Kind[kind])
    )
    worst = {"F32": 0.0, "F16": 1e-3, "BF16": 1e-2, "Q8_0": 1e-2}
    for name, weight in model.state_dict().items():
        gap = (found.state_dict()[name] - weight).abs().max()
        most = 0.0 if weight.dim() == 1 else worst.get(kind, 0.15)
        assert gap <= most * float(weight.abs().max()), name
        if weight.dim() == 2:
            assert float(gap) > 0 or kind == "F32"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arch": "mamba"}, "architecture = 'mamba'"),
        ({"rope__scaling__type": "yarn"}, "scaling.type = 'yarn'"),
        ({"rope__scaling__factor": 2.0}, "rope.scaling.factor"),
        ({"attention__sliding_window": 8}, "sliding_window = 8"),
        ({"expert_count": 4}, "expert_count = 4"),
        ({"rope__dimension_count": 16}, "dimension_count = 16"),
        ({"attention__value_length": 16}, "value_length = 16"),
        ({"block_count": None}, "layers is missing"),
        ({"attention__head_count": 3}, "not divisible"),
        (
            {"feed_forward_length": 1 << 30},
            "far fewer than the model",
        ),
        ({"block_count": 2}, "lacks tensor blocks.1"),
    ],
)
def test_what_is_not_computed_here_is_refused_by_name(
    make: Any, changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "m.gguf", make("llama", **SHAPE), **changes)
    with pytest.raises(HornbookError, match=says) as caught:
        Transformer.load(file)
    assert "m.gguf" in str(caught.value)


def test_an_unknown_quantisation_is_named(
    make: Any, tmp_path: Path
) -> None:
    file = write(tmp_path / "m.gguf", make("llama", **SHAPE))
    data = file.read_bytes()
    place = data.index(b"blk.0.attn_q.weight") + 19 + 4 + 16
    assert data[place : place + 4] == bytes(4)
    file.write_bytes(data[:place] + b"\x0c" + data[place + 1 :])
    with pytest.raises(ModelError, match="attn_q.weight.* Q4_K; known"):
        Transformer.load(file)


def test_tensors_in_each_other_are_refused(
    make: Any, tmp_path: Path
) -> None:
    """Few bytes must not claim to be many numbers."""
    file = write(tmp_path / "m.gguf", make("llama", **SHAPE))
    data = bytearray(file.read_bytes())
    for name in ("ffn_up", "ffn_down", "ffn_gate", "attn_v"):
        stem = f"blk.0.{name}.weight".encode()
        place = data.index(stem) + len(stem) + 4 + 16 + 4
        data[place : place + 8] = bytes(8)
    file.write_bytes(bytes(data[: len(data) - 40_000]))
    with pytest.raises(CorruptFileError, match="m.gguf"):
        Transformer.load(file)


@pytest.fixture(scope="module")
def small(
    make: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A small file that stays whole."""
    file = tmp_path_factory.mktemp("small") / "whole.gguf"
    with torch.no_grad():
        return write(file, make("llama", **SHAPE), Kind.Q8_0)


@settings(max_examples=40)
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_refused(
    small: Path, part: float
) -> None:
    file, whole = small.with_name("m.gguf"), small.read_bytes()
    # Behind the last tensor lies nothing but filling
    file.write_bytes(whole[: int(part * (len(whole) - 64))])
    with pytest.raises(CorruptFileError, match="m.gguf"):
        Transformer.load(file)


@settings(max_examples=60)
@given(data=st.data())
def test_any_bytes_load_or_are_refused_in_a_sentence(
    small: Path, data: st.DataObject
) -> None:
    file, whole = small.with_name("m.gguf"), small.read_bytes()
    place = data.draw(st.integers(0, 1600))
    put = data.draw(st.binary(max_size=4) | st.just(b"\xff" * 8))
    rest = place + data.draw(st.integers(0, 8))
    file.write_bytes(whole[:place] + put + whole[rest:])
    try:
        model = Transformer.load(file)
    except HornbookError as error:
        assert str(error)
    else:
        assert isinstance(model, Transformer)


def test_what_it_cannot_hold_is_refused_by_name(
    make: Any, tmp_path: Path
) -> None:
    place = tmp_path / "out.gguf"
    with pytest.raises(ModelError, match="this is qwen3"):
        make("qwen3", **SHAPE).save(place, "gguf", TOK)
    with pytest.raises(ModelError, match="softcap|soft-cap"):
        make("llama", **SHAPE, softcap=9.0).save(place, "gguf", TOK)
    with pytest.raises(ModelError, match="tokenizer"):
        make("llama", **SHAPE).save(place, "gguf")
    words = Tokenizer.train(["a hat"], 20, kind="char")
    with pytest.raises(DataError, match="llama.cpp"):
        make("llama", **SHAPE).save(place, "gguf", words)
    large = make("llama", **SHAPE)
    large.head.weight[0, 0] = 1e6
    with pytest.raises(ModelError, match="head.weight.*16 bits"):
        large.save(place, "gguf", TOK)
    assert [*tmp_path.iterdir()] == []


def test_a_file_of_other_weights_is_noticed(
    make: Any, tmp_path: Path
) -> None:
    model = make("llama", **SHAPE)
    model.save(tmp_path / "out.gguf", "gguf", TOK)
    model.blocks[0].attention.to_q.weight[0, 0] += 1
    with pytest.raises(ModelError, match="to_q"):
        verify(model, tmp_path / "out.gguf")
