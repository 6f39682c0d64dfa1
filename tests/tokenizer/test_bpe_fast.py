"""The fast twin of encoding against the definition."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.tokenizer import encoder as encoder_module
from hornbook.tokenizer.alphabet import byte_alphabet
from hornbook.tokenizer.bpe import Merges, merge_piece
from hornbook.tokenizer.bpe_fast import (
    FEW,
    NEAR,
    encode_far,
    recall,
    remember,
)
from hornbook.tokenizer.encoder import Encoder
from hornbook.tokenizer.scan import PAD, rules_of
from hornbook.tokenizer.split import PATTERNS, Splitter
from hornbook.tokenizer.tables import SHORT
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tokenizer.vocabulary import Vocabulary

TEXT = (
    "A hat is a head covering. The hat's brim, déjà vu 🎩; "
    "帽子是戴在头上的。قبعة 1024\n\n    x = [hat for hat in hats]\n"
)
LETTERS = TEXT + "abcdefgh 中子头 قبة"


@cache
def vocabulary(pattern: str, size: int) -> Vocabulary:
    """Learn a small vocabulary."""
    tok = Tokenizer.train([TEXT * 3, TEXT[::-1]], size, pattern, ())
    return tok.vocabulary


def slowly(text: str, known: Vocabulary) -> list[int]:
    """Encode by the definition."""
    ids: list[int] = []
    for piece in Splitter(known.pattern)(text):
        data = piece.encode()
        if known.whole_first and data in known.tokens:
            ids.append(known.tokens[data])
        else:
            word = [known.tokens[bytes((byte,))] for byte in data]
            ids += merge_piece(word, known.merges)
    return ids


def fast(known: Vocabulary) -> Encoder:
    """Make an encoder that remembers nothing yet."""
    rules = rules_of(known.pattern)
    assert rules is not None
    return Encoder(known, rules)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(
    texts=st.lists(st.text() | st.text(alphabet=LETTERS), max_size=4)
)
def test_the_twins_encode_alike(pattern: str, texts: list[str]) -> None:
    known = vocabulary(pattern, 400)
    encoder = fast(known)
    for _ in range(2):
        for text in texts:
            assert encoder.encode(text) == slowly(text, known)


@st.composite
def vocabularies(draw: st.DrawFn) -> Vocabulary:
    """Give any vocabulary whose tokens spell what they are made of."""
    spelled = byte_alphabet()
    tokens = {token: id_ for id_, token in enumerate(spelled)}
    merges: Merges = {}
    for _ in range(draw(st.integers(0, 30))):
        new = spelled[256:]
        part = st.sampled_from(
            [b"a", b"b", b"\xe4", b"\xb8", b" ", *new]
        )
        left, right = draw(part), draw(part)
        pair = tokens[left], tokens[right]
        if left + right not in tokens:
            spelled.append(left + right)
            tokens[left + right] = len(tokens)
        if pair not in merges:
            merges[pair] = len(merges), tokens[left + right]
    whole_first = draw(st.booleans())
    return Vocabulary(
        "bpe", PATTERNS["gpt2"], tokens, {}, merges, whole_first
    )


@given(
    known=vocabularies(),
    text=st.text(alphabet="ab 中丸", max_size=60),
    far=st.booleans(),
)
def test_any_merges_are_replayed(
    known: Vocabulary, text: str, far: bool
) -> None:
    if far:
        text = text.replace(" ", "") * 20
    assert fast(known).encode(text) == slowly(text, known)


@pytest.mark.parametrize(
    "size", [SHORT, SHORT + 1, NEAR, NEAR + 1, 9999]
)
@pytest.mark.parametrize("unit", ["ha", "hat", "中", "é", "x"])
def test_pieces_of_any_length(unit: str, size: int) -> None:
    known = vocabulary("gpt2", 400)
    text = (unit * size)[:size] + " hat " + (unit * size)[:size]
    assert fast(known).encode(text) == slowly(text, known)


@given(
    text=st.text(alphabet="aab", min_size=NEAR + 1, max_size=700),
    pairs=st.permutations(["a a", "aa b", "aa aa", "b a", "aaaa aa"]),
)
def test_far_pieces_are_merged_by_a_heap(
    text: str, pairs: list[str]
) -> None:
    # Every place is within a token, so that there are no parts
    spelled = byte_alphabet() + [b"aa", b"aab", b"aaaa", b"ba", b"bb"]
    spelled += [b"aaaaaa", b"ab"]
    tokens = {token: id_ for id_, token in enumerate(spelled)}
    merges: Merges = {}
    for pair in pairs:
        left, right = pair.encode().split()
        joined = tokens[left + right]
        merges[tokens[left], tokens[right]] = len(merges), joined
    known = Vocabulary("bpe", PATTERNS["gpt2"], tokens, {}, merges)
    encoder = fast(known)
    data = text.encode()
    size = len(data)
    ids, cursor = np.zeros(size, np.uint32), np.zeros(4, np.int64)
    padded = np.frombuffer(data + PAD, np.uint8)
    encode_far(padded, encoder._tables, ids, cursor, size)
    assert ids[: cursor[2]].tolist() == slowly(text, known)
    assert encoder.encode(text) == slowly(text, known)


def test_a_megabyte_without_a_space() -> None:
    known = vocabulary("gpt2", 300)
    text = "ha" * 500_000
    assert fast(known).encode(text) == slowly(text, known)


@given(
    ids=st.lists(
        st.integers(0, (1 << 24) - 1), min_size=FEW, max_size=FEW
    ),
    count=st.integers(1, FEW),
)
def test_what_is_remembered_is_recalled(
    ids: list[int], count: int
) -> None:
    entry, out = np.zeros(4, np.uint64), np.zeros(9, np.uint32)
    row = np.array(ids, np.uint32)
    remember(entry, 7, 9, row, 0, count)
    assert entry[:2].tolist() == [7, 9]
    assert recall(entry, out, 2) == count
    assert out[2 : 2 + FEW].tolist() == ids


def test_the_memory_is_bounded_and_forgets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoder_module, "REMEMBERED", 16)
    known = vocabulary("cl100k", 400)
    encoder = fast(known)
    for text in (TEXT, LETTERS, TEXT[::-1], TEXT):
        assert encoder.encode(text) == slowly(text, known)
    assert len(encoder._memory) == 16


def test_a_whole_token_is_not_merged() -> None:
    # The token "abcdefgh..." cannot be made by merging
    long = b"abcdefghijklmnopqrstuvwxyz"
    known = vocabulary("gpt2", 300)
    tokens = known.tokens | {long: 300, b"qz": 301}
    for first, expected in ((True, 1), (False, len(long))):
        odd = Vocabulary("bpe", known.pattern, tokens, {}, {}, first)
        assert len(fast(odd).encode(long.decode())) == expected
        assert len(fast(odd).encode("qz")) == (1 if first else 2)
