from collections import Counter
from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from hornbook.tokenizer.alphabet import byte_alphabet
from hornbook.tokenizer.bpe import (
    LONG,
    Merge,
    Merges,
    join_pair,
    learn_merges,
    merge_long,
    merge_piece,
)

ALPHABET = [b"a", b"b", b"c"]
PIECES = st.dictionaries(
    st.lists(st.sampled_from(ALPHABET), max_size=12).map(b"".join),
    st.integers(1, 9),
    max_size=12,
)


def learn_slowly(pieces: dict[bytes, int]) -> list[Merge]:
    """Count everything anew before each merge: the plain definition."""
    tokens = list(ALPHABET)
    words = {
        piece: [piece[i] - 97 for i in range(len(piece))]
        for piece in pieces
    }
    merges = []
    while True:
        counts: Counter[tuple[int, int]] = Counter()
        for piece, word in words.items():
            for pair in pairwise(word):
                counts[pair] += pieces[piece]
        if not counts:
            return merges
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        token = len(tokens)
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        merges.append(Merge(pair, token, tokens[token], counts[pair]))
        for piece, word in words.items():
            words[piece] = join_pair(word, pair, token)


@given(pieces=PIECES)
def test_learning_is_counting_anew_each_time(
    pieces: dict[bytes, int],
) -> None:
    assert list(learn_merges(pieces, ALPHABET)) == learn_slowly(pieces)


@given(pieces=PIECES)
def test_no_two_merges_spell_one_token(
    pieces: dict[bytes, int],
) -> None:
    spelled = [
        merge.spelling for merge in learn_merges(pieces, ALPHABET)
    ]
    assert len(set(spelled)) == len(spelled)
    assert not set(spelled) & set(ALPHABET)


def test_equally_frequent_pairs_join_by_smallest_ids() -> None:
    pieces = {b"cb": 2, b"ac": 2, b"ab": 2}
    merges = list(learn_merges(pieces, ALPHABET))
    assert [merge.spelling for merge in merges] == [b"ab", b"ac", b"cb"]


def test_the_order_of_the_text_does_not_matter() -> None:
    pieces = {b"abcab": 3, b"bca": 5, b"cab": 4}
    turned = dict(reversed(pieces.items()))
    assert list(learn_merges(pieces, ALPHABET)) == list(
        learn_merges(turned, ALPHABET)
    )


def test_a_worked_example() -> None:
    pieces = {b"aaabdaaabac": 1}
    merges = islice(learn_merges(pieces, byte_alphabet()), 3)
    assert [(m.spelling, m.frequency) for m in merges] == [
        (b"aa", 4),
        (b"ab", 2),
        (b"aaab", 2),
    ]


def ranked(tokens: dict[tuple[int, int], int]) -> Merges:
    """Give every merge a rank of its own, as learning does."""
    return {
        pair: (rank, token)
        for rank, (pair, token) in enumerate(tokens.items())
    }


@given(
    word=st.lists(st.integers(0, 3), max_size=40),
    merges=st.dictionaries(
        st.tuples(st.integers(0, 6), st.integers(0, 6)),
        st.integers(4, 9),
        max_size=20,
    ).map(ranked),
)
def test_the_twins_merge_alike(word: list[int], merges: Merges) -> None:
    assert merge_long(word, merges) == merge_piece(word, merges)


@given(pieces=PIECES)
def test_encoding_replays_learning(pieces: dict[bytes, int]) -> None:
    # Join in every piece by hand, in the order of learning
    words = {piece: [b - 97 for b in piece] for piece in pieces}
    merges: Merges = {}
    for rank, merge in enumerate(learn_merges(pieces, ALPHABET)):
        merges[merge.pair] = rank, merge.token
        for piece, word in words.items():
            words[piece] = join_pair(word, merge.pair, merge.token)
    for piece, word in words.items():
        assert merge_piece([b - 97 for b in piece], merges) == word


def test_a_megabyte_without_a_space_is_merged() -> None:
    merges = {(0, 0): (0, 1), (1, 1): (1, 2)}
    assert merge_piece([0] * 100_003, merges) == [2] * 25_000 + [1, 0]


def test_a_long_piece_goes_to_the_heap() -> None:
    merges = {(0, 1): (0, 2)}
    word = [0, 1] * LONG
    assert merge_piece(word, merges) == [2] * LONG
