import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import (
    CorruptFileError,
    DataError,
    HornbookError,
    RecipeError,
)
from hornbook.tokenizer.alphabet import spell
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

TEXT = "A hat is a head covering. The hat's brim, déjà vu.\n" * 2
TOK = Tokenizer.train([TEXT], 280, "gpt2", SPECIALS)


def changed(folder: Path, **parts: Any) -> Path:
    """Save a tokenizer.json in which some parts are others."""
    TOK.save(folder)
    path = folder / "tokenizer.json"
    file = json.loads(path.read_text(encoding="utf-8"))
    for name, value in parts.items():
        *outer, last = name.split("__")
        inner = file
        for key in outer:
            inner = inner[key]
        inner[last] = value
    path.write_text(json.dumps(file), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["bpe", "word", "char"])
def test_what_is_saved_is_loaded(kind: Any, tmp_path: Path) -> None:
    tok = Tokenizer.train([TEXT], 280, "cl100k", SPECIALS, kind)
    tok.save(tmp_path)
    for path in (tmp_path, str(tmp_path / "tokenizer.json")):
        again = Tokenizer.load(path)
        assert again.vocabulary == tok.vocabulary
        assert again.digest == tok.digest


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        TOK.save(tmp_path / name)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        data = (tmp_path / "a" / name).read_bytes()
        assert data == (tmp_path / "b" / name).read_bytes()


def test_a_pattern_and_specials_can_be_given(tmp_path: Path) -> None:
    TOK.save(tmp_path)
    tok = Tokenizer.load(tmp_path, r"\w+", ["<|end|>", "<|tool|>"])
    assert tok.end == TOK.end
    assert tok.special("<|tool|>") == TOK.vocab_size
    assert tok.vocab_size == TOK.vocab_size + 1
    assert tok.vocabulary.pattern == r"\w+"
    with pytest.raises(RecipeError):
        Tokenizer.load(tmp_path, pattern="(")


@pytest.mark.parametrize("shape", ["list", "line"])
def test_both_forms_of_merges_are_read(
    shape: str, tmp_path: Path
) -> None:
    path = changed(tmp_path)
    file = json.loads(path.read_text(encoding="utf-8"))
    merges = file["model"]["merges"]
    if shape == "line":
        merges = [" ".join(pair) for pair in merges]
    tok = Tokenizer.load(changed(tmp_path, model__merges=merges))
    assert tok.vocabulary == TOK.vocabulary


def test_gpt2s_own_pre_tokenizer_is_read(tmp_path: Path) -> None:
    step = {"type": "ByteLevel", "add_prefix_space": False}
    tok = Tokenizer.load(changed(tmp_path, pre_tokenizer=step))
    assert tok.vocabulary == TOK.vocabulary


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"normalizer": {"type": "Lowercase"}}, "normalizer"),
        (
            {"normalizer": {"type": "Sequence", "normalizers": []}},
            "normalizer",
        ),
        ({"model__type": "Unigram"}, "Unigram"),
        ({"model__byte_fallback": True}, "byte_fallback"),
        (
            {
                "pre_tokenizer__pretokenizers": [
                    {"type": "Digits", "individual_digits": True}
                ]
            },
            "cuts text 1 times",
        ),
        ({"model__end_of_word_suffix": "</w>"}, "end_of_word_suffix"),
        ({"pre_tokenizer": {"type": "Metaspace"}}, "Metaspace"),
        (
            {
                "pre_tokenizer": {
                    "type": "Sequence",
                    "pretokenizers": [],
                }
            },
            "cuts text 0 times",
        ),
        (
            {
                "pre_tokenizer__pretokenizers": [
                    {
                        "type": "Split",
                        "pattern": {"Regex": "("},
                        "behavior": "Isolated",
                    }
                ]
            },
            "regular expression",
        ),
        ({"model__vocab": {}}, "needs the token"),
        ({"model__merges": []}, None),
        ({"model__merges": [["a"]]}, "merges"),
        ({"model__merges": ["a b c"]}, "not of two tokens"),
        ({"model__merges": [["h", "zz"]]}, "'zz'"),
        ({"model__vocab__A": 1}, "the same id"),
        ({"model__vocab__A": -3}, "not between"),
        ({"model__vocab__A": 10**12}, "not between"),
        ({"model__vocab__A": "x"}, "int"),
        ({"model__vocab__▁": 999}, "▁"),
        ({"model__vocab__": 999}, "empty"),
        ({"model__vocab__<|end|>": 999}, "two ids"),
        ({"added_tokens": [{"id": 5, "content": "<|x|>"}]}, "same id"),
        (
            {
                "added_tokens": [
                    {"id": 999, "content": "<|x|>", "lstrip": True}
                ]
            },
            "lstrip",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(
    parts: dict[str, Any], says: str | None, tmp_path: Path
) -> None:
    path = changed(tmp_path, **parts)
    if says is None:
        assert Tokenizer.load(path).encode("hat") == [71, 64, 83]
        return
    with pytest.raises(CorruptFileError, match=says) as caught:
        Tokenizer.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("byte", "fatal"), [("ÿ", 0), ("A", 1)])
def test_a_byte_that_is_missing_is_noticed(
    byte: str, fatal: int, tmp_path: Path
) -> None:
    path = changed(tmp_path)
    file = json.loads(path.read_text(encoding="utf-8"))
    del file["model"]["vocab"][byte]
    path = changed(tmp_path, model__vocab=file["model"]["vocab"])
    if fatal:
        with pytest.raises(CorruptFileError, match="1 of the 256"):
            Tokenizer.load(path)
        return
    tok = Tokenizer.load(path)
    assert tok.encode(TEXT) == TOK.encode(TEXT)


def test_a_text_with_a_missing_byte_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path)
    file = json.loads(path.read_text(encoding="utf-8"))
    del file["model"]["vocab"][spell("🎩".encode()[:1])]
    path = changed(tmp_path, model__vocab=file["model"]["vocab"])
    for before in ("a ", "a hat " * 20_000):
        with pytest.raises(DataError, match=r"xf0.*🎩"):
            Tokenizer.load(path).encode(before + "🎩")


def test_composed_text_is_read(tmp_path: Path) -> None:
    path = changed(tmp_path, normalizer={"type": "NFC"})
    tok = Tokenizer.load(path)
    for count in (1, 20_000):
        parted, whole = "de\u0301ja\u0300 ", "déjà "
        assert tok.encode(parted * count) == TOK.encode(whole * count)
    tok.save(tmp_path / "saved")
    assert Tokenizer.load(tmp_path / "saved").digest == tok.digest


def test_digits_apart_are_read_and_written(tmp_path: Path) -> None:
    steps = [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False},
    ]
    path = changed(tmp_path, pre_tokenizer__pretokenizers=steps)
    tok = Tokenizer.load(path)
    tok.save(tmp_path / "saved")
    again = tmp_path / "saved" / "tokenizer.json"
    file = json.loads(again.read_text(encoding="utf-8"))
    assert [
        step["type"] for step in file["pre_tokenizer"]["pretokenizers"]
    ] == ["Digits", "ByteLevel"]
    assert Tokenizer.load(again).vocabulary == tok.vocabulary


def test_whole_pieces_can_come_before_merges(tmp_path: Path) -> None:
    path = changed(
        tmp_path / "a", model__ignore_merges=True, model__merges=[]
    )
    tok = Tokenizer.load(path)
    (hat,) = tok.encode(" hat")
    assert tok.token_bytes(hat) == b" hat"
    assert len(tok.encode(" hats")) == 5
    tok.save(tmp_path / "b")
    assert Tokenizer.load(tmp_path / "b").encode(" hat") == [hat]


@pytest.mark.parametrize(
    ("unknown", "vocab"),
    [("[UNK]", ["[UNK]", "<|unk|>"]), ("<|unk|>", ["a"])],
)
def test_words_need_our_token_for_the_unknown(
    unknown: str, vocab: list[str], tmp_path: Path
) -> None:
    model = {
        "type": "WordLevel",
        "vocab": {word: id_ for id_, word in enumerate(vocab)},
        "unk_token": unknown,
    }
    path = changed(tmp_path, model=model)
    with pytest.raises(CorruptFileError, match=r"<\|unk\|>"):
        Tokenizer.load(path)


@given(data=st.data())
def test_a_damaged_file_is_refused_or_means_the_same(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    TOK.save(folder)
    path = folder / "tokenizer.json"
    whole = path.read_bytes()
    # Cut out a stretch and put other bytes in its place
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 40) | st.just(len(whole)))
    noise = data.draw(
        st.binary(max_size=4)
        | st.sampled_from([b"[" * 9999, b"1", b'"'])
    )
    path.write_bytes(whole[:start] + noise + whole[start + length :])
    try:
        tok = Tokenizer.load(folder)
    except HornbookError as error:
        assert "tokenizer" in str(error)
    else:
        assert tok.decode(tok.encode(TEXT)) == TEXT


@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_refused(
    part: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "cut"
    TOK.save(folder)
    path = folder / "tokenizer.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(CorruptFileError, match=r"tokenizer\.json"):
        Tokenizer.load(folder)


@pytest.mark.parametrize("name", ["vocab.txt", "x.spm", "x.bin"])
def test_other_formats_are_refused_by_name(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(b"anything")
    with pytest.raises(DataError, match=path.suffix):
        Tokenizer.load(path)


def test_an_unknown_format_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'gguf'.*hf, tiktoken, gpt2"):
        TOK.save(tmp_path, "gguf")


def test_where_nothing_is_nothing_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no tokenizer"):
        Tokenizer.load(tmp_path)
    with pytest.raises(DataError, match="nowhere"):
        Tokenizer.load(tmp_path / "nowhere")
