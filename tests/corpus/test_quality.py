import gzip
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.corpus.quality import (
    QualityConfig,
    QualityModel,
    features,
    fit_quality,
    judge_quality,
)

Sentences = Callable[..., str]
BOOKS = Path("../shared/data/corpora/children")
PAGES = Path("../shared/data/html/article-extraction-benchmark")
CONFIG = QualityConfig(good="good", bad="bad")


def listed(seed: int) -> str:
    chance = random.Random(seed)
    items = ["home", "login", "cart", "privacy", "sitemap", "river"]
    return "\n".join(chance.choices(items, k=40))


@pytest.fixture
def small(sentences: Sentences) -> QualityModel:
    good = [sentences(seed) for seed in range(60)]
    return fit_quality(good, [listed(s) for s in range(60)], CONFIG, 1)


def test_what_was_marked_is_learnt(
    small: QualityModel, sentences: Sentences
) -> None:
    assert judge_quality(sentences(100), small, CONFIG) == ""
    finding = judge_quality(listed(100), small, CONFIG)
    assert re.fullmatch(r"good with a probability of \d+%", finding)


def test_accuracy_has_its_interval(small: QualityModel) -> None:
    low, high = small.interval
    assert 0.9 < low < small.accuracy <= high <= 1
    # Wilson's for 90 of 100, as published tables have it
    about = small.about.__class__(60, 40, 90, 0.0)
    assert QualityModel(about, small.weights).interval == (
        pytest.approx((0.8256, 0.9448), abs=1e-4)
    )


def test_least_moves_the_line(small: QualityModel) -> None:
    text = "river stone login cart music letter privacy home garden"
    found = small.probability(text)
    for least in (found - 0.01, found + 0.01):
        config = QualityConfig(good="a", bad="b", least=least)
        dropped = judge_quality(text, small, config) != ""
        assert dropped == (found < least)


def test_equal_examples_give_an_equal_model() -> None:
    texts = [listed(seed) for seed in range(60)]
    other = [text.replace("login", "music") for text in texts]
    one, two = (fit_quality(texts, other, CONFIG, 1) for _ in range(2))
    assert one.about == two.about
    assert np.array_equal(one.weights, two.weights)


def test_a_model_is_the_same_from_its_file(
    small: QualityModel, tmp_path: Path
) -> None:
    small.save(tmp_path / "model")
    again = QualityModel.load(tmp_path / "model")
    assert again.about == small.about
    assert again.probability("cart") == small.probability("cart")
    (tmp_path / "model").write_bytes(b"")
    with pytest.raises(CorruptFileError, match="curate again"):
        QualityModel.load(tmp_path / "model")


@pytest.mark.parametrize("text", ["", "?", "hat", "hat " * 100_000])
def test_any_text_has_a_probability(
    small: QualityModel, text: str
) -> None:
    assert 0 <= small.probability(text) <= 1


def test_features_are_words_and_pairs() -> None:
    assert len(features("a b c")) == 5
    assert set(features("b c").tolist()) < set(
        features("a b c").tolist()
    )
    assert len(features("a")) == 1
    assert len(features("")) == 0


@pytest.mark.parametrize(("good", "bad"), [(49, 90), (90, 0)])
def test_few_examples_are_refused(good: int, bad: int) -> None:
    with pytest.raises(DataError, match="in good and bad are too few"):
        fit_quality(["a"] * good, ["b"] * bad, CONFIG, 1)


def test_examples_that_do_not_differ_are_refused(
    sentences: Sentences,
) -> None:
    texts = [sentences(seed) for seed in range(400)]
    random.Random(1).shuffle(texts)
    with pytest.raises(DataError, match="cannot be told apart"):
        fit_quality(texts[:200], texts[200:], CONFIG, 1)
    with pytest.raises(DataError, match="cannot be told apart"):
        fit_quality([""] * 50, [""] * 50, CONFIG, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"good": "a"},
        {"good": "a", "bad": "b", "examples": "c"},
        {"examples": "c", "least": 1.0},
    ],
)
def test_examples_are_named_one_way(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="examples|'least'"):
        QualityConfig(**fields)


def boilerplate() -> list[str]:
    """Give the lines of real pages that are not their article."""
    from resiliparse.extract.html2text import extract_plain_text

    truth = json.loads(
        (PAGES / "ground-truth.json").read_text(encoding="utf-8")
    )
    texts = []
    for path in sorted((PAGES / "html").glob("*.gz")):
        page = gzip.decompress(path.read_bytes()).decode("utf-8")
        article = truth[path.name.split(".")[0]]["articleBody"]
        lines = extract_plain_text(page).split("\n")
        rest = [s for s in map(str.strip, lines) if s not in article]
        texts.append("\n".join(rest)[:3000])
    return [text for text in texts if len(text) > 200]


def test_real_menus_are_told_from_real_prose() -> None:
    for path in (BOOKS, PAGES):
        if not path.exists():
            pytest.skip(f"{path} is not here")
    chance = random.Random(1)
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted(BOOKS.glob("*.md"))[:8]
    )
    good = re.findall(r"(?s).{1,2000}", text)
    good = chance.sample(good, 300)
    bad = boilerplate()
    chance.shuffle(bad)
    model = fit_quality(good[:200], bad[:120], CONFIG, 1)
    assert model.accuracy > 0.97
    told = [
        *(not judge_quality(t, model, CONFIG) for t in good[200:]),
        *(bool(judge_quality(t, model, CONFIG)) for t in bad[120:]),
    ]
    assert sum(told) / len(told) > 0.95
