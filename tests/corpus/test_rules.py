import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus.config import RulesConfig
from hornbook.corpus.rules import RULES, judge

GOOD = {
    "english": "A hat is a head covering which is worn for many "
    "reasons, including protection against weather conditions.",
    "german": "Ein Hut ist eine Kopfbedeckung, die aus verschiedenen "
    "Gründen getragen wird, etwa zum Schutz vor dem Wetter.",
    "chinese": "帽子是戴在头部的服饰，多数可以覆盖头的整个顶部，"
    "主要用于保护头部，部分帽子会有突出的边缘，可以遮盖阳光，"
    "因此很多人在夏天戴帽子出门散步。",
    "arabic": "القبعة هي غطاء للرأس يرتديه الناس لأسباب كثيرة منها "
    "الحماية من الشمس والمطر والبرد في فصول السنة المختلفة",
    "hindi": "टोपी एक प्रकार का सिर का आवरण है जिसे लोग धूप और बारिश से "
    "बचने के लिए पहनते हैं और यह कई प्रकार की होती है",
}
BAD = {
    "too_short": "No.",
    "few_letters": "1234 5678 91011 " * 20,
    "undecodable": "caf\ufffd and na\ufffdve people went " * 5,
    "symbol_heavy": "<b>word</b> {other} [[third]] #four " * 5,
    "repeated_lines": "Read more about it here\n" * 8,
    "repeated_phrases": "the same thing is said again " * 100,
    "placeholder": "Please enable JavaScript in your browser to see "
    "the pages of this site.",
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_what_it_is_for(rule: str) -> None:
    assert RULES[rule](BAD[rule], RulesConfig())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("language", GOOD)
def test_prose_of_any_language_stays(rule: str, language: str) -> None:
    assert RULES[rule](GOOD[language], RulesConfig()) == ""


@given(st.text(), st.sampled_from(sorted(RULES)))
def test_rules_take_any_text(text: str, rule: str) -> None:
    assert isinstance(RULES[rule](text, RulesConfig()), str)


def test_the_first_rule_that_fires_is_the_reason() -> None:
    assert judge("12", RulesConfig())[0] == "too_short"
    limits = RulesConfig(names=("few_letters", "too_short"))
    assert judge("12", limits)[0] == "few_letters"
    assert judge("12", RulesConfig(names=())) == ("", "")


def test_the_recipe_sets_the_limits() -> None:
    text = "A hat is worn."
    assert judge(text, RulesConfig())[0] == "too_short"
    assert judge(text, RulesConfig(least_characters=5)) == ("", "")


def test_every_rule_of_the_default_exists() -> None:
    assert set(RulesConfig().names) <= set(RULES)
