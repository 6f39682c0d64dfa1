import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hornbook.tokenizer.alphabet import byte_alphabet
from hornbook.tokenizer.encoder import make_tables
from hornbook.tokenizer.scan import PAD
from hornbook.tokenizer.split import PATTERNS
from hornbook.tokenizer.tables import (
    NEVER,
    SHORT,
    Tables,
    find_whole,
    key_of,
    pair_rank,
    part_end,
    size_of,
)
from hornbook.tokenizer.vocabulary import Vocabulary

PARTS = st.binary(min_size=2, max_size=5) | st.lists(
    st.sampled_from([b"a", b"\xe4", b"\xb8", b"\xad", b"\x80"]),
    min_size=2,
    max_size=5,
).map(b"".join)


def tables_of(parts: list[bytes]) -> tuple[Vocabulary, Tables]:
    """Lay out a vocabulary whose tokens of two bytes are merges."""
    spelled = dict.fromkeys([*byte_alphabet(), *parts])
    tokens = {token: id_ for id_, token in enumerate(spelled)}
    merges = {
        (tokens[part[:1]], tokens[part[1:]]): (rank, tokens[part])
        for rank, part in enumerate(dict.fromkeys(parts))
        if len(part) == 2
    }
    known = Vocabulary(
        "bpe", PATTERNS["gpt2"], tokens, {}, merges, True
    )
    return known, make_tables(known)[0]


def padded(data: bytes) -> np.ndarray:
    """Write bytes as kernels read them."""
    return np.frombuffer(data + PAD, np.uint8)


@given(
    parts=st.lists(PARTS, max_size=6),
    text=st.text(alphabet="a中丸\ue4b8", min_size=2, max_size=12),
)
def test_no_token_spans_the_end_of_a_part(
    parts: list[bytes], text: str
) -> None:
    known, tables = tables_of(parts)
    data = text.encode()
    place = part_end(padded(data), 0, len(data), tables)
    assert 2 <= place <= len(data)
    if place < len(data):
        data[:place].decode(), data[place:].decode()
        for token in known.tokens:
            spans = range(max(place - len(token) + 1, 0), place)
            assert all(data[n : n + len(token)] != token for n in spans)


def test_long_text_has_parts_where_tokens_are_short() -> None:
    _, tables = tables_of(["中".encode(), "中丸".encode()])
    data = ("中丸" * 4 + "丸中").encode()
    text, ends = padded(data), [0]
    while ends[-1] < len(data):
        ends.append(part_end(text, ends[-1], len(data), tables))
    assert len(ends) > 4


@given(parts=st.lists(st.binary(min_size=1, max_size=40), max_size=9))
def test_tokens_are_found_and_others_are_not(
    parts: list[bytes],
) -> None:
    known, tables = tables_of(parts)
    for token, id_ in known.tokens.items():
        text = padded(token)
        assert find_whole(text, 0, len(token), tables) == id_
        other = token + b"\0\1"
        expected = known.tokens.get(other, NEVER)
        found = find_whole(padded(other), 0, len(other), tables)
        assert found == expected


@given(
    data=st.binary(min_size=1, max_size=40), more=st.binary(max_size=9)
)
def test_keys_hold_the_piece_and_its_size(
    data: bytes, more: bytes
) -> None:
    low, high = key_of(padded(data + more), 0, len(data))
    assert (low, high) == key_of(padded(data), 0, len(data))
    assert size_of(np.uint64(high)) == len(data)
    if len(data) <= SHORT:
        spelled = int(low).to_bytes(8, "little")
        spelled += int(high).to_bytes(8, "little")[:7]
        assert spelled[: len(data)] == data


def test_pairs_have_their_ranks() -> None:
    known, tables = tables_of([b"ab", b"bc"])
    a, b, c = (known.tokens[byte] for byte in (b"a", b"b", b"c"))
    assert pair_rank(a, b, tables.pairs) == 0
    assert pair_rank(b, c, tables.pairs) == 1
    assert pair_rank(b, a, tables.pairs) == NEVER
    assert tables.byte_ranks[ord("b"), ord("c")] == 1
