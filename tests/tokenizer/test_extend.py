from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError, RecipeError
from hornbook.tokenizer.extend import extend_tokenizer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

PLAIN = "the cat sat on the mat, the cat sat"
FIELD = "photosynthesis of chlorophyll; photosynthesis, chlorophyll"
TOK = Tokenizer.train([PLAIN], 275, "gpt2", SPECIALS)


def test_old_tokens_keep_their_ids() -> None:
    tok, parts = extend_tokenizer(TOK, [FIELD], 30)
    old, new = TOK.vocabulary, tok.vocabulary
    assert old.tokens.items() <= new.tokens.items()
    assert old.merges.items() <= new.merges.items()
    assert tok.specials == TOK.specials
    assert sorted(parts) == list(range(TOK.vocab_size, tok.vocab_size))
    assert tok.encode(PLAIN) == TOK.encode(PLAIN)
    assert len(tok.encode(FIELD)) < len(TOK.encode(FIELD)) / 2


@given(text=st.text(alphabet=FIELD + PLAIN))
def test_a_new_token_is_what_it_was_made_of(text: str) -> None:
    tok, parts = extend_tokenizer(TOK, [FIELD], 30)
    ids = tok.encode(text)
    assert tok.decode(ids) == text
    taken_apart = [
        old for id_ in ids for old in parts.get(id_, [id_])
    ]
    assert taken_apart == TOK.encode(text)


def test_the_most_frequent_pair_comes_first() -> None:
    tok, _ = extend_tokenizer(TOK, ["xyxyxy xy zq"], 1)
    assert tok.token_bytes(TOK.vocab_size) == b"xy"
    none, parts = extend_tokenizer(TOK, ["xy"], 9)
    assert none.vocabulary == TOK.vocabulary and parts == {}


def test_it_goes_on_as_learning_would_have() -> None:
    texts = [FIELD * 3]
    short = Tokenizer.train(texts, 270, "gpt2", ())
    long = Tokenizer.train(texts, 280, "gpt2", ())
    assert extend_tokenizer(short, texts, 10).tok.digest == long.digest


def test_special_tokens_come_last() -> None:
    tok, parts = extend_tokenizer(TOK, [FIELD], 3, ["<|tool|>"])
    tool = tok.special("<|tool|>")
    assert tool == tok.vocab_size - 1 == TOK.vocab_size + 3
    assert parts[tool] == TOK.encode("<|tool|>")
    with pytest.raises(DataError, match="'the'"):
        extend_tokenizer(TOK, ["the the " * 9], 9, ["the"])


def test_published_ranks_can_be_extended(tmp_path: object) -> None:
    folder = str(tmp_path)
    TOK.save(folder, "tiktoken")
    ranks = Tokenizer.load(folder, "gpt2")
    tok, parts = extend_tokenizer(ranks, [FIELD], 12)
    assert tok.encode(PLAIN) == ranks.encode(PLAIN)
    assert set(tok.encode(FIELD)) & set(parts)


def test_what_cannot_be_extended_is_refused() -> None:
    with pytest.raises(DataError, match="no text"):
        extend_tokenizer(TOK, [], 3)
    with pytest.raises(DataError, match=r"U\+D800"):
        extend_tokenizer(TOK, ["\ud800"], 3)
    with pytest.raises(RecipeError, match="frequency 0"):
        extend_tokenizer(TOK, [FIELD], 3, min_frequency=0)
    words = Tokenizer.train([PLAIN], 20, kind="word")
    with pytest.raises(RecipeError, match="byte pairs"):
        extend_tokenizer(words, [FIELD], 3)


def test_texts_of_an_extension_are_those_of_training(
    tmp_path: Path,
) -> None:
    tok = Tokenizer.train(["a hat"], 257)
    with pytest.raises(DataError, match="one string"):
        extend_tokenizer(tok, "a hat a hat", 5)
    with pytest.raises(RecipeError, match="name twice"):
        extend_tokenizer(tok, ["a hat"], 5, ("<x>", "<x>"))
    file = tmp_path / "hats.txt"
    file.write_text("a hat\na hat\n", encoding="utf-8")
    from_file = extend_tokenizer(tok, [file], 3)
    assert from_file.parts == extend_tokenizer(
        tok, ["a hat\n", "a hat\n"], 3
    ).parts
