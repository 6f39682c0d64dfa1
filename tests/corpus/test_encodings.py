import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus.encodings import (
    Unreadable,
    decode,
    decode_stream,
)

RUSSIAN = "Шляпа это головной убор, который носят зимой и летом. " * 4
JAPANESE = "帽子は頭に被る物で、日差しを防ぐためにも使われます。" * 4
FRENCH = "Le chapeau était posé là, près de la fenêtre, à côté. " * 4


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "utf-16-le"),
        (RUSSIAN, "utf-16-be"),
        (FRENCH, "utf-32-be"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
        (FRENCH, "latin-1"),
        (FRENCH, "utf-8"),
    ],
)
def test_text_without_a_mark_is_recognised(
    text: str, encoding: str
) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_decides_and_is_no_text(encoding: str) -> None:
    assert decode(FRENCH.encode(encoding), "latin-1") == FRENCH


def test_what_the_source_says_is_held_to() -> None:
    assert decode("é".encode("cp850"), "cp850") == "é"
    with pytest.raises(Unreadable, match="not utf-8.*correct"):
        decode(b"\xe9t\xe9", "utf-8")


@pytest.mark.parametrize(
    "data",
    [b"A hat\0\0.", b"\0" * 8, bytes(range(256)), bytes(range(1, 256))],
)
def test_binary_files_are_no_text(data: bytes) -> None:
    with pytest.raises(Unreadable, match="binary"):
        decode(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        assert isinstance(decode(data), str)
    except Unreadable as error:
        assert str(error)


TEXTS = st.text(
    st.characters(
        exclude_characters="\0\ufeff", exclude_categories=["Cs"]
    ),
    max_size=60,
)


@given(TEXTS, st.integers(1, 7))
def test_a_stream_gives_what_the_whole_gives(
    text: str, size: int
) -> None:
    data = text.encode("utf-8")
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    assert "".join(decode_stream(chunks, "utf-8")) == text


def test_a_stream_names_where_it_ceases_to_be_text() -> None:
    chunks = iter([b"A hat. ", b"\xff\xfe\xff"])
    stream = decode_stream(chunks)
    assert next(stream) == "A hat. "
    with pytest.raises(Unreadable, match="not utf-8"):
        next(stream)
