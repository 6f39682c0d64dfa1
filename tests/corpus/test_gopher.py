import pytest

from hornbook.corpus.gopher import GopherConfig
from hornbook.corpus.reading import Reading
from hornbook.corpus.rules import RULES, RulesConfig, judge

GOPHER = RulesConfig(names=("gopher",))
PROSE = {
    "en": """She put the old hat back on its hook and looked out at the
rain, which had not stopped since the morning. Nobody had come by, and
nobody would come now, for the road to the village stood under water.
“We could take the boat,” said her brother, who was reading by the
fire. She laughed. The boat had a hole as big as a plate, and besides,
neither of them could row as far as the bridge.""",
    "de": """Sie hängte den alten Hut wieder an den Haken und sah hinaus
in den Regen, der seit dem Morgen nicht aufgehört hatte. Niemand war
vorbeigekommen, und jetzt würde auch niemand mehr kommen, denn die
Straße zum Dorf stand unter Wasser. „Wir könnten das Boot nehmen“,
sagte ihr Bruder, der am Feuer las. Sie lachte. Das Boot hatte ein
Loch so groß wie ein Teller, und rudern konnte keiner von beiden.""",
    "fr": """Elle remit le vieux chapeau à son crochet et regarda la
pluie, qui n'avait pas cessé depuis le matin. Personne n'était passé,
et personne ne viendrait plus, car la route du village était sous
l'eau. « Nous pourrions prendre la barque », dit son frère, qui lisait
près du feu. Elle rit. La barque avait un trou grand comme une
assiette, et aucun des deux ne savait ramer jusqu'au pont.""",
    "es": """Volvió a colgar el viejo sombrero y miró la lluvia, que no
había cesado desde la mañana. Nadie había pasado por allí, y nadie
vendría ya, porque el camino del pueblo estaba bajo el agua. «Podríamos
tomar la barca», dijo su hermano, que leía junto al fuego. Ella se rio.
La barca tenía un agujero tan grande como un plato, y ninguno de los
dos sabía remar hasta el puente.""",
    "zh": """她把旧帽子挂回钩子上，望着窗外从早上起就没有停过的雨
。没有人来过，现在也不会有人来了，因为通往村子的路已
经被水淹没。“我们可以坐船去。”在炉火旁看书的弟弟说
。她笑了。那条船上有一个盘子那么大的洞，而且他们两个
人都不会划船，更不用说划到桥那边去了。""",
    "ar": """أعادت القبعة القديمة إلى مكانها ونظرت إلى المطر الذي لم
يتوقف منذ الصباح. لم يمر أحد من هنا، ولن يأتي أحد الآن،
لأن الطريق إلى القرية كان تحت الماء. قال أخوها الذي كان
يقرأ قرب النار: يمكننا أن نأخذ القارب. فضحكت، فقد كان في
القارب ثقب كبير مثل الصحن، ولم يكن أي منهما يعرف كيف يجدف
حتى يصل إلى الجسر. ثم جلست هي أيضا وفتحت كتابا من الكتب
القديمة.""",
    "hi": """उसने पुरानी टोपी वापस खूँटी पर टाँग दी और बाहर बारिश को
देखा, जो सुबह से रुकी नहीं थी। इधर से कोई नहीं गुज़रा था
और अब कोई आने वाला भी नहीं था, क्योंकि गाँव की सड़क पानी
में डूब गई थी। आग के पास बैठे उसके भाई ने कहा कि हम नाव ले
सकते हैं। वह हँस पड़ी। नाव में थाली जितना बड़ा छेद था और
उन दोनों में से किसी को पुल तक नाव चलाना नहीं आता था।""",
}
WORDS = PROSE["en"].replace("\n", " ").split()
MENU = "\n".join(f"• {word} …" for word in WORDS)
BAD = {
    "word_count": "Nobody had come by, and nobody would come now.",
    "word_length": " ".join(a + b + "zation" for a, b in zip(
        WORDS, reversed(WORDS), strict=True
    )),
    "hash_marks": " ".join("#" + word for word in WORDS),
    "ellipses": "... ".join(WORDS),
    "bullet_lines": "\n".join(f"- {word} {word}" for word in WORDS),
    "ellipsis_lines": PROSE["en"].replace("\n", "...\n"),
    "lettered_words": " 12 | ".join(WORDS),
    "stop_words": "hat rain road boat fire hole plate bridge " * 8,
    "lines_again": PROSE["en"] + "\nTop\nUp" * 4,
    "line_characters": PROSE["en"] + "\n" + PROSE["en"][:140],
    "paragraphs_again": PROSE["en"] + "\n\nUp." * 4,
    "paragraph_characters": f"{PROSE['en']}\n\n{PROSE['en']}",
    "top_phrases": PROSE["en"] + " and then" * 15,
    "phrases_again": PROSE["en"] + " and so on and so forth, then" * 4,
}


@pytest.mark.parametrize("language", PROSE)
@pytest.mark.parametrize("told", [True, False])
def test_prose_of_any_language_stays(language: str, told: bool) -> None:
    known = language if told else ""
    assert judge(PROSE[language], GOPHER, RULES, known) == ("", "")


@pytest.mark.parametrize("rule", GOPHER.names)
def test_each_rule_finds_what_it_is_for(rule: str) -> None:
    assert RULES[rule](Reading(BAD[rule], "en"), GOPHER)


@pytest.mark.parametrize("language", PROSE)
def test_menus_and_repetition_go_in_any_language(language: str) -> None:
    words = PROSE[language].replace("\n", " ").split()
    menu = "\n".join(f"• {word} …" for word in words)
    assert judge(menu, GOPHER, RULES, language)[0]
    spam = PROSE[language] + "\n" + (PROSE[language][:60] + "\n") * 9
    assert judge(spam, GOPHER, RULES, language)[0]


def test_an_unknown_language_is_not_judged_by_its_words() -> None:
    finnish = "Hattu on päähine jota pidetään monesta syystä " * 9
    assert RULES["stop_words"](Reading(finnish, "fi"), GOPHER) == ""
    assert RULES["stop_words"](Reading(finnish, "en"), GOPHER)


def test_the_recipe_sets_the_limits() -> None:
    limits = RulesConfig(gopher=GopherConfig(least_words=5))
    reading = Reading(BAD["word_count"], "en")
    assert RULES["word_count"](reading, limits) == ""


def test_a_limit_for_each_length_of_a_phrase() -> None:
    with pytest.raises(ValueError, match="'most_top' is 3 shares"):
        GopherConfig(most_top=(0.2,))
