from pathlib import Path

import pytest
import torch

from hornbook.base.document import Document
from hornbook.evaluation.affinity import (
    affinity,
    look_up,
    measure_run,
    same_topic,
    topic_words,
)
from hornbook.evaluation.material import Absent
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer

SEA = "wave tide reef gull sand ship"
HILL = "rock peak pine goat snow path"


def shelf() -> list[Document]:
    """Write documents of two topics, each with words of its own."""
    return [
        Document(id=str(n), text=f" and the {words} again", topic=topic)
        for n in range(12)
        for topic, words in (("sea", SEA), ("hill", HILL))
    ]


@pytest.fixture(scope="module")
def tok() -> Tokenizer:
    texts = [d.text for d in shelf()]
    return Tokenizer.train(texts, 60, kind="word")


def test_words_mark_the_topic_that_they_stand_in(
    tok: Tokenizer,
) -> None:
    found = topic_words(shelf(), tok)
    wanted = dict.fromkeys(SEA.split(), "sea")
    assert found == wanted | dict.fromkeys(HILL.split(), "hill")


def test_rare_words_and_words_of_all_mark_nothing(
    tok: Tokenizer,
) -> None:
    odd = Document(id="x", text="wave wave gull", topic="hill")
    found = topic_words([*shelf(), odd], tok)
    assert "again" not in found and found["wave"] == "sea"
    with pytest.raises(Absent, match="no two topics"):
        topic_words(shelf()[:8], tok)


def test_words_that_are_several_tokens_are_left_out() -> None:
    letters = Tokenizer.train(["a b c d e"], 262)
    with pytest.raises(Absent):
        topic_words(shelf(), letters)


def test_the_share_counts_neighbours_of_the_topic() -> None:
    angles = torch.tensor([0.0, 0.1, 0.2, 1.5, 1.6, 1.7])
    rows = torch.stack([angles.cos(), angles.sin()], dim=1)
    apart = same_topic(rows, [0, 0, 0, 1, 1, 1])
    assert apart.tolist() == [2 / 5] * 6


def test_training_is_told_from_chance(tok: Tokenizer) -> None:
    marked = topic_words(shelf() * 2, tok)
    many = {w + end: t for w, t in marked.items() for end in "abcd"}
    names = " ".join(many)
    words = Tokenizer.train([f" {names}"], 80, kind="word")
    config = make_config(
        vocab_size=words.vocab_size, layers=1, width=16, heads=2
    )
    fresh, taught = Transformer(config, 1), Transformer(config, 1)
    with torch.no_grad():
        for word, topic in many.items():
            row = taught.token_emb.weight[words.encode(f" {word}")[0]]
            row += 0.1 if topic == "sea" else -0.1
    found = affinity(taught, fresh, words, many, 1)
    assert found.words == 48 and found.neighbours == 10
    assert found.rate.value > 0.95
    assert found.chance == pytest.approx(23 / 47)
    assert abs(found.untrained.value - found.chance) < 0.1
    assert found.difference.low > 0
    same = affinity(fresh, fresh, words, many, 1)
    assert same.difference.value == 0
    assert "by chance" in found.summary


def test_a_run_is_looked_up_with_its_base_model(
    run_copy: Path,
) -> None:
    found = look_up(str(run_copy), "water", 4)
    assert len(found.near) == 4 and "".join(found.tokens) == "▁water"
    assert found.affinity is None or found.words
    assert bool(found.skipped) == (found.affinity is None)
    inside = look_up(f"{run_copy}:chat", "water", 4)
    assert inside.near != found.near
    export = look_up(str(run_copy / "export"), "water", 4)
    assert "no text" in export.skipped


def test_a_run_without_text_says_so(
    tok: Tokenizer, tmp_path: Path
) -> None:
    model = Transformer(make_config(vocab_size=60, layers=1))
    with pytest.raises(Absent, match="no text"):
        measure_run(tmp_path, model, tok)
