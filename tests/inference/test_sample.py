import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hornbook.inference.sample import choose

LOGITS = torch.tensor([0.0, 3.0, 1.0, 2.0])


def draws(
    temperature: float, top_p: float = 1.0, times: int = 2000
) -> list[int]:
    """Draw many tokens with one seed."""
    random = torch.Generator().manual_seed(1)
    return [
        choose(LOGITS, temperature, top_p, random) for _ in range(times)
    ]


@given(st.lists(st.floats(-9, 9), min_size=1, unique=True))
def test_without_temperature_the_likeliest_is_taken(
    values: list[float],
) -> None:
    logits = torch.tensor(values, dtype=torch.float64)
    assert values[choose(logits)] == max(values)


def test_tokens_are_drawn_by_their_chances() -> None:
    drawn = draws(1.0)
    shares = torch.tensor([drawn.count(i) / 2000 for i in range(4)])
    assert shares.tolist() == pytest.approx(
        LOGITS.softmax(0).tolist(), abs=0.03
    )


def test_a_low_temperature_sharpens() -> None:
    cold, warm, hot = (
        draws(t, times=500).count(1) for t in (0.3, 1.0, 3.0)
    )
    assert cold > warm > hot


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.0, {1}), (0.6, {1}), (0.7, {1, 3}), (0.9, {1, 2, 3})],
)
def test_top_p_draws_from_the_likeliest_alone(
    top_p: float, kept: set[int]
) -> None:
    assert set(draws(1.0, top_p)) == kept


@given(
    st.lists(st.floats(-5, 5), min_size=2, max_size=8),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_what_is_drawn_belongs_to_the_share(
    values: list[float], top_p: float, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    logits = torch.tensor(values)
    chances = logits.softmax(0)
    token = choose(logits, 1.0, top_p, random)
    likelier = chances[chances > chances[token]].sum()
    assert likelier <= top_p + 1e-5
