import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.base.errors import CorruptFileError, DataError, DiskError
from hornbook.tokenizer import shards
from hornbook.tokenizer.shards import (
    TokenShard,
    shard_files,
    write_shard,
)
from hornbook.tokenizer.tokenizer import Tokenizer

TOK = Tokenizer.train(["a hat, a hat 🎩"], 262)
TEXTS = ["a hat", "", "déjà vu 🎩", "a hat, a hat"]


@given(texts=st.lists(st.text(), min_size=1, max_size=8))
def test_documents_come_back_and_bytes_reconcile(
    texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "some" / "train.bin"
    info = write_shard(path, iter(texts), TOK)
    shard = TokenShard.open(path, TOK)
    assert shard.info == info
    assert shard.documents == len(texts)
    assert shard.bytes == len("".join(texts).encode())
    assert len(shard.tokens) == info.tokens == shard.offsets[-1]
    for index, text in enumerate(texts):
        *ids, end = shard.document(index).tolist()
        assert TOK.decode(ids) == text
        assert end == TOK.end
        assert shard.document_bytes[index] == len(text.encode())


def test_the_file_is_raw_little_endian_ids(tmp_path: Path) -> None:
    write_shard(tmp_path / "train", TEXTS, TOK)
    raw = np.fromfile(tmp_path / "train.bin", "<u2").tolist()
    expected = [
        id_ for text in TEXTS for id_ in [*TOK.encode(text), TOK.end]
    ]
    assert raw == expected
    assert {file.name for file in tmp_path.iterdir()} == {
        "train.bin",
        "train.idx",
        "train.json",
    }


def test_ids_take_four_bytes_where_two_are_too_few(
    tmp_path: Path,
) -> None:
    names = [f"<|{n}|>" for n in range((1 << 16) - 255)]
    large = Tokenizer.train(
        ["a"], (1 << 16) + 1, special_tokens=[*names[1:], "<|end|>"]
    )
    info = write_shard(tmp_path / "large", ["a"], large)
    assert info.dtype == "<u4"
    shard = TokenShard.open(tmp_path / "large", large)
    assert shard.tokens.tolist() == [64, 1 << 16]
    TokenShard.open(tmp_path / "large")


def damage(file: Path, how: str) -> None:
    """Spoil one file of a shard."""
    data = bytearray(file.read_bytes())
    if how == "missing":
        file.unlink()
        return
    if how == "cut":
        data = data[:-1]
    elif how == "longer":
        data += b"\0\0"
    elif how == "empty":
        data = bytearray()
    else:
        data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("suffix", [".bin", ".idx", ".json"])
@pytest.mark.parametrize(
    "how", ["missing", "cut", "longer", "empty", "flipped"]
)
def test_damage_is_noticed_and_the_file_named(
    suffix: str, how: str, tmp_path: Path
) -> None:
    write_shard(tmp_path / "train", TEXTS, TOK)
    file = tmp_path / f"train{suffix}"
    if suffix == ".json" and how in ("cut", "longer", "flipped"):
        damage(file, "cut")
        damage(file, "cut")
    else:
        damage(file, how)
    with pytest.raises(CorruptFileError, match=f"train\\{suffix}"):
        TokenShard.open(tmp_path / "train")


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard that is damaged and mended again."""
    path = tmp_path_factory.mktemp("shard") / "train"
    write_shard(path, TEXTS, TOK)
    return path


@settings(max_examples=200)
@given(
    suffix=st.sampled_from([".bin", ".idx", ".json"]),
    cut=st.booleans(),
    place=st.integers(0, 10**6),
    bits=st.integers(1, 255),
)
def test_damage_anywhere_is_noticed(
    suffix: str, cut: bool, place: int, bits: int, shard: Path
) -> None:
    file = shard.with_suffix(suffix)
    old = file.read_bytes()
    place %= len(old)
    new = bytearray(old)
    new[place] ^= bits
    file.write_bytes(old[:place] if cut else new)
    try:
        opened = TokenShard.open(shard, TOK)
    except CorruptFileError as error:
        assert str(shard.with_suffix("")) in str(error)
        assert "hornbook tokenize RUN --force" in str(error) or (
            "delete it and run the stage" in str(error)
        )
    else:
        # Nothing but blanks of the facts may have changed
        assert suffix == ".json"
        assert json.loads(file.read_bytes()) == json.loads(old)
        assert opened.bytes == len("".join(TEXTS).encode())
    finally:
        file.write_bytes(old)


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "<f8"},
        {"tokens": -1},
        {"tokens": 10**30},
        {"documents": 0},
        {"bytes": 1},
        {"strange": 1},
    ],
)
def test_facts_that_no_shard_has_are_refused(
    change: dict[str, Any], tmp_path: Path
) -> None:
    write_shard(tmp_path / "train", TEXTS, TOK)
    file = tmp_path / "train.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(facts | change), encoding="utf-8")
    with pytest.raises(CorruptFileError, match="train"):
        TokenShard.open(tmp_path / "train")


def test_a_shard_of_another_tokenizer_is_refused(
    tmp_path: Path,
) -> None:
    write_shard(tmp_path / "train", TEXTS, TOK)
    other = Tokenizer.train(["other words"], 262)
    with pytest.raises(CorruptFileError, match="another tokenizer"):
        TokenShard.open(tmp_path / "train", other)
    assert TokenShard.open(tmp_path / "train").documents == 4


def test_a_failure_leaves_the_old_shard(tmp_path: Path) -> None:
    path = tmp_path / "train.bin"
    write_shard(path, TEXTS, TOK)

    def broken() -> Iterator[str]:
        yield "a hat"
        raise DataError("the source broke off")

    with pytest.raises(DataError, match="broke off"):
        write_shard(path, broken(), TOK)
    with pytest.raises(DataError, match="no document"):
        write_shard(path, [], TOK)
    with pytest.raises(DataError, match="surrogate"):
        write_shard(path, ["a", "\udc00"], TOK)
    assert TokenShard.open(path, TOK).documents == len(TEXTS)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    "step", ["replace", "write_bytes", "write_json"]
)
def test_a_kill_while_writing_leaves_no_false_shard(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "train"
    write_shard(path, TEXTS, TOK)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    target = shards.os if step == "replace" else shards
    monkeypatch.setattr(target, step, killed)
    with pytest.raises(KeyboardInterrupt):
        write_shard(path, ["a hat"], TOK)
    with pytest.raises(CorruptFileError, match="is missing"):
        TokenShard.open(path, TOK)


def test_a_full_disk_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards.os, "fsync", full)
    with pytest.raises(DiskError, match="full"):
        write_shard(tmp_path / "train", TEXTS, TOK)
    assert list(tmp_path.iterdir()) == []


def test_names_with_dots_keep_them() -> None:
    names = [file.name for file in shard_files(Path("v1.2"))]
    assert names == ["v1.2.bin", "v1.2.idx", "v1.2.json"]
