import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.training.config import TrainingConfig
from hornbook.training.schedule import rate

SHARES = st.floats(0, 1)


@given(
    steps=st.integers(1, 300),
    warmup=SHARES,
    decay=SHARES,
    final=SHARES,
    shape=st.sampled_from(["linear", "cosine"]),
)
def test_the_rate_rises_stays_and_falls(
    steps: int, warmup: float, decay: float, final: float, shape: str
) -> None:
    config = TrainingConfig(
        warmup=warmup * (1 - decay),
        decay=decay,
        final=final,
        schedule=shape,
    )
    rates = [rate(config, step, steps) for step in range(steps)]
    assert all(0 <= share <= 1 for share in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[0] > 0


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_the_plateau_is_as_long_as_asked(shape: str) -> None:
    config = TrainingConfig(warmup=0.1, decay=0.4, schedule=shape)
    rates = [rate(config, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([n / 10 for n in range(1, 11)])
    assert set(rates[9:61]) == {1.0}
    assert rates[61] < 1
    assert rates[80] == pytest.approx(0.5)


def test_the_fall_ends_where_asked() -> None:
    config = TrainingConfig(warmup=0, decay=1, final=0.25)
    assert rate(config, 0, 1000) == 1
    assert rate(config, 999, 1000) == pytest.approx(0.25, abs=1e-3)
