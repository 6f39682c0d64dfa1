import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus.reading import (
    LETTER,
    SPACE,
    Reading,
    kinds,
    plain_lines,
    plain_phrases,
    plain_sentences,
    plain_words,
)

PARTS = (
    *("a", "b ", "the ", " ", "\n", "\n\n", "帽", "子", "。", "."),
    *("...", "…", "1", "- ", "*", "\u0301", "ก", "ั", "「", '!" '),
    "the cat sat on the mat ",
)
texts = st.lists(st.sampled_from(PARTS), max_size=60).map("".join)


@given(texts | st.text())
def test_machine_code_counts_what_the_definitions_count(
    text: str,
) -> None:
    reading = Reading(text)
    assert reading.words == plain_words(text)[1]
    assert reading.lines == plain_lines(text)
    assert reading.sentences == plain_sentences(text)
    assert reading.phrases == plain_phrases(text)


def test_words_of_every_script() -> None:
    assert plain_words("The cat's hat – 3!")[0] == [
        "The", "cat's", "hat", "–", "3!",
    ]
    assert plain_words("（帽子，3顶）OK")[0] == [
        "（帽", "子，", "3", "顶）", "OK",
    ]
    words = Reading("टोपी पहनते हैं।").words
    assert (words.every, words.lettered) == (3, 3)


def test_lines_are_told_by_their_ends() -> None:
    lines = Reading(
        "It rains.\n  - a hat\n\n“Yes!”\n还有帽子。\nRead ...\n\n"
        " - a hat"
    ).lines
    assert (lines.every, lines.paragraphs) == (6, 3)
    assert (lines.ended, lines.trailing) == (4, 1)
    assert (lines.bullets, lines.again) == (2, 1)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It cost 3.50 euros. Really?! Yes...", 3),
        ("下雨了。我戴帽子！你呢？", 3),
        ("बारिश हो रही है। टोपी पहनो।", 2),
        ("تمطر اليوم. هل تريد قبعة؟", 2),
        ("no end", 0),
    ],
)
def test_sentences_end_as_their_script_ends_them(
    text: str, count: int
) -> None:
    assert Reading(text).sentences == count


def test_letters_and_spaces_are_those_of_python() -> None:
    table = kinds()
    for code in range(0x110000):
        character = chr(code)
        assert bool(table[code] & SPACE) == character.isspace()
        if unicodedata.category(character) != "Cn":
            assert bool(table[code] & LETTER) == character.isalpha()


def test_a_very_long_text_is_read_in_part() -> None:
    reading = Reading("a hat " * 1_000_000)
    assert reading.words.every == 333_334
    assert reading.phrases[2] > 0
