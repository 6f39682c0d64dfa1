import pytest

from hornbook.base.errors import ModelError
from hornbook.model.config import make_config
from hornbook.model.count import training_bytes
from hornbook.training import footprint as measured
from hornbook.training.config import TrainingConfig
from hornbook.training.footprint import footprint

SHAPE = make_config(
    form="nanochat", vocab_size=512, layers=3, width=128, heads=4,
    context=128, attention="explicit",
)


def test_a_training_needs_what_was_predicted() -> None:
    config = TrainingConfig(batch=32, precision="fp32", compile="off")
    seen = footprint(SHAPE, config, held=False)
    assert training_bytes(SHAPE, 32, False) == pytest.approx(
        seen, rel=0.2
    )


def test_a_child_that_fails_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measured, "COMMAND", "import sys; sys.exit(9)")
    with pytest.raises(ModelError, match="status 9"):
        footprint(SHAPE, TrainingConfig(batch=1))
