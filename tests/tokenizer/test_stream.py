from hypothesis import given
from hypothesis import strategies as st

from hornbook.tokenizer.stream import StreamDecoder
from hornbook.tokenizer.tokenizer import Tokenizer

TOK = Tokenizer.train(["a hat, a hat 🎩 déjà"], 266)


@given(ids=st.lists(st.integers(0, 265)))
def test_the_parts_joined_are_the_whole(ids: list[int]) -> None:
    stream = StreamDecoder(TOK)
    parts = [stream.push(id_) for id_ in ids] + [stream.flush()]
    assert "".join(parts) == TOK.decode(ids)


@given(text=st.text())
def test_half_a_character_is_never_given(text: str) -> None:
    stream = StreamDecoder(TOK)
    given_text = ""
    for id_ in TOK.encode(text):
        given_text += stream.push(id_)
        assert text.startswith(given_text)
    assert given_text == text
    assert stream.flush() == ""


def test_a_cut_character_waits_and_is_marked_at_the_end() -> None:
    stream = StreamDecoder(TOK)
    ids = TOK.encode("€")
    assert [stream.push(id_) for id_ in ids[:2]] == ["", ""]
    assert stream.flush() == "\ufffd"
