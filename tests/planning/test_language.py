"""A text's language is told by its letters, or not at all."""

import pytest

from hornbook.planning.language import guess_language

TEXTS = {
    "en": "The hat is a covering for the head that is worn to keep "
    "warm, and people wear it for many other reasons as well. ",
    "de": "Der Hut ist eine Kopfbedeckung, die aus vielen Gründen "
    "getragen wird und die vor der Sonne und dem Regen schützt. ",
    "ru": "Шляпа это головной убор, который носят по многим причинам "
    "и который защищает голову от солнца и от дождя. ",
    "ja": "帽子は頭に被る物で、日差しを防ぐために使われます。",
    "ko": "모자는 머리에 쓰는 물건으로 햇빛을 가리기 위해 사용됩니다. ",
    "zh": "帽子是戴在头上的物品，用来遮挡阳光和保持温暖。",
}


@pytest.mark.parametrize("code", TEXTS)
def test_prose_tells_its_language(code: str) -> None:
    assert guess_language(TEXTS[code] * 12) == code


@pytest.mark.parametrize("text", ["", "A hat.", "1 + 2 = 3; " * 200])
def test_what_tells_nothing_is_left_open(text: str) -> None:
    assert guess_language(text) == ""
