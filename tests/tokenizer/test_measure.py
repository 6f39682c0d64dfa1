import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.tokenizer.measure import (
    fit,
    longest_tokens,
    merges_of,
    show_pieces,
)
from hornbook.tokenizer.tokenizer import Tokenizer

TOK = Tokenizer.train(["low lower lowest lower low"], 264, "gpt2")


def test_a_fit_adds_up() -> None:
    texts = ["low é", "", "lower"]
    found = fit(TOK, texts)
    assert found.documents == 3
    assert found.bytes == len("".join(texts).encode())
    assert found.words == 3
    assert found.tokens == sum(len(TOK.encode(text)) for text in texts)
    assert found.unknown == 0
    ids = {id_ for text in texts for id_ in TOK.encode(text)}
    assert found.used == len(ids)
    assert found.bytes_per_token == found.bytes / found.tokens
    assert found.fertility == found.tokens / 3


def test_unknown_words_are_counted() -> None:
    tok = Tokenizer.train(["a hat"], 3, "gpt2", (), kind="word")
    found = fit(tok, ["a hat of a cat"])
    assert found.unknown == 3
    assert found.lost_bytes == len(" of a cat")


def test_nothing_measured_divides_by_nothing() -> None:
    assert fit(TOK, []).bytes_per_token == 0
    assert fit(TOK, [""]).fertility == 0


def test_the_longest_tokens_come_first() -> None:
    found = longest_tokens(TOK, 4)
    assert [text for _, text in found] == [
        " lowest",
        " lower",
        " lowe",
        " low",
    ]
    assert [TOK.decode([id_]) for id_, _ in found] == [
        text for _, text in found
    ]


@given(word=st.from_regex("[ ]?(low|e|er|est|t|é)+", fullmatch=True))
def test_the_joins_lead_from_bytes_to_tokens(word: str) -> None:
    tokens = tuple(bytes((byte,)) for byte in word.encode())
    steps = merges_of(TOK, word)
    ranks = [step.rank for step in steps]
    assert ranks == sorted(ranks)
    for step in steps:
        assert tokens[step.at : step.at + 2] == (step.left, step.right)
        tokens = (
            *tokens[: step.at],
            step.left + step.right,
            *tokens[step.at + 2 :],
        )
        assert step.tokens == tokens
    ids = TOK.encode(word)
    assert tokens == tuple(TOK.token_bytes(id_) for id_ in ids)


def test_joins_are_of_one_piece_of_bpe() -> None:
    with pytest.raises(DataError, match="two"):
        merges_of(TOK, "two words")
    words = Tokenizer.train(["a hat"], 9, kind="word")
    with pytest.raises(DataError, match="BPE"):
        merges_of(words, "hat")


def test_pieces_are_shown_each_alone() -> None:
    assert show_pieces(TOK, TOK.encode(" lower!")) == [" lower", "!"]
