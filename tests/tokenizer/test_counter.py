"""The fast twin of counting against the definition."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.console import console
from hornbook.base.errors import DataError
from hornbook.tokenizer import counter as module
from hornbook.tokenizer.counter import (
    Block,
    PieceCounter,
    Pieces,
    count_fast,
    too_rare,
)
from hornbook.tokenizer.scan import RULES
from hornbook.tokenizer.split import Splitter
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tokenizer.trainer import pieces_of


def as_counts(pieces: Pieces) -> dict[bytes, int]:
    """Read what was laid out."""
    row, starts = pieces.spelled.tobytes(), pieces.starts.tolist()
    return {
        row[start:end]: count
        for start, end, count in zip(
            starts, starts[1:], pieces.counts.tolist(), strict=False
        )
    }


@pytest.mark.parametrize("pattern", RULES)
@given(texts=st.lists(st.text() | st.text(alphabet="ab '\n1é中")))
def test_the_twins_count_alike(pattern: str, texts: list[str]) -> None:
    counter = PieceCounter(RULES[pattern])
    assert counter.add(texts) == len(texts)
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


def count_all(texts: list[str], threads: int, most: int) -> Pieces:
    """Count without showing it."""
    with console.progress("") as bar:
        return count_fast(texts, RULES["gpt2"], threads, bar, most)


def test_the_rare_are_forgotten_alike_on_any_threads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hornbook.tokenizer.threads.GROUP", 100)
    monkeypatch.setattr(module, "ROUND", 800)
    texts = [f"hat {n % 7} of{n} hat" for n in range(4000)]
    full = as_counts(count_all(texts, 1, 1 << 30))
    assert "forgotten" not in capsys.readouterr().err
    most = 200 * (module.EACH + 10 * module.EVERY_BYTE)
    some = [as_counts(count_all(texts, n, most)) for n in (1, 2, 3)]
    told = capsys.readouterr().err
    assert some[0] == some[1] == some[2]
    assert "may be up to" in told

    # What is kept is counted too low by no more than is said
    lost = int(told.split("may be up to ")[1].split()[0])
    assert len(some[0]) < 400 < len(full)
    assert some[0][b"hat"] == full[b"hat"]
    for piece, count in full.items():
        assert count - lost <= some[0].get(piece, 0) <= count


def test_nothing_is_forgotten_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from hornbook.tokenizer import train

    monkeypatch.setattr("hornbook.tokenizer.threads.GROUP", 1)
    monkeypatch.setattr(module, "ROUND", 20)
    texts = ["ab cd ef gh", "ij kl mn op"]
    assert len(count_all(texts, 1, 300).counts) == 8
    assert len(count_all(["", "hat", ""], 1, 300).counts) == 1
    monkeypatch.setattr(train, "MOST_PIECES", 4)
    assert Tokenizer.train(["a b c"], 5, kind="char").vocab_size == 5


def test_a_table_may_be_full_to_its_margin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST_BYTES", 1)
    first, second = (PieceCounter(RULES["gpt2"]) for _ in range(2))
    first.add(["ab cde"])
    second.take(first)
    for table in (first, second):
        count, size = table._used.tolist()
        assert size == 6 and len(table._spelled) >= size + module.MARGIN
        assert as_counts(table.pieces()) == {b"ab": 1, b" cde": 1}


def test_those_that_fit_are_kept() -> None:
    pieces = pieces_of({b"a": 9, b"bb": 5, b"c": 5, b"d": 1})
    three = 3 * module.EACH + 7 * module.EVERY_BYTE
    assert too_rare(pieces, three) == 1
    assert too_rare(pieces, three - 1) == 5
    assert too_rare(pieces, 1 << 20) == 1


@pytest.mark.parametrize("pattern", ["gpt2", r"\S+|\s+"])
@given(text=st.text(alphabet="ab \r\n\x0b\u2028é中", min_size=1))
def test_lines_of_a_file_are_texts(
    tmp_path_factory: pytest.TempPathFactory, pattern: str, text: str
) -> None:
    file = tmp_path_factory.mktemp("texts") / "text.txt"
    file.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", 5)
        made = Tokenizer.train([file, "c", file], 280, pattern)
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    slow = Tokenizer.train([*lines, "c", *lines], 280, pattern)
    assert made.vocabulary == slow.vocabulary


@pytest.mark.parametrize("text", [b"a\nb\n", b"a\nb", b"\n\n"])
def test_a_block_knows_its_lines(text: bytes) -> None:
    counter = PieceCounter(RULES["gpt2"])
    assert counter.add(Block(Path("some.txt"), 0, text)) == 2


@pytest.mark.parametrize("pattern", ["gpt2", r"\S+|\s+"])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, pattern: str
) -> None:
    file = tmp_path / "latin.txt"
    with pytest.raises(DataError, match=r"latin\.txt cannot be read"):
        Tokenizer.train([file], pattern=pattern)
    file.write_bytes("hat\ncafé".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8 at byte 7"):
        Tokenizer.train([file], pattern=pattern)


@pytest.mark.parametrize("pattern", ["gpt2", r"\S+|\s+"])
@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([b"hat"], "of type bytes"),
        ([None], "of type NoneType"),
        (b"hat", "one string"),
        ("hat", "one string"),
        (Path("hat.txt"), "one file, hat.txt"),
    ],
)
def test_what_is_no_text_is_refused(
    pattern: str, texts: Any, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        Tokenizer.train(texts, pattern=pattern)


def test_other_patterns_forget_the_rare_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hornbook.tokenizer import train

    monkeypatch.setattr(train, "MOST_PIECES", 50)
    texts = [f"hat {n}" for n in range(500)]
    counts = train.count_pieces(texts, Splitter(r"\S+|\s+"))
    assert counts[b"hat"] == 500
    assert len(counts) <= 50
    assert "too low" in capsys.readouterr().err
