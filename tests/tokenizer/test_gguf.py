import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import CorruptFileError, HornbookError
from hornbook.tokenizer.alphabet import spell
from hornbook.tokenizer.sentence_piece import CONTROL, NORMAL, UNUSED
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

TEXT = "A hat is a head covering. It's worn in 1849!\n"
TOK = Tokenizer.train([TEXT * 3], 290, "gpt2", SPECIALS)


def value(item: Any) -> bytes:
    """Write a value with its type."""
    if isinstance(item, bool):
        return struct.pack("<I?", 7, item)
    if isinstance(item, int):
        return struct.pack("<Ii", 5, item)
    if isinstance(item, str):
        return struct.pack("<I", 8) + text(item)
    kinds = {str: 8, int: 5, float: 6}
    kind = kinds[type(item[0])] if item else 5
    head = struct.pack("<IIQ", 9, kind, len(item))
    if kind == 8:
        return head + b"".join(map(text, item))
    return head + struct.pack(f"<{len(item)}{'if'[kind == 6]}", *item)


def text(item: str) -> bytes:
    """Write a text with its length."""
    data = item.encode()
    return struct.pack("<Q", len(data)) + data


def gguf(version: int = 3, **changes: Any) -> bytes:
    """Write a model's head, some values being others or absent."""
    known = TOK.vocabulary
    names = {id_: spell(token) for token, id_ in known.tokens.items()}
    merges = [f"{names[a]} {names[b]}" for a, b in known.merges]
    values: dict[str, Any] = {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": [*names.values(), *known.specials, "[PAD]"],
        "token_type": [NORMAL] * len(names)
        + [CONTROL] * len(SPECIALS)
        + [UNUSED],
        "merges": merges,
        "eos_token_id": TOK.end,
    } | changes
    rows = {k: v for k, v in values.items() if v is not None}
    data = b"GGUF" + struct.pack("<IQQ", version, 7, len(rows))
    for name, item in rows.items():
        data += text(f"tokenizer.ggml.{name}") + value(item)
    return data + b"weights"


def load(folder: Path, data: bytes) -> Tokenizer:
    """Open a model with these bytes."""
    path = folder / "x.gguf"
    path.write_bytes(data)
    return Tokenizer.load(path)


@pytest.mark.parametrize("version", [2, 3])
def test_byte_pairs_are_read(version: int, tmp_path: Path) -> None:
    tok = load(tmp_path, gguf(version))
    assert tok.vocabulary == TOK.vocabulary
    assert Tokenizer.load(tmp_path).digest == TOK.digest


def test_the_name_says_how_text_is_cut(tmp_path: Path) -> None:
    text = "in  1849!"
    apart = load(tmp_path, gguf(pre="smollm"))
    assert apart.decode(apart.encode(text)) == text
    pieces = apart._split(text)
    assert pieces == ["in", "  ", "1", "8", "4", "9", "!"]
    composed = load(tmp_path, gguf(pre="qwen2"))
    assert composed.encode("e\u0301") == composed.encode("é")
    whole = load(tmp_path, gguf(pre="llama-bpe", merges=[]))
    assert len(whole.encode(" hat")) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 1}, "version 2 or 3"),
        ({"model": "t5"}, "'t5'; only gpt2 and llama"),
        ({"model": None}, "tokenizer.ggml.model is missing"),
        ({"tokens": None}, "tokenizer.ggml.tokens is missing"),
        ({"token_type": [1]}, "one token_type for each"),
        ({"model": "llama"}, "scores is missing"),
        ({"model": "llama", "scores": [0.5]}, "one score for each"),
        ({"pre": "deepseek"}, "'deepseek'; only gpt-2"),
        ({"pre": None}, "cuts text as ''"),
        ({"merges": None}, "merges is missing"),
        ({"merges": ["h zz"]}, "'zz'"),
    ],
)
def test_what_is_not_understood_is_refused(
    changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(CorruptFileError, match=says) as caught:
        load(tmp_path, gguf(**changes))
    assert "x.gguf" in str(caught.value)


def test_a_token_of_no_kind_is_refused(tmp_path: Path) -> None:
    kinds = [9] + [NORMAL] * 284 + [CONTROL] * 5 + [UNUSED]
    with pytest.raises(CorruptFileError, match="unknown kind 9"):
        load(tmp_path, gguf(token_type=kinds))


@given(data=st.data())
def test_a_damaged_file_is_refused_or_means_the_same(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, whole = tmp_path_factory.getbasetemp(), gguf()
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 40) | st.just(len(whole)))
    noise = data.draw(st.binary(max_size=16))
    try:
        tok = load(
            folder, whole[:start] + noise + whole[start + length :]
        )
    except HornbookError as error:
        assert "x.gguf" in str(error)
    else:
        assert tok.decode(tok.encode(TEXT)) == TEXT


@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_refused(
    part: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = gguf().removesuffix(b"weights")
    short = whole[: int(part * len(whole))]
    with pytest.raises(CorruptFileError, match="x.gguf"):
        load(tmp_path_factory.getbasetemp(), short)
