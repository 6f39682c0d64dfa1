"""The fast twins of counting and learning against the definitions."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.console import console
from hornbook.base.errors import DataError
from hornbook.tokenizer import trainer as module
from hornbook.tokenizer.alphabet import byte_alphabet
from hornbook.tokenizer.bpe import learn_merges
from hornbook.tokenizer.scan import RULES
from hornbook.tokenizer.split import Splitter
from hornbook.tokenizer.trainer import (
    Learner,
    PieceCounter,
    Pieces,
    count_fast,
    pieces_of,
)

ALPHABET = byte_alphabet()
PIECES = st.dictionaries(
    st.text(alphabet="aabc", min_size=1, max_size=14).map(str.encode),
    st.integers(1, 9),
    min_size=1,
    max_size=12,
)


def as_counts(pieces: Pieces) -> dict[bytes, int]:
    """Read what was laid out."""
    row, starts = pieces.spelled.tobytes(), pieces.starts.tolist()
    return {
        row[start:end]: count
        for start, end, count in zip(
            starts, starts[1:], pieces.counts.tolist(), strict=False
        )
    }


@given(
    pieces=PIECES,
    wanted=st.integers(0, 60),
    some=st.integers(1, 9),
    least=st.sampled_from([0, 1, 3]),
)
def test_the_twins_learn_alike(
    pieces: dict[bytes, int], wanted: int, some: int, least: int
) -> None:
    slow = [
        (*merge.pair, merge.frequency)
        for merge in islice(learn_merges(pieces, ALPHABET), wanted)
        if merge.frequency >= least
    ]
    learner = Learner(pieces_of(pieces), ALPHABET, wanted)
    fast: list[list[int]] = []
    while rows := learner.learn(some, least).tolist():
        fast += rows
    assert [tuple(row) for row in fast] == slow


def test_pairs_outgrow_their_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = np.random.default_rng(0)
    letters = order.integers(97, 123, (300, 9), dtype=np.uint8)
    pieces = {row.tobytes(): 1 + n % 7 for n, row in enumerate(letters)}
    full = Learner(pieces_of(pieces), ALPHABET, 500).learn(500, 0)
    monkeypatch.setattr(module, "FIRST_PAIRS", 1 << 10)
    learner = Learner(pieces_of(pieces), ALPHABET, 500)
    rows = learner.learn(500, 0)
    assert len(learner._pairs.keys) > 1 << 10
    assert rows.tolist() == full.tolist()
    slow = islice(learn_merges(pieces, ALPHABET), 500)
    assert rows.tolist() == [[*m.pair, m.frequency] for m in slow]


def test_counts_have_64_bits() -> None:
    pieces = {b"ab": 3 << 33, b"cd": (3 << 33) - 1}
    rows = Learner(pieces_of(pieces), ALPHABET, 9).learn(9, 0)
    assert [row[2] for row in rows.tolist()] == [3 << 33, (3 << 33) - 1]


def test_more_than_can_be_placed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_PLACES", 9)
    with pytest.raises(DataError, match="a sample"):
        Learner(pieces_of({b"a long piece": 1}), ALPHABET, 9)


@pytest.mark.parametrize("pattern", RULES)
@given(texts=st.lists(st.text() | st.text(alphabet="ab '\n1é中")))
def test_the_twins_count_alike(pattern: str, texts: list[str]) -> None:
    counter = PieceCounter(RULES[pattern])
    counter.add(texts)
    slow: Counter[bytes] = Counter()
    for text in texts:
        slow.update(piece.encode() for piece in Splitter(pattern)(text))
    assert as_counts(counter.pieces()) == slow


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_and_growth_change_no_count(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PIECES", 4)
    monkeypatch.setattr(module, "FIRST_BYTES", 8)
    monkeypatch.setattr("hornbook.tokenizer.threads.GROUP", 50)
    texts = [f"hat {n % 97} {'x' * (n % 40)} été" for n in range(900)]
    with console.progress("") as bar:
        pieces = count_fast(texts, RULES["gpt2"], threads, bar)
    slow = Counter(
        piece.encode()
        for text in texts
        for piece in Splitter("gpt2")(text)
    )
    assert as_counts(pieces) == slow
