import base64
import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import (
    CorruptFileError,
    DataError,
    HornbookError,
)
from hornbook.tokenizer.alphabet import spell
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

TEXT = "A hat is a head covering. The hat's brim, déjà vu.\n" * 2
TOK = Tokenizer.train([TEXT], 280, "gpt2", SPECIALS)


def tiktoken_lines(tok: Tokenizer) -> str:
    """Write ordinary tokens as a .tiktoken file."""
    return "".join(
        f"{base64.b64encode(token).decode()} {id_}\n"
        for token, id_ in tok.vocabulary.tokens.items()
    )


def test_a_tiktoken_file_needs_its_pattern(tmp_path: Path) -> None:
    path = tmp_path / "mine.tiktoken"
    path.write_text(tiktoken_lines(TOK), encoding="utf-8")
    with pytest.raises(HornbookError, match="give its pattern"):
        Tokenizer.load(path)
    tok = Tokenizer.load(tmp_path, pattern="gpt2")
    assert tok.specials == {}
    jumble = "".join(Random(0).choices("haedt '", k=2000))
    assert tok.encode(jumble) == TOK.encode(jumble)
    tok = Tokenizer.load(path, "gpt2", ["<|end|>"])
    assert tok.end == TOK.end


@pytest.mark.parametrize("line", ["IQ== x", "I? 5", "IQ==", "= 5"])
def test_a_bad_line_of_tiktoken_is_named(
    line: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.tiktoken"
    text = tiktoken_lines(TOK) + line
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorruptFileError, match="line 276"):
        Tokenizer.load(path, pattern="gpt2")


@pytest.mark.parametrize(
    ("ids", "merges"),
    [("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt")],
)
def test_gpt2s_pair_of_files_is_read(
    ids: str, merges: str, tmp_path: Path
) -> None:
    known = TOK.vocabulary
    names = {spell(token): id_ for token, id_ in known.tokens.items()}
    by_id = {id_: name for name, id_ in names.items()}
    lines = [f"{by_id[a]} {by_id[b]}" for a, b in known.merges]
    (tmp_path / ids).write_text(
        json.dumps(names | known.specials), encoding="utf-8"
    )
    with pytest.raises(CorruptFileError, match=merges):
        Tokenizer.load(tmp_path)
    (tmp_path / merges).write_text(
        "\n".join(["#version: 0.2", *lines, ""]), encoding="utf-8"
    )
    assert Tokenizer.load(tmp_path).vocabulary == known
    (tmp_path / merges).write_bytes(b"\xff")
    with pytest.raises(CorruptFileError, match="utf-8"):
        Tokenizer.load(tmp_path)
    (tmp_path / ids).write_text("{", encoding="utf-8")
    with pytest.raises(CorruptFileError, match=ids):
        Tokenizer.load(tmp_path)


@given(text=st.text() | st.text(alphabet="haed t'"))
def test_ranks_are_written(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "ranks"
    TOK.save(folder, "tiktoken")
    tok = Tokenizer.load(folder, "gpt2", SPECIALS)
    assert tok.encode(text) == TOK.encode(text)
    assert tok.specials == TOK.specials
    tok.save(folder / "again", "tiktoken")
    again = Tokenizer.load(folder / "again", "gpt2", SPECIALS)
    assert again.vocabulary == tok.vocabulary


def test_ranks_that_would_join_otherwise_are_refused(
    tmp_path: Path,
) -> None:
    tok = Tokenizer.train([TEXT], 262, "gpt2", ())
    tok.save(tmp_path, "tiktoken")
    merges = tok.vocabulary.merges
    first, second, *_ = merges
    kept = merges.pop(first)
    with pytest.raises(DataError, match="joins first"):
        tok.save(tmp_path, "tiktoken")
    merges[first] = merges[second][0], kept[1]
    merges[second] = kept[0], merges[second][1]
    with pytest.raises(DataError, match="joins first"):
        tok.save(tmp_path, "tiktoken")


def test_gpt2s_pair_of_files_is_written(tmp_path: Path) -> None:
    TOK.save(tmp_path, "gpt2")
    assert Tokenizer.load(tmp_path).vocabulary == TOK.vocabulary
    other = Tokenizer.train([TEXT], 280, "cl100k")
    with pytest.raises(DataError, match="pattern"):
        other.save(tmp_path, "gpt2")


@pytest.mark.parametrize("kind", ["word", "char"])
@pytest.mark.parametrize("format", ["tiktoken", "gpt2"])
def test_words_have_no_such_form(
    kind: str, format: str, tmp_path: Path
) -> None:
    tok = Tokenizer.train([TEXT], 40, "gpt2", SPECIALS, kind)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"{format} holds byte pairs"):
        tok.save(tmp_path, format)


@given(
    data=st.data(), name=st.sampled_from(["a.tiktoken", "vocab.bpe"])
)
def test_a_damaged_file_is_refused_or_means_the_same(
    data: st.DataObject,
    name: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / name
    TOK.save(folder, "gpt2")
    path, opened = folder / name, folder / "encoder.json"
    if name == "a.tiktoken":
        path.write_text(tiktoken_lines(TOK), encoding="utf-8")
        opened = path
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 40) | st.just(len(whole)))
    noise = data.draw(st.binary(max_size=4) | st.sampled_from([b"\n"]))
    path.write_bytes(whole[:start] + noise + whole[start + length :])
    try:
        tok = Tokenizer.load(opened, "gpt2")
    except HornbookError as error:
        assert opened.name in str(error)
    else:
        assert tok.decode(tok.encode(TEXT)) == TEXT
