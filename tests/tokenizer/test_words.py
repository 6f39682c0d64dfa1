from hypothesis import given
from hypothesis import strategies as st

from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tokenizer.words import UNKNOWN, learn_words

TEXT = "the hat is the hat of the man\n"


def test_the_most_frequent_words_have_ids() -> None:
    tok = Tokenizer.train([TEXT], 5, "gpt2", ("<|end|>",), kind="word")
    assert tok.vocabulary.tokens == {
        UNKNOWN: 0,
        b" hat": 1,
        b" the": 2,
        b"\n": 3,
    }
    assert tok.specials == {"<|end|>": 4}


def test_what_is_not_known_becomes_unk() -> None:
    tok = Tokenizer.train([TEXT], 30, "gpt2", SPECIALS, kind="word")
    assert tok.decode(tok.encode("the hat of a cat")) == (
        "the hat of<|unk|><|unk|>"
    )


@given(text=st.text(alphabet=sorted(set(TEXT))))
def test_known_characters_round_trip(text: str) -> None:
    tok = Tokenizer.train([TEXT], 30, special_tokens=(), kind="char")
    ids = tok.encode(text)
    assert len(ids) == len(text)
    assert tok.decode(ids) == text


def test_an_unknown_character_is_unk() -> None:
    tok = Tokenizer.train(["ab"], 9, special_tokens=(), kind="char")
    assert tok.encode("añb") == [1, 0, 2]


def test_rare_words_are_left_out() -> None:
    words = learn_words({b"a": 3, b"b": 1, UNKNOWN: 9}, 9, 2, 9)
    assert words == {UNKNOWN: 0, b"a": 1}


def test_long_words_are_left_out() -> None:
    words = learn_words({b"hat": 3, b"a": 1}, 9, 0, 2)
    assert words == {UNKNOWN: 0, b"a": 1}
