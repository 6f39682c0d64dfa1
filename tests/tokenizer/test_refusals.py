"""What cannot be a tokenizer, or its text, is refused in a sentence."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hornbook.base.errors import HornbookError
from hornbook.tokenizer.tokenizer import Tokenizer

TOK = Tokenizer.train(["a hat, a hat"], 262, "gpt2")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pattern": "(?r)."}, "reads from the end"),
        ({"pattern": "(?au)a"}, "nor a regular expression"),
        ({"pattern": "\ud800"}, "surrogate"),
        ({"special_tokens": ("\ud800",)}, "surrogate"),
        ({"vocab_size": 1 << 40}, "the most is"),
        ({"min_frequency": 1 << 63}, "must be between"),
        ({"max_token_bytes": -1}, "must be between"),
        ({"threads": -1}, "threads is -1"),
        ({"threads": 10**9}, "threads is"),
    ],
)
def test_settings_that_cannot_be(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(HornbookError, match=words):
        Tokenizer.train(["a hat"], **settings)


def test_one_string_is_no_batch() -> None:
    with pytest.raises(HornbookError, match="one string"):
        TOK.encode_batch("a hat")
    with pytest.raises(HornbookError, match="threads is 0"):
        TOK.encode_batch(["a hat"], threads=0)


def test_gpt2_merges_that_are_cut_short(tmp_path: Path) -> None:
    TOK.save(tmp_path, "gpt2")
    file = tmp_path / "vocab.bpe"
    whole = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(whole[:-1]), encoding="utf-8")
    with pytest.raises(HornbookError, match="may be cut short"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("rank", ["1_000", "+900", "900"])
def test_ranks_that_are_none(tmp_path: Path, rank: str) -> None:
    bytes_ = [bytes((byte,)) for byte in range(256)]
    lines = [
        f"{base64.b64encode(token).decode()} {id_}"
        for id_, token in enumerate(bytes_)
    ]
    again = base64.b64encode(b"a").decode()
    file = tmp_path / "some.tiktoken"
    file.write_text(
        "\n".join([*lines, f"{again} {rank}"]), encoding="utf-8"
    )
    with pytest.raises(HornbookError, match="line 257 is not a new"):
        Tokenizer.load(file, pattern="gpt2")


def test_special_tokens_named_twice(tmp_path: Path) -> None:
    TOK.save(tmp_path)
    with pytest.raises(HornbookError, match="name twice"):
        Tokenizer.load(tmp_path, special_tokens=("<x>", "<x>"))


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_places_that_cannot_be(name: str) -> None:
    with pytest.raises(HornbookError, match="there is no tokenizer"):
        Tokenizer.load(name)


def test_a_reversed_pattern_in_a_file(tmp_path: Path) -> None:
    TOK.save(tmp_path)
    file = tmp_path / "tokenizer.json"
    whole = json.loads(file.read_text(encoding="utf-8"))
    (cut, *_) = whole["pre_tokenizer"]["pretokenizers"]
    cut["pattern"] = {"Regex": "(?r)."}
    file.write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(HornbookError, match="reads from the end"):
        Tokenizer.load(tmp_path)
