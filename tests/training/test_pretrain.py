import msgspec

from hornbook.model.config import make_config
from hornbook.training.config import TrainingConfig
from hornbook.training.pretrain import asked_for

SHAPE = make_config(vocab_size=9)


def asked(config: TrainingConfig) -> dict[str, object]:
    return asked_for(SHAPE, config, 1, "data", "source")


def test_what_leaves_the_losses_as_they_are_may_change() -> None:
    before = asked(TrainingConfig())
    changed = TrainingConfig(
        minutes=3, save_seconds=1, sample_seconds=1, keep=9
    )
    assert asked(changed) == before


def test_all_that_changes_the_losses_is_asked_for() -> None:
    usual = TrainingConfig()
    before = asked(usual)
    for name, value in {
        "lr": 0.5, "batch": 3, "precision": "fp32", "clip": 0.0,
        "schedule": "cosine", "optimizer": "adamw", "compile": "on",
    }.items():
        changed = msgspec.structs.replace(usual, **{name: value})
        assert asked(changed) != before, name
    wide = make_config(vocab_size=9, width=384)
    for other in (
        asked_for(wide, usual, 1, "data", "source"),
        asked_for(SHAPE, usual, 2, "data", "source"),
        asked_for(SHAPE, usual, 1, "other", "source"),
        asked_for(SHAPE, usual, 1, "data", "other"),
    ):
        assert other != before
