"""One learning rate for every width: the slow proof of `base_width`.

`benchmarks/transfer.py` has the same at greater widths.
"""

from pathlib import Path

import msgspec
import pytest

from hornbook.model.config import make_config
from hornbook.training.config import TrainingConfig
from hornbook.training.finder import mean_bits
from hornbook.training.trials import Text, Trial, open_text, run_trials

WIDTHS = (32, 64, 128)
RATES = {
    "adamw": {"lr": 0.016},
    "muon": {"lr": 0.04, "lr_embedding": 0.1, "lr_head": 0.008},
}


def best_power(
    text: Text, optimizer: str, width: int, log: Path
) -> int:
    """Find by how many doublings the rates of a width are best."""
    shape = make_config(
        form="nanochat", vocab_size=text.train.info.vocab_size,
        layers=2, width=width, heads=width // 32, context=64,
    )
    training = TrainingConfig(
        optimizer=optimizer, base_width=WIDTHS[0], batch=8, steps=80,
        precision="fp32", compile="off",
    )
    found = {}
    for power in range(-2, 3):
        rates = {k: r * 2.0**power for k, r in RATES[optimizer].items()}
        settings = msgspec.structs.replace(training, **rates)
        trial = Trial(name=str(power), shape=shape, training=settings)
        found[power] = mean_bits(run_trials([trial], text, log))
    return min(found, key=lambda power: found[power])


@pytest.mark.endurance
@pytest.mark.parametrize("optimizer", sorted(RATES))
def test_the_best_rate_is_the_same_at_three_widths(
    walked_run: Path, tmp_path: Path, optimizer: str
) -> None:
    text = open_text(walked_run, 10_000)
    log = tmp_path / "log.jsonl"
    best = [best_power(text, optimizer, w, log) for w in WIDTHS]
    # One doubling apart at most, of five that were tried
    assert max(best) - min(best) <= 1
