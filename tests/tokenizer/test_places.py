import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tokenizer.vocabulary import Vocabulary

TEXT = "A hat is a head covering, déjà vu 🎩.\n"
TOK = Tokenizer.train([TEXT * 3], 300, "gpt2")
KINDS = {
    kind: Tokenizer.train([TEXT], 30, "gpt2", kind=kind)
    for kind in ("word", "char")
}


@given(text=st.text() | st.text(alphabet=TEXT))
def test_tokens_cover_the_text_in_order(text: str) -> None:
    ids, places = TOK.encode(text), TOK.offsets(text)
    assert places.shape == (len(ids), 2)
    at = 0
    for id_, (start, end) in zip(ids, places.tolist(), strict=True):
        covered = text[start:end].encode()
        assert TOK.token_bytes(id_) in covered
        assert start in (at, at - 1) and start < end
        at = end
    assert at == len(text)


@pytest.mark.parametrize("tok", KINDS.values(), ids=KINDS)
@given(text=st.text())
def test_unknown_pieces_have_places_too(
    tok: Tokenizer, text: str
) -> None:
    places = tok.offsets(text)
    assert len(places) == len(tok.encode(text))
    parts = [text[start:end] for start, end in places]
    assert "".join(parts) == text
    known = tok.vocabulary.tokens
    for part, id_ in zip(parts, tok.encode(text), strict=True):
        assert known.get(part.encode(), 0) == id_


def test_a_shared_character_is_in_all_its_tokens() -> None:
    assert TOK.offsets("a€").tolist() == [[0, 1], *[[1, 2]] * 3]


def test_an_opening_space_has_no_place() -> None:
    pieces = {" ": 0, "a": 1, " a": 2}
    vocabulary = Vocabulary(
        "bpe",
        r" *[^ ]+| +",
        {piece.encode(): id_ for piece, id_ in pieces.items()},
        {},
        {(0, 1): (0, 2)},
        fallback=tuple(range(3, 259)),
        opening=" ",
    )
    tok = Tokenizer(vocabulary)
    assert tok.offsets("a a").tolist() == [[0, 1], [1, 3]]
    assert tok.encode("b") == [0, 3 + ord("b")]
    assert tok.offsets("b").tolist() == [[0, 0], [0, 1]]


def test_no_text_has_no_places() -> None:
    assert TOK.offsets("").shape == (0, 2)
    assert TOK.offsets("").dtype == np.int64


def test_text_that_would_shift_is_refused() -> None:
    known = TOK.vocabulary
    composed = Tokenizer(
        Vocabulary(
            "bpe",
            known.pattern,
            known.tokens,
            known.specials,
            known.merges,
            normal="NFC",
        )
    )
    assert composed.offsets("é").tolist() == [[0, 1], [0, 1]]
    with pytest.raises(DataError, match="NFC"):
        composed.offsets("e\u0301")
    with pytest.raises(DataError, match=r"U\+D800"):
        TOK.offsets("\ud800")
