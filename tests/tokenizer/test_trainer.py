"""The fast twin of learning against the definition."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.tokenizer import trainer as module
from hornbook.tokenizer.alphabet import byte_alphabet
from hornbook.tokenizer.bpe import learn_merges
from hornbook.tokenizer.config import NO_LIMIT
from hornbook.tokenizer.trainer import Learner, pieces_of

ALPHABET = byte_alphabet()
PIECES = st.dictionaries(
    st.text(alphabet="aabc", min_size=1, max_size=14).map(str.encode),
    st.integers(1, 9),
    min_size=1,
    max_size=12,
)


@given(
    pieces=PIECES,
    wanted=st.integers(0, 60),
    some=st.integers(1, 9),
    least=st.sampled_from([0, 1, 3]),
    longest=st.sampled_from([NO_LIMIT, 3]),
)
def test_the_twins_learn_alike(
    pieces: dict[bytes, int],
    wanted: int,
    some: int,
    least: int,
    longest: int,
) -> None:
    slow = [
        (*merge.pair, merge.frequency)
        for merge in islice(
            learn_merges(pieces, ALPHABET, longest), wanted
        )
        if merge.frequency >= least
    ]
    learner = Learner(
        pieces_of(pieces), ALPHABET, wanted, least, longest
    )
    fast: list[list[int]] = []
    while rows := learner.learn(some).tolist():
        fast += rows
    assert [tuple(row) for row in fast] == slow


def test_pairs_outgrow_their_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = np.random.default_rng(0)
    letters = order.integers(97, 123, (300, 9), dtype=np.uint8)
    pieces = {row.tobytes(): 1 + n % 7 for n, row in enumerate(letters)}
    full = Learner(pieces_of(pieces), ALPHABET, 500).learn(500)
    monkeypatch.setattr(module, "FIRST_PAIRS", 1 << 10)
    learner = Learner(pieces_of(pieces), ALPHABET, 500)
    rows = learner.learn(500)
    assert len(learner._pairs.keys) > 1 << 10
    assert rows.tolist() == full.tolist()
    slow = islice(learn_merges(pieces, ALPHABET), 500)
    assert rows.tolist() == [[*m.pair, m.frequency] for m in slow]


def test_counts_have_64_bits() -> None:
    pieces = {b"ab": 3 << 33, b"cd": (3 << 33) - 1}
    rows = Learner(pieces_of(pieces), ALPHABET, 9).learn(9)
    assert [row[2] for row in rows.tolist()] == [3 << 33, (3 << 33) - 1]


def test_more_than_can_be_placed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_PLACES", 9)
    with pytest.raises(DataError, match="a sample"):
        Learner(pieces_of({b"a long piece": 1}), ALPHABET, 9)


@pytest.mark.parametrize("guess", [1, 5, 10**9])
def test_a_wrong_guess_at_the_floor_changes_nothing(
    guess: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.random.default_rng(1)
    letters = order.integers(97, 101, (400, 7), dtype=np.uint8)
    rows = enumerate(letters)
    pieces = {row.tobytes(): 1 + n % 90 for n, row in rows}
    monkeypatch.setattr(module, "likely_floor", lambda *_: guess)
    for least in (1, 40):
        learner = Learner(pieces_of(pieces), ALPHABET, 900, least)
        fast = [*learner.learn(100), *learner.learn(900)]
        slow = [
            [*m.pair, m.frequency]
            for m in islice(learn_merges(pieces, ALPHABET), 900)
            if m.frequency >= least
        ]
        assert [row.tolist() for row in fast] == slow
