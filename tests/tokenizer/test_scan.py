import random

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from hornbook.tokenizer.scan import (
    BLOCK,
    CLASSES,
    PAD,
    RULES,
    SYMBOL,
    kind_at,
    kind_table,
    letters_end,
    piece_end,
    rules_of,
)
from hornbook.tokenizer.split import PATTERNS, Splitter

# A character of every kind, those that rules name, and the long s
TELLING = "aZ\u01c5ªم中\u0301\u0903०Ⅷ½1 \t\n\r\u00a0\u3000"
TELLING += "/!_$🎩\0\ue000\u2028ſ"
CUTS = "'stmdlvreSTMDLVRE"
EVERY = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def cut(text: str, pattern: str) -> list[str]:
    """Cut a text with the scanner."""
    data = text.encode()
    padded = np.frombuffer(data + PAD, np.uint8)
    kinds, rules, at, pieces = kind_table(), RULES[pattern], 0, []
    while at < len(data):
        end = piece_end(padded, at, kinds, rules)
        assert end > at
        pieces.append(data[at:end].decode())
        at = end
    return pieces


def test_every_published_pattern_has_a_scanner() -> None:
    assert set(RULES) == set(PATTERNS)
    assert rules_of(PATTERNS["o200k"]) == RULES["o200k"]
    assert rules_of(r"\S+") is None


@pytest.mark.parametrize("pattern", RULES)
@given(
    text=st.text()
    | st.text(alphabet=TELLING + CUTS)
    | st.text(alphabet=TELLING[:10] + " \n'", max_size=9)
    | st.lists(
        st.sampled_from(["'ll", "'Ve", " ", "  ", "\r\n", "a"])
    ).map("".join)
)
def test_a_scanner_cuts_as_its_pattern(pattern: str, text: str) -> None:
    assert cut(text, pattern) == Splitter(pattern)(text)


@pytest.mark.parametrize("pattern", RULES)
@pytest.mark.parametrize("word", ["", "a", "A", "\u0301"])
def test_a_scanner_knows_contractions(pattern: str, word: str) -> None:
    for first in ["ſ", *CUTS[1:]]:
        for rest in ["", *CUTS, "l'", "eſ", "'ſ"]:
            text = f"{word}'{first}{rest} "
            assert cut(text, pattern) == Splitter(pattern)(text)


@pytest.mark.parametrize("pattern", RULES)
def test_a_scanner_knows_every_character(pattern: str) -> None:
    # Each beside others of all kinds, in a fixed disorder
    order = random.Random(0)
    mixed = order.sample(EVERY, 60_000) + order.choices(
        TELLING, k=60_000
    )
    order.shuffle(mixed)
    text = "".join(mixed)
    assert cut(text, pattern) == Splitter(pattern)(text)


def test_the_table_has_the_kinds_of_the_regular_expressions() -> None:
    kinds = kind_table()
    codes = np.array([ord(char) for char in EVERY])
    found = kinds[kinds[codes // BLOCK] + codes % BLOCK]
    text = "".join(EVERY)
    expected = np.full(len(EVERY), SYMBOL)
    for expression, kind in CLASSES.items():
        for match in regex.finditer(expression, text):
            expected[match.start()] = kind
    assert (found == expected).all()


@given(char=st.characters(exclude_categories=["Cs"]))
def test_a_character_has_its_width(char: str) -> None:
    data = char.encode()
    text = np.frombuffer(data + PAD, np.uint8)
    kind, width = kind_at(text, 0, kind_table())
    assert width == len(data)
    assert kind > 0
    assert kind_at(text, width, kind_table()) == (0, 0)


@pytest.mark.parametrize("char", ["@", "[", "`", "{", "\x7f", "é", " "])
@pytest.mark.parametrize("before", range(10))
def test_letters_end_where_the_letters_do(
    char: str, before: int
) -> None:
    for letter in "azAZ":
        data = (letter * before + char).encode()
        text = np.frombuffer(data + PAD, np.uint8)
        end = len(data) if char == "é" else before
        assert letters_end(text, 0, kind_table()) == end


@pytest.mark.parametrize("pattern", RULES)
@pytest.mark.parametrize(
    "unit", ["a", " ", "\n", "中", "\u0301", "1", "A"]
)
def test_long_runs_are_cut_in_one_walk(pattern: str, unit: str) -> None:
    text = unit * 300_000 + " a"
    assert cut(text[-1000:], pattern) == Splitter(pattern)(text[-1000:])
    if unit != "1":
        assert "".join(cut(text, pattern)) == text


@pytest.mark.slow
@pytest.mark.parametrize("pattern", RULES)
def test_a_hundred_megabytes_without_a_space(pattern: str) -> None:
    text = "ha" * 50_000_000
    assert cut(text, pattern) == Splitter(pattern)(text) == [text]
