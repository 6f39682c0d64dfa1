import pytest

from hornbook.corpus.rules import RULES, RulesConfig, judge

FINEWEB = RulesConfig(names=("fineweb",))
LINES = {
    "en": "She put the old hat back on its hook and looked out.",
    "de": "Sie hängte den alten Hut wieder an den Haken; es regnete.",
    "fr": "Elle remit le vieux chapeau à son crochet, puis sortit !",
    "es": "Volvió a colgar el viejo sombrero. ¿Había cesado la lluvia?",
    "zh": "她把旧帽子挂回钩子上，望着窗外从早上起就没有停过的雨，"
    "不知道什么时候才能出门去。",
    "ar": "أعادت القبعة القديمة إلى مكانها، ثم "
    "نظرت من النافذة إلى المطر.",
    "hi": "उसने पुरानी टोपी वापस खूँटी पर टाँग दी और बाहर बारिश को देखा।",
}


@pytest.mark.parametrize("language", LINES)
def test_prose_of_any_language_stays(language: str) -> None:
    text = f"{LINES[language]}\n\nII\n\n“{LINES[language]}”"
    assert judge(text, FINEWEB, RULES) == ("", "")


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("ended_lines", "Home\nAbout\nContact us\nLegal notice"),
        ("copied_lines", "It rains. " * 8 + "\nTo the top.\n" * 8),
        ("short_lines", "One hat.\nTwo hats.\nThree.\nFour.\nFive."),
    ],
)
def test_each_rule_finds_what_it_is_for(rule: str, text: str) -> None:
    assert judge(text, FINEWEB, RULES)[0] == rule
