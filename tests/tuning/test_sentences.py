import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.tuning.sentences import (
    answer_sentence,
    split_sentences,
    stands_alone,
    tidy,
)

TEXTS = st.text(
    st.sampled_from(list("abcABC .!?()[]\n\"'“”0。é,;")), max_size=120
)


@pytest.mark.parametrize(
    "sentence",
    [
        "It rose in c. 1340 in the U.S. state of Maine.",
        "St. Ives was J. R. R. Tolkien's choice.",
        "He came (d. 4 May. Not before) to Rome.",
        "The U.S. Army owns 3.5 tanks, e.g. Shermans.",
        "Dr. No is a film.",
    ],
)
def test_an_abbreviation_ends_no_sentence(sentence: str) -> None:
    assert split_sentences(f"{sentence} It rained.") == [
        sentence,
        "It rained.",
    ]


def test_a_sentence_may_end_with_an_abbreviation() -> None:
    text = "He left the U.S. The war went on."
    assert split_sentences(text) == [
        "He left the U.S.",
        "The war went on.",
    ]


def test_other_ends_count() -> None:
    text = 'Why? "Because!" she said. 它是帽子。它很大。\nTitle'
    assert split_sentences(text) == [
        "Why?",
        '"Because!" she said.',
        "它是帽子。",
        "它很大。",
        "Title",
    ]


@given(TEXTS)
def test_no_letter_is_lost_in_splitting(text: str) -> None:
    joined = "".join(split_sentences(text))
    assert re.sub(r"\s", "", joined) == re.sub(r"\s", "", text)


@given(TEXTS)
def test_tidying_twice_changes_nothing_more(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
    assert "  " not in once


@given(TEXTS)
def test_an_answer_is_empty_or_stands_alone(text: str) -> None:
    answer = answer_sentence(text, limit=60)
    assert answer == "" or (
        stands_alone(answer) and len(answer) <= 60
    )


def test_brackets_go_with_their_gaps() -> None:
    raw = "Bede (born 673 (or 672)) , a monk [1] , died in 735 ."
    assert tidy(raw) == "Bede, a monk, died in 735."


@pytest.mark.parametrize(
    "raw",
    [
        "The factorial of a number , denoted by , is a product.",
        "A field has finite degree  over the rationals.",
        "this begins small, as no sentence does.",
        "It has no end",
        'It has one " quote alone.',
        "A \\displaystyle formula is left behind here.",
        "Too short.",
        "",
    ],
)
def test_what_cannot_stand_alone_is_no_answer(raw: str) -> None:
    assert answer_sentence(raw) == ""


def test_a_gap_before_the_verb_is_closed() -> None:
    raw = "Sumo  is a form of wrestling (from Japan)."
    assert answer_sentence(raw) == "Sumo is a form of wrestling."


def test_a_long_sentence_ends_before_a_clause_that_adds() -> None:
    core = (
        "A swimsuit is an item of clothing that is made for those "
        "in the water"
    )
    raw = f"{core}, such as {'swimming, ' * 20}and diving."
    assert answer_sentence(raw) == f"{core}."


def test_a_cut_leaves_nothing_hanging() -> None:
    core = "Although the heir had long been a prisoner of the old king"
    raw = f"{core}, who {'was very, ' * 20}old, he came."
    assert answer_sentence(raw) == ""


def test_what_is_too_long_does_not_stand_alone() -> None:
    sentence = "A hat is a covering of heads."
    assert stands_alone(sentence, limit=len(sentence))
    assert not stands_alone(sentence, limit=len(sentence) - 1)
