import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import CorruptFileError, HornbookError
from hornbook.tokenizer.sentence_piece import (
    BYTE,
    CONTROL,
    NORMAL,
    UNK,
    USER,
)
from hornbook.tokenizer.tokenizer import Tokenizer

TEXT = "a hat, a  hat é 🎩▁\n"
PIECES: list[tuple[str, float, int]] = [
    ("<unk>", 0, UNK),
    ("<s>", 0, CONTROL),
    ("</s>", 0, CONTROL),
    *[(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)],
    *[(char, -9.0, NORMAL) for char in "▁ahté,"],
    ("▁a", -1, NORMAL),
    ("▁h", -2, NORMAL),
    ("at", -3, NORMAL),
    ("▁hat", -4, NORMAL),
    ("▁▁", -1e9, NORMAL),
    ("▁▁▁", -1e9, NORMAL),
]
TRAINER = {3: 2, 35: 1}
NORMALIZER = {4: 0}


def varint(number: int) -> bytes:
    """Write a number as a protocol buffer does."""
    data = b""
    while number > 127:
        data += bytes([number % 128 + 128])
        number //= 128
    return data + bytes([number])


def field(number: int, value: int | float | bytes) -> bytes:
    """Write one field of a message."""
    if isinstance(value, bytes):
        head = varint(number * 8 + 2) + varint(len(value))
        return head + value
    if isinstance(value, float):
        return varint(number * 8 + 5) + struct.pack("<f", value)
    return varint(number * 8) + varint(value)


def model(
    pieces: list[tuple[str, float, int]] = PIECES,
    trainer: dict[int, Any] = TRAINER,
    normalizer: dict[int, Any] = NORMALIZER,
) -> bytes:
    """Write a model file."""
    data = b""
    for text, score, kind in pieces:
        inner = field(1, text.encode()) + field(2, float(score))
        data += field(1, inner + field(3, kind))
    for number, table in ((2, trainer), (3, normalizer)):
        rows = [field(key, value) for key, value in table.items()]
        data += field(number, b"".join(rows))
    return data


def load(folder: Path, data: bytes, name: str = "x.model") -> Tokenizer:
    """Open a file with these bytes."""
    path = folder / name
    path.write_bytes(data)
    return Tokenizer.load(path)


def spelled(tok: Tokenizer, text: str) -> list[str]:
    """Give a text's tokens as they stand in the model."""
    return [PIECES[id_][0] for id_ in tok.encode(text)]


def test_characters_join_by_score(tmp_path: Path) -> None:
    tok = load(tmp_path, model())
    assert spelled(tok, "a hat") == ["▁a", "▁hat"]
    assert spelled(tok, "") == []
    assert spelled(tok, "x") == ["▁", "<0x78>"]
    assert spelled(tok, "é€")[1:] == [
        "é",
        "<0xE2>",
        "<0x82>",
        "<0xAC>",
    ]
    assert tok.end == 2
    assert tok.vocab_size == len(PIECES)


def test_the_opening_space_is_taken_off_again(tmp_path: Path) -> None:
    tok = load(tmp_path, model())
    for text in ("a hat", " a", "  hat", "x\n", "🎩"):
        assert tok.decode(tok.encode(text)) == text
    bare = load(tmp_path, model(normalizer={3: 0, 4: 0}))
    assert spelled(bare, "at") == ["at"]
    assert bare.decode(bare.encode(" a")) == " a"


@pytest.mark.parametrize("count", range(1, 12))
def test_runs_of_spaces_join_from_the_left(
    count: int, tmp_path: Path
) -> None:
    tok = load(tmp_path, model(normalizer={3: 0, 4: 0}))
    rest = ["▁" * (count % 3)] if count % 3 else []
    assert spelled(tok, " " * count) == ["▁▁▁"] * (count // 3) + rest


def test_spaces_within_a_token_are_found(tmp_path: Path) -> None:
    pieces = [*PIECES, ("a▁", -0.5, NORMAL), ("a▁hat", -5.0, NORMAL)]
    tok = load(tmp_path, model(pieces))
    ids = tok.encode("ta hat")
    assert [tok.token_bytes(id_) for id_ in ids] == [
        b" ",
        b"t",
        b"a ",
        b"h",
        b"at",
    ]


def test_it_can_be_saved_and_opened_again(tmp_path: Path) -> None:
    tok = load(tmp_path, model())
    tok.save(tmp_path / "saved")
    again = Tokenizer.load(tmp_path / "saved")
    assert again.digest == tok.digest
    assert again.encode(TEXT) == tok.encode(TEXT)
    for format in ("tiktoken", "gpt2"):
        with pytest.raises(HornbookError, match="byte pairs alone"):
            tok.save(tmp_path, format)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"trainer": {3: 1, 35: 1}}, "model_type is 1"),
        ({"trainer": {}}, "model_type"),
        ({"trainer": {3: 2}}, "byte_fallback is 0"),
        ({"trainer": TRAINER | {24: 1}}, "treat_whitespace_as_suffix"),
        ({"normalizer": {}}, "remove_extra_whitespaces is 1"),
        ({"normalizer": {4: 0, 5: 0}}, "escape_whitespaces"),
        ({"normalizer": {2: b"nfkc", 4: 0}}, "precompiled_charsmap"),
        ({"pieces": [*PIECES, ("x", 0, USER)]}, "'x' is of kind 4"),
        ({"pieces": [*PIECES, ("at", 0, NORMAL)]}, "stands twice"),
        ({"pieces": [*PIECES, ("<s>", 0, NORMAL)]}, "stands twice"),
        ({"pieces": [*PIECES, ("", 0, NORMAL)]}, "empty"),
        ({"pieces": [*PIECES, ("ha", -3, NORMAL)]}, "one score"),
        ({"pieces": PIECES[:200]}, "has no token"),
    ],
)
def test_what_would_give_other_ids_is_refused(
    parts: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(CorruptFileError, match=says) as caught:
        load(tmp_path, model(**parts))
    assert "x.model" in str(caught.value)


def test_no_pattern_can_be_given(tmp_path: Path) -> None:
    load(tmp_path, model())
    with pytest.raises(CorruptFileError, match="leave the pattern out"):
        Tokenizer.load(tmp_path / "x.model", pattern="gpt2")


def llama2c(pieces: list[tuple[str, float, int]] = PIECES) -> bytes:
    """Write a model as llama2.c does."""
    data = struct.pack("<i", 9)
    for text, score, _ in pieces:
        spaced = text.replace("▁", " ").encode()
        data += struct.pack("<fi", score, len(spaced)) + spaced
    return data


def test_llama2cs_form_is_read(tmp_path: Path) -> None:
    theirs = load(tmp_path, llama2c(), "tok9.bin")
    assert theirs.vocabulary == load(tmp_path, model()).vocabulary


def test_stories_can_be_read(shared_data: Path) -> None:
    folder = shared_data / "models" / "stories260K"
    tok = Tokenizer.load(folder)
    text = "Once upon a time, there was a little girl named Lily."
    assert tok.vocab_size == 512
    assert tok.decode(tok.encode(text)) == text
    assert tok.encode("Once upon a time")[0] == 403


@given(data=st.data(), form=st.sampled_from(["x.model", "tok.bin"]))
def test_a_damaged_file_is_refused_or_means_the_same(
    data: st.DataObject,
    form: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = model() if form == "x.model" else llama2c()
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 40) | st.just(len(whole)))
    noise = data.draw(st.binary(max_size=12))
    try:
        tok = load(
            folder,
            whole[:start] + noise + whole[start + length :],
            form,
        )
    except HornbookError as error:
        assert form in str(error)
    else:
        text = TEXT.replace("▁", " ")
        assert tok.decode(tok.encode(text)) == text
