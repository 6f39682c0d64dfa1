import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.tokenizer.alphabet import byte_alphabet, spell, unspell


@given(token=st.binary())
def test_spelling_can_be_read_back(token: bytes) -> None:
    assert unspell(spell(token)) == token


@given(token=st.binary(min_size=1))
def test_spelling_is_visible(token: bytes) -> None:
    assert spell(token).isprintable()
    assert not any(char.isspace() for char in spell(token))


def test_the_alphabet_is_every_byte_once_in_order_of_spelling() -> None:
    alphabet = byte_alphabet()
    assert len(set(alphabet)) == 256
    assert [spell(byte) for byte in alphabet] == sorted(
        map(spell, alphabet)
    )
    assert alphabet[:3] == [b"!", b'"', b"#"]


def test_a_strange_character_is_refused() -> None:
    with pytest.raises(DataError, match="'▁'"):
        unspell("▁the")
