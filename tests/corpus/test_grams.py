import random
import unicodedata
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus.grams import (
    gram_hashes,
    jaccard,
    minhash,
    normal,
    plain_hashes,
    plain_normal,
)

Sentences = Callable[..., str]
TEXTS = st.text(max_size=60) | st.text("aB 帽é\u0301-ก'", max_size=60)


@given(TEXTS)
def test_the_kernel_gives_the_plain_normal_form(text: str) -> None:
    assert normal(text) == plain_normal(text)


@given(TEXTS, st.integers(1, 7))
def test_the_kernel_gives_the_plain_hashes(
    text: str, size: int
) -> None:
    found = gram_hashes(text, size)
    assert found.dtype == np.uint64
    assert found.tolist() == plain_hashes(text, size)


@given(TEXTS)
def test_the_normal_form_is_its_own(text: str) -> None:
    assert normal(normal(text)) == normal(text)


def test_hashes_are_the_same_for_ever() -> None:
    """Indices in files hold them: another value is another format."""
    assert plain_hashes("A hat.", 2) == [FIRST]
    assert gram_hashes("a\nHAT", 2).tolist() == [FIRST]


FIRST = 8694471534225521980


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("?!\n", ""),
        ("  The\tcat, \n\nthe HAT ", "the cat the hat"),
        ("ﬁve ½ ｆｕｌｌ", "five 1 2 full"),
        ("e\u0301te\u0301", "été"),
        ("हिन्दी है।", "हिन्दी है"),
        ("帽子hat かさ", "帽 子 hat か さ"),
        ("한국어 문장", "한국어 문장"),
        ("a\ud800b", "a b"),
    ],
)
def test_words_are_what_a_reader_takes_for_them(
    text: str, expected: str
) -> None:
    assert normal(text) == unicodedata.normalize("NFC", expected)


@pytest.mark.parametrize(
    ("words", "grams"), [(0, 0), (1, 1), (4, 1), (5, 1), (6, 2), (9, 5)]
)
def test_a_short_text_is_one_phrase(words: int, grams: int) -> None:
    text = " ".join(f"w{n}" for n in range(words))
    assert len(gram_hashes(text)) == grams


@given(st.text("abc ", max_size=40), st.text("abc ", max_size=40))
def test_jaccard_is_that_of_the_sets(one: str, other: str) -> None:
    a, b = gram_hashes(one, 2), gram_hashes(other, 2)
    plain = {*a.tolist()}, {*b.tolist()}
    either = len(plain[0] | plain[1])
    expected = len(plain[0] & plain[1]) / either if either else 1.0
    assert jaccard(a, b) == jaccard(b, a) == expected


def test_signatures_agree_as_texts_do(sentences: Sentences) -> None:
    """512 places tell the similarity to within 4 standard errors."""
    chance = random.Random(1)
    words = sentences(1, words=400).split()
    a = gram_hashes(" ".join(words))
    for changes in (0, 2, 8, 20, 60):
        for place in chance.sample(range(400), changes):
            words[place] = f"changed{place}"
        b = gram_hashes(" ".join(words))
        true = jaccard(a, b)
        agree = np.mean(minhash(a, 512) == minhash(b, 512))
        error = (true * (1 - true) / 512) ** 0.5
        assert abs(agree - true) <= 4 * error + 1e-9


def test_orders_are_independent() -> None:
    """Each place draws its own least: hardly any two agree."""
    hashes = gram_hashes(" ".join(f"w{n}" for n in range(500)))
    assert len({*minhash(hashes, 256).tolist()}) == 256
    starts = minhash(hashes, 512)[:256]
    assert starts.tolist() == minhash(hashes, 256).tolist()


def test_no_words_have_the_empty_signature() -> None:
    assert minhash(gram_hashes(""), 3).tolist() == [2**32 - 1] * 3
