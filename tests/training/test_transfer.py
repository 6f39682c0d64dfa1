"""One learning rate for every width: the slow proof of `base_width`."""

from pathlib import Path

import pytest

from hornbook.model.config import make_config
from hornbook.training.config import TrainingConfig
from hornbook.training.finder import find_rate
from hornbook.training.trials import Text, Trial, open_text

WIDTHS = (64, 128, 256)


def best_power(
    text: Text, optimizer: str, width: int, log: Path
) -> int:
    """Find the best rate of a width, in doublings of the grid."""
    lr = {"adamw": 0.016, "muon": 0.04}[optimizer]
    shape = make_config(
        form="nanochat", vocab_size=text.train.info.vocab_size,
        layers=2, width=width, heads=width // 32, context=64,
    )
    training = TrainingConfig(
        optimizer=optimizer, lr=lr, base_width=WIDTHS[0], batch=4,
        steps=80, precision="fp32", compile="off",
    )
    base = Trial(name="base", shape=shape, training=training)
    found = find_rate(base, "lr", 1, text, log)
    best = min(found.points, key=lambda point: point[2])[0]
    return round(10 * best / lr)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_best_rate_is_the_same_at_three_widths(
    walked_run: Path, tmp_path: Path, optimizer: str
) -> None:
    text = open_text(walked_run, 10_000)
    log = tmp_path / "log.jsonl"
    best = [best_power(text, optimizer, w, log) for w in WIDTHS]
    # Rates are tried at factors of two: at most one step apart
    assert max(best) <= 2 * min(best)
