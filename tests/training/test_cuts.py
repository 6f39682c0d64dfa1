from pathlib import Path
from typing import Any

import pytest
from msgspec import convert

from hornbook.model.config import make_config
from hornbook.tokenizer.config import TokenizerConfig
from hornbook.training.config import TrainingConfig
from hornbook.training.cuts import (
    Cuts,
    cut_texts,
    equal_compute,
    flops,
    shipped,
)
from hornbook.training.trials import Trial

TEXTS = {
    "train": ["a hat is a head covering, a hat"] * 3,
    "heldout": ["a hat of a cat", "a hat"],
}


def configs(*kinds: Any) -> dict[str, TokenizerConfig]:
    """Ask for a vocabulary of each kind."""
    return {
        kind: TokenizerConfig(
            vocab_size=270,
            kind=kind,
            min_frequency=2,
            special_tokens=("<|end|>",),
        )
        for kind in kinds
    }


def test_each_vocabulary_has_the_same_text(tmp_path: Path) -> None:
    kinds = configs("bpe", "word", "char")
    with cut_texts(kinds, TEXTS, tmp_path) as made:
        sizes = {text.heldout.bytes for _, text in made.values()}
        assert sizes == {sum(map(len, TEXTS["heldout"]))}
        for cut, text in made.values():
            assert text.train.documents == 3
            assert text.train.info.vocab_size == cut.vocab_size
            assert cut.fit.tokens == text.heldout.info.tokens - 2
        assert made["bpe"][0].fit.lost == made["bpe"][0].spelled == 0
        word, char = made["word"][0], made["char"][0]
        assert word.fit.lost == 2 / 7
        assert word.spelled == 8 * len(" of cat") / 19
        assert char.fit.lost == 1 / 19 and char.spelled == 8 / 19
        lost = made["word"][1].heldout.lost_bytes
        assert lost.tolist() == [len(" of cat"), 0]
    assert list(tmp_path.iterdir()) == []


def test_all_have_the_compute_of_the_first() -> None:
    trials = [
        Trial(
            name=str(size),
            shape=make_config(
                layers=1, width=16, heads=2, context=8, vocab_size=size
            ),
            training=TrainingConfig(steps=1000, batch=2),
        )
        for size in (4096, 300, 90_000)
    ]
    same = equal_compute(trials)
    assert same[0] == trials[0]
    assert same[1].training.steps > 1000 > same[2].training.steps
    for trial in same:
        assert flops(trial) == pytest.approx(flops(trials[0]), rel=0.02)


def test_what_is_shipped_is_what_the_command_writes() -> None:
    found = convert(shipped(), Cuts)
    kinds = [cut.kind for cut in found.cuts]
    assert sorted(kinds) == ["bpe", "char", "word"]
    for entry in found.contest.entries:
        assert entry.bits is not None and entry.bits.seeds == 3
