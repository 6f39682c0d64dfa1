import pytest

from hornbook.corpus.c4 import C4Config
from hornbook.corpus.reading import Reading
from hornbook.corpus.rules import (
    CUTS,
    RULES,
    RulesConfig,
    cut_lines,
    judge,
)

C4 = RulesConfig(names=("c4",), cuts=("c4",))
PAGE = """Home
About us
She put the old hat back on its hook.
Sie hängte den alten Hut wieder an den Haken.
“It has not stopped raining since the morning,” she said.
她把旧帽子挂回钩子上。
उसने पुरानी टोपी वापस खूँटी पर टाँग दी।
Please enable JavaScript to read all of it.
This site uses cookies to count its readers.
Click here to read all of this long story
Read on and see what became of it ...
Yes.

أعادت القبعة القديمة إلى مكانها، فهل توقف المطر؟"""


def test_the_sentences_of_a_page_stay_and_the_rest_is_cut() -> None:
    shorter, counts = cut_lines(PAGE, C4)
    kept = shorter.split("\n")
    assert [PAGE.split("\n").index(line) for line in kept if line] == [
        2, 3, 4, 5, 6, 13,
    ]
    assert counts == {
        "javascript_line": 1,
        "policy_line": 1,
        "short_line": 3,
        "unfinished_line": 2,
    }
    assert judge(shorter, C4, RULES) == ("", "")


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("few_sentences", "A hat is worn. It rains."),
        ("lorem_ipsum", "It says Lorem ipsum dolor. Yes. No. Why?"),
        ("curly_brackets", "If it rains { hat(); }. Yes. No. Why?"),
        ("listed_words", "Wear a Hat today. Yes. No. Why?"),
    ],
)
def test_each_rule_finds_what_it_is_for(rule: str, text: str) -> None:
    limits = RulesConfig(names=("c4",), c4=C4Config(listed=("hat",)))
    assert judge(text, limits, RULES)[0] == rule


def test_a_listed_word_is_a_whole_word() -> None:
    limits = RulesConfig(c4=C4Config(listed=("hat",)))
    assert not RULES["listed_words"](Reading("That chat."), limits)


def test_a_language_without_full_stops_is_not_judged_by_them() -> None:
    thai = "ผู้หญิงคนนั้นแขวนหมวกใบเก่าไว้ที่เดิม แล้วมองออกไปนอกหน้าต่าง"
    assert RULES["few_sentences"](Reading(thai), C4) == ""
    assert RULES["ended_lines"](Reading(thai), C4) == ""


def test_the_recipe_sets_the_words_of_a_line() -> None:
    limits = RulesConfig(c4=C4Config(least_line_words=3))
    assert CUTS["short_line"]("Come in.", limits)
    assert not CUTS["short_line"]("It is raining.", limits)
    assert not CUTS["short_line"]("", limits)
