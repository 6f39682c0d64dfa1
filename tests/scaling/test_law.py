import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.scaling.law import ScalingLaw


def law(**other: float) -> ScalingLaw:
    numbers = {
        "E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37,
    }
    return ScalingLaw(**{**numbers, **other})


def test_the_loss_is_the_sum_of_three_terms() -> None:
    found = law(E=1.0, A=2.0, B=3.0, alpha=0.5, beta=1.0)
    assert found.predict(4.0, 6.0) == 1.0 + 1.0 + 0.5


@given(
    st.floats(1e12, 1e24), st.floats(0.1, 0.9), st.floats(0.1, 0.9)
)
def test_no_other_split_of_the_flops_is_better(
    flops: float, alpha: float, beta: float
) -> None:
    found = law(alpha=alpha, beta=beta)
    n, d = found.optimum(flops)
    assert 6 * n * d == pytest.approx(flops)
    best = found.predict(n, d)
    for more in (0.5, 0.9, 1.1, 2.0):
        assert found.predict(n * more, d / more) >= best * (1 - 1e-12)


def test_chinchillas_optimum_is_about_twenty_tokens_each() -> None:
    found = law(
        E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658
    )
    n, d = found.optimum(5.76e23)
    assert 10 < d / n < 30
    assert n == pytest.approx(7e10, rel=0.2)


def test_a_wider_spread_widens_the_interval() -> None:
    draws = tuple((1.8 + i / 100, 480.0, 2100.0, 0.35, 0.37)
                  for i in range(100))
    narrow = law(draws=draws).predict_interval(1e6, 1e8)
    wide = law(draws=draws, spread=0.05).predict_interval(1e6, 1e8)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert narrow[1] - narrow[0] == pytest.approx(0.94, abs=0.02)
    assert all(math.isfinite(end) for end in wide)


def test_an_offset_bends_the_curve_at_its_beginning_alone() -> None:
    plain, bent = law(), law(offset=1e5)
    assert bent.predict(1e6, 1e3) < plain.predict(1e6, 1e3) / 2
    assert bent.predict(1e6, 1e10) == pytest.approx(
        plain.predict(1e6, 1e10), rel=1e-6
    )


def test_a_multiple_of_a_law_is_one_everywhere() -> None:
    draws = ((1.8, 480.0, 2100.0, 0.35, 0.37),) * 20
    whole = law(draws=draws, spread=0.01, offset=1e4)
    more = whole.times(1.5, np.full(20, 1.5))
    assert more.predict(1e6, 1e7) == pytest.approx(
        1.5 * whole.predict(1e6, 1e7)
    )
    assert more.predict_interval(1e6, 1e7) == pytest.approx(
        tuple(1.5 * end for end in whole.predict_interval(1e6, 1e7))
    )


def test_every_resample_foretells_as_the_law_would() -> None:
    numbers = (1.8, 480.0, 2100.0, 0.35, 0.37)
    found = law(draws=(numbers,) * 3, offset=1e4)
    n, d = np.array([1e5, 1e6]), np.array([1e6, 1e7])
    assert found.predict_draws(n, d) == pytest.approx(
        np.tile(found.predict(n, d), (3, 1))
    )
