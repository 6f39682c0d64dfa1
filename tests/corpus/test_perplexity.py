import math
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.corpus import perplexity as module
from hornbook.corpus.perplexity import (
    UNKNOWN,
    NgramModel,
    PerplexityConfig,
    fit_ngrams,
    judge_perplexity,
)
from hornbook.corpus.perplexity_fast import DISCOUNT

Sentences = Callable[..., str]
BOOKS = Path("../shared/data/corpora/children")
CONFIG = PerplexityConfig(good="good")
TEXTS = st.lists(
    st.lists(st.sampled_from("abcd"), max_size=12).map(" ".join),
    min_size=2,
    max_size=12,
)


def plain(texts: list[str], text: str, order: int) -> float:
    """Interpolate absolute discounting as the books have it."""
    counts: Counter[tuple[str, ...]] = Counter()
    for some in texts:
        words = some.split()
        for end in range(len(words)):
            for size in range(1, min(order, end + 1) + 1):
                counts[tuple(words[end - size + 1 : end + 1])] += 1
    after: dict[tuple[str, ...], dict[str, int]] = {}
    for run, count in counts.items():
        after.setdefault(run[:-1], {})[run[-1]] = count

    nats, words = 0.0, text.split()
    for end, word in enumerate(words):
        chance = UNKNOWN
        for size in range(1, min(order, end + 1) + 1):
            seen = after.get(tuple(words[end - size + 1 : end]), {})
            if seen:
                total = sum(seen.values())
                chance *= DISCOUNT * len(seen) / total
                own = max(seen.get(word, 0) - DISCOUNT, 0)
                chance += own / total
        nats -= math.log(chance)
    return math.exp(nats / len(words))


@settings(deadline=None)
@given(TEXTS, st.lists(st.sampled_from("abcde"), min_size=1))
def test_the_kernel_counts_as_the_definition_does(
    texts: list[str], words: list[str]
) -> None:
    text = " ".join(words)
    for order in (1, 2, 3, 5):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "LEAST_EXAMPLES", 0)
            patch.setattr(module, "LEAST_WORDS", 1)
            patch.setattr(module, "MOST_ROWS", 1 << 12)
            config = PerplexityConfig("x", order=order, least_words=1)
            try:
                model = fit_ngrams(texts, config)
            except DataError:
                return  # No held-out text has words
        counted = [t for place, t in enumerate(texts) if place % 10]
        found = model.perplexity(text)
        assert found == pytest.approx(plain(counted, text, order))


@pytest.fixture(scope="module")
def books() -> list[str]:
    if not BOOKS.exists():
        pytest.skip(f"{BOOKS} is not here")
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted(BOOKS.glob("*.md"))[:12]
    )
    pieces = re.findall(r"(?s).{1,2000}", text)
    random.Random(1).shuffle(pieces)
    return pieces


@pytest.fixture(scope="module")
def model(books: list[str]) -> NgramModel:
    return fit_ngrams(books[:-200], CONFIG)


def dropped(
    texts: list[str], model: NgramModel, config: PerplexityConfig
) -> float:
    return sum(
        bool(judge_perplexity(text, model, config)) for text in texts
    ) / len(texts)


def test_good_prose_stays(
    books: list[str], model: NgramModel
) -> None:
    assert dropped(books[-200:], model, CONFIG) <= 0.03


def test_junk_goes(books: list[str], model: NgramModel) -> None:
    chance = random.Random(2)
    words = sorted({word for text in books for word in text.split()})
    lists = [
        "\n".join(chance.choices(words, k=100)) for _ in range(50)
    ]
    assert dropped(lists, model, CONFIG) == 1
    menu = "Home | Login | Cart (0) | Contact us | Newsletter | " * 9
    finding = judge_perplexity(menu, model, CONFIG)
    assert re.fullmatch(
        r"perplexity [\d,]+, [\d.]+ times that of good text", finding
    )


def test_shuffled_words_surprise_more(
    books: list[str], model: NgramModel
) -> None:
    for text in books[-100:]:
        words = text.split()
        random.Random(3).shuffle(words)
        if len(words) > 50:
            mixed = model.perplexity(" ".join(words))
            assert mixed > model.perplexity(text)


def test_short_texts_are_not_judged(model: NgramModel) -> None:
    junk = "qwx zxv " * 9
    assert judge_perplexity(junk, model, CONFIG) == ""
    assert judge_perplexity(junk + "a b", model, CONFIG)
    assert judge_perplexity("", model, CONFIG) == ""
    assert model.perplexity("") == math.inf


def test_a_full_table_forgets_the_rarest(
    sentences: Sentences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 1024)
    texts = [sentences(seed, words=200) for seed in range(100)]
    model = fit_ngrams(texts, CONFIG)
    assert model.about.forgotten > 0
    assert model.perplexity(sentences(200)) < 400
    assert model.perplexity("qwx zxv") > 100_000


def test_a_model_is_the_same_from_its_file(
    tmp_path: Path, sentences: Sentences
) -> None:
    texts = [sentences(seed, words=200) for seed in range(100)]
    model = fit_ngrams(texts, CONFIG)
    assert model.about.forgotten == 0
    model.save(tmp_path / "model")
    again = NgramModel.load(tmp_path / "model")
    assert again.about == model.about
    assert again.perplexity("river stone") == model.perplexity(
        "river stone"
    )
    (tmp_path / "model").write_bytes(b"model")
    with pytest.raises(CorruptFileError, match="curate again"):
        NgramModel.load(tmp_path / "model")


@pytest.mark.parametrize("texts", [[], ["a hat"] * 99, ["a"] * 200])
def test_too_little_good_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(DataError, match=r"too few for good: at least"):
        fit_ngrams(texts, CONFIG)


def test_good_texts_of_a_few_words_are_refused() -> None:
    with pytest.raises(DataError, match="lower 'least_words'"):
        fit_ngrams(["only six words and no more"] * 9_000, CONFIG)


@pytest.mark.parametrize(
    "fields", [{"most": 1.0}, {"order": 6}, {"least_words": 0}]
)
def test_impossible_limits_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is"):
        PerplexityConfig("good", **fields)
