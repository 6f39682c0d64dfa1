from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError, RecipeError
from hornbook.tokenizer import tokenizer as module
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

TEXT = "A hat is a head covering. <|end The hat's brim, déjà vu 🎩.\n"
TOKS = {
    pattern: Tokenizer.train([TEXT * 3], 300, pattern, SPECIALS)
    for pattern in ("gpt2", "cl100k", r"\S+")
}
TOK = TOKS["gpt2"]


@pytest.mark.parametrize("tok", TOKS.values(), ids=TOKS)
@given(text=st.text() | st.text(alphabet=TEXT))
def test_any_text_round_trips(tok: Tokenizer, text: str) -> None:
    ids = tok.encode(text)
    assert tok.decode(ids, errors="strict") == text
    assert not set(ids) & set(tok.specials.values())


@given(ids=st.lists(st.integers(0, 255)))
def test_any_bytes_can_be_decoded(ids: list[int]) -> None:
    spelled = b"".join(TOK.token_bytes(id_) for id_ in ids)
    assert TOK.decode_bytes(ids) == spelled
    assert TOK.decode(ids) == spelled.decode("utf-8", "replace")


@given(text=st.text(alphabet=TEXT))
def test_the_ways_to_encode_agree(text: str) -> None:
    array = TOK.encode_array(text)
    assert array.dtype == np.uint32
    assert array.tolist() == TOK.encode(text)
    batch = TOK.encode_batch([text, TEXT], threads=2)
    assert [row.tolist() for row in batch] == [
        TOK.encode(text),
        TOK.encode(TEXT),
    ]


def test_specials_come_last_and_are_counted() -> None:
    assert TOK.vocab_size == 300
    assert list(TOK.specials) == list(SPECIALS)
    assert list(TOK.specials.values()) == [295, 296, 297, 298, 299]
    assert TOK.end == 295
    assert TOK.special("<|pad|>") == 299


def test_text_is_text_unless_a_special_is_named() -> None:
    text = "a<|end|><|user|>b"
    assert TOK.decode(TOK.encode(text)) == text
    assert not set(TOK.encode(text)) & set(TOK.specials.values())
    ids = TOK.encode(text, specials=["<|end|>"])
    assert ids.count(TOK.end) == 1
    assert TOK.special("<|user|>") not in ids
    assert TOK.decode(ids) == text
    both = TOK.encode(text, specials=SPECIALS)
    a, b = TOK.encode("a"), TOK.encode("b")
    assert both == [*a, TOK.end, TOK.special("<|user|>"), *b]


def test_the_longest_special_wins() -> None:
    tok = Tokenizer.train([TEXT], 258, special_tokens=("<a", "<a>"))
    assert tok.encode("<a>", specials=["<a", "<a>"]) == [257]


def test_a_special_of_another_tokenizer_is_refused() -> None:
    with pytest.raises(DataError, match="<|endoftext|>.*<|end|>"):
        TOK.encode("x", specials=["<|endoftext|>"])
    plain = Tokenizer.train([TEXT], 256, special_tokens=())
    with pytest.raises(DataError, match="it has none"):
        _ = plain.end


@pytest.mark.parametrize(
    "ids", [[-1], [300], [5, 10**30], [1.0], [[1]], ["a"], [2**63]]
)
def test_what_is_no_id_is_refused(ids: Any) -> None:
    with pytest.raises(DataError):
        TOK.decode(ids)


@pytest.mark.parametrize("form", [list, tuple, iter, np.array])
def test_ids_come_in_any_row(form: Callable[[Any], Any]) -> None:
    assert TOK.decode(form(TOK.encode("a hat"))) == "a hat"


def test_no_ids_are_no_text() -> None:
    assert TOK.encode("") == []
    assert TOK.decode([]) == ""
    assert TOK.encode_array("").shape == (0,)


@pytest.mark.parametrize("use", ["encode", "encode_array", "train"])
def test_half_a_surrogate_pair_is_refused(use: str) -> None:
    text = "a \ud800"
    with pytest.raises(DataError, match=r"U\+D800"):
        if use == "train":
            Tokenizer.train(["fine", text])
        else:
            getattr(TOK, use)(text)


@pytest.mark.parametrize("texts", [[], [""], "one string"])
def test_there_must_be_texts(texts: Any) -> None:
    with pytest.raises(DataError):
        Tokenizer.train(texts)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(RecipeError, match="257 or more"):
        Tokenizer.train([TEXT], vocab_size=256)
    with pytest.raises(RecipeError, match="split pattern"):
        Tokenizer.train([TEXT], pattern="(")


def test_a_special_must_not_be_a_token_of_the_text() -> None:
    text = "<end> " * 9
    with pytest.raises(DataError, match="<end>"):
        Tokenizer.train([text], 300, r"\S+", ("<end>",))
    with pytest.raises(DataError, match="é"):
        Tokenizer.train([text], 300, special_tokens=("é",))


def test_min_frequency_ends_learning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tok = Tokenizer.train(
        ["aab aab aac"], 999, "gpt2", (), min_frequency=3
    )
    assert tok.vocabulary.tokens.keys() >= {b"aa"}
    assert tok.vocab_size == 257
    assert "yields 257 tokens" in capsys.readouterr().err


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED_PIECES", 4)
    tok = Tokenizer(TOK.vocabulary)
    assert tok.encode(TEXT) == TOK.encode(TEXT)
    assert 0 < len(tok._pieces) <= 4
    tok.encode("x" * 1000)
    assert "x" * 1000 not in tok._pieces


def test_gpt2_and_cl100k_give_their_published_ids(
    shared_data: Any,
) -> None:
    gpt2 = Tokenizer.load(shared_data / "tokenizers" / "gpt2")
    assert gpt2.vocab_size == 50257
    assert gpt2.end == 50256
    assert gpt2.encode("Hello, world!") == [15496, 11, 995, 0]
    folder = shared_data / "tokenizers" / "cl100k"
    cl100k = Tokenizer.load(folder)
    assert cl100k.vocab_size == 100277
    assert cl100k.end == 100257
    assert cl100k.encode("Hello, world!") == [9906, 11, 1917, 0]
    with pytest.raises(DataError, match="100256"):
        cl100k.decode([100256])


def test_equal_tokenizers_have_equal_digests() -> None:
    again = Tokenizer.train([TEXT * 3], 300, "gpt2", SPECIALS)
    assert again.digest == TOK.digest
    assert len({tok.digest for tok in TOKS.values()}) == 3


def test_a_tokenizer_says_what_it_is() -> None:
    assert repr(TOK) == "Tokenizer(kind='bpe', vocab_size=300)"
