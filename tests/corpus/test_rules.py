import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus.c4 import C4Config
from hornbook.corpus.reading import Reading
from hornbook.corpus.rules import (
    CUTS,
    RULES,
    RulesConfig,
    cut_lines,
    judge,
)

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


HOUSE = RulesConfig().names


@pytest.mark.parametrize("rule", HOUSE)
def test_each_rule_finds_what_it_is_for(rule: str) -> None:
    assert RULES[rule](Reading(BAD[rule]), RulesConfig())


@pytest.mark.parametrize("rule", HOUSE)
@pytest.mark.parametrize("language", GOOD)
def test_prose_of_any_language_stays(rule: str, language: str) -> None:
    assert RULES[rule](Reading(GOOD[language]), RulesConfig()) == ""


@given(st.text(), st.sampled_from(sorted(RULES)))
def test_rules_take_any_text(text: str, rule: str) -> None:
    limits = RulesConfig(c4=C4Config(listed=("hat",)))
    assert isinstance(RULES[rule](Reading(text), limits), str)


def test_the_first_rule_that_fires_is_the_reason() -> None:
    assert judge("12", RulesConfig(), RULES)[0] == "too_short"
    limits = RulesConfig(names=("few_letters", "too_short"))
    assert judge("12", limits, RULES)[0] == "few_letters"
    assert judge("12", RulesConfig(names=()), RULES) == ("", "")


def test_the_recipe_sets_the_limits() -> None:
    text = "A hat is worn."
    assert judge(text, RulesConfig(), RULES)[0] == "too_short"
    limits = RulesConfig(least_characters=5)
    assert judge(text, limits, RULES) == ("", "")


def test_every_rule_of_a_preset_exists() -> None:
    limits = RulesConfig(names=("gopher", "too_short", "c4", "fineweb"))
    assert set(limits.names) | set(HOUSE) == set(RULES)
    assert "too_short" in limits.names
    assert set(RulesConfig(cuts=("c4",)).cuts) == set(CUTS)


def test_an_unknown_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="'cuts' names 'hats'"):
        RulesConfig(cuts=("hats",))


def test_a_rule_of_the_users_own_is_a_function() -> None:
    def no_hats(reading: Reading, limits: RulesConfig) -> str:
        return "a hat" if "hat" in reading.text else ""

    limits = RulesConfig(names=("no_hats", "too_short"))
    rules = {**RULES, "no_hats": no_hats}
    assert judge("A hat.", limits, rules) == ("no_hats", "a hat")


def test_the_shares_of_letters_and_symbols_are_exact() -> None:
    text = "<b>ünï</b> 12 帽子\u3000हैं" * 3
    visible = "".join(text.split())
    share = sum(map(str.isalpha, visible)) / len(visible)
    finding = RULES["few_letters"](Reading(text), RulesConfig())
    assert finding == f"letters: {share:.1%}"
    share = sum(c in "<>/#" and c != "/" for c in text) / len(text)
    finding = RULES["symbol_heavy"](Reading(text), RulesConfig())
    assert finding == f"symbols: {share:.1%}"


def test_the_house_rules_need_no_machine_code() -> None:
    code = (
        "import sys; from hornbook.corpus.rules import *;"
        "print(judge('A hat is worn. ' * 99, RulesConfig(), RULES));"
        "assert not {'numba', 'torch', 'daft'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_cuts_take_lines_out() -> None:
    text = "A hat is worn.\n\nWe use cookies.\n\nIt rains."
    limits = RulesConfig(cuts=("policy_line",))
    shorter, counts = cut_lines(text, limits)
    assert shorter == "A hat is worn.\n\nIt rains."
    assert counts == {"policy_line": 1}
    assert cut_lines(text, RulesConfig()) == (text, {})
    assert cut_lines("We use cookies.", limits)[0] == ""
