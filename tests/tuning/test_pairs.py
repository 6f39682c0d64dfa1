"""Every pair is kept, or dropped by one rule that says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.tuning.pairs import (
    LONGEST_CHARACTERS,
    MEANINGS,
    RULES,
    Question,
    Sieve,
    plain,
    reconcile,
    verdict,
)

TEXT = "Acme\n\nAcme was founded in 1902 by\nAda Lee. It makes bells."


def pair(
    question: str, answer: str, kind: str = "written"
) -> Question:
    return Question(kind, question, answer, "Acme", "1")


@pytest.mark.parametrize(
    ("found", "rule"),
    [
        (pair("What does Acme make?", "Bells."), ""),
        (pair("?", "Bells."), "too_short"),
        (pair("What does Acme make?", "..."), "too_short"),
        (pair("What does it make?" * 200, "Bells."), "too_long"),
        (pair("What does Acme make?", "b" * 2001), "too_long"),
        (pair("What does the text say?", "A."), ""),
        (pair("According to the text, who?", "A."), "points_at_text"),
        (pair("Who was it?", "This passage says"), "points_at_text"),
        (pair("Was ist es laut Text?", "So."), "points_at_text"),
        (pair("Que dit ce texte ?", "Oui."), "points_at_text"),
        (pair("¿Qué dice este texto?", "Sí."), "points_at_text"),
        (pair("According to the text?", "A.", "what"), ""),
        (pair("Who?!", "by Ada  Lee", "quoted"), ""),
        (pair("Who?!", "by Ida Lee", "quoted"), "not_in_document"),
        (pair("When?", "1903", "year"), "not_in_document"),
        (pair("When?", "In 1902.", "written"), ""),
        (pair("When?", "In 1903."), "number_not_in_document"),
        (pair("When?", "In 1903.", "about"), ""),
    ],
)
def test_each_rule_drops_what_it_is_for(
    found: Question, rule: str
) -> None:
    given_rule, finding = verdict(found, TEXT, {})
    assert given_rule == rule
    assert bool(finding) == bool(rule)


def test_equal_questions_are_asked_once() -> None:
    sieve = Sieve()
    asked = [
        pair("What is Acme?", "A firm."),
        pair("What  is Acme ?", "A firm"),
        pair("What is Acme?", "A bell."),
        pair("What is acme?", "A bell."),
        pair("What is C?", "A letter."),
        pair("What is C++?", "A language."),
    ]
    kept = [p for p in asked if sieve.keeps(p, TEXT)]
    assert kept == [asked[0], *asked[3:]]
    card = sieve.card()
    assert card["dropped"] == {"same_pair": 1, "same_question": 1}
    (shown,) = card["examples"]["same_question"]
    assert shown["question"] == "What is Acme?"
    assert shown["answer"] == "A bell." and "A firm" in shown["finding"]


def test_a_dropped_pair_does_not_stand_in_another_s_way() -> None:
    sieve = Sieve()
    assert not sieve.keeps(pair("When was it?", "In 1903."), TEXT)
    assert sieve.keeps(pair("When was it?", "In 1902."), TEXT)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "Who is it?", "Who is  it"])
            | st.text(),
            st.sampled_from(["", "Ada Lee", "7"]) | st.text(),
            st.sampled_from(["what", "year", "written", "quoted"]),
        )
    )
)
def test_the_counts_reconcile(
    asked: list[tuple[str, str, str]],
) -> None:
    sieve = Sieve()
    kept = sum(sieve.keeps(pair(*each), TEXT) for each in asked)
    card = sieve.card()
    assert card["in"] == len(asked) and card["kept"] == kept
    for counts in (card, *card["ways"].values()):
        lost = sum(counts["dropped"].values())
        assert counts["in"] == counts["kept"] + lost
    ways = card["ways"].values()
    assert sum(way["in"] for way in ways) == len(asked)
    assert set(card["dropped"]) == set(card["examples"])
    assert set(card["dropped"]) <= set(MEANINGS)


@given(st.text())
def test_what_is_plain_stays_plain(text: str) -> None:
    assert plain(plain(text)) == plain(text)


def test_every_rule_has_words_for_people() -> None:
    assert {*RULES, "same_pair", "same_question"} == set(MEANINGS)
    assert reconcile({}) == {"in": 0, "kept": 0, "dropped": {}}
    assert LONGEST_CHARACTERS < 8000
