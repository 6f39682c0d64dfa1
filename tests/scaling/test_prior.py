import numpy as np
import pytest

from hornbook.scaling.prior import load_prior


def test_the_shipped_law_is_near_every_shipped_training() -> None:
    prior = load_prior()
    n, d, loss = np.array(prior.points).T
    missed = np.log(prior.law.predict(n, d) / loss)
    assert np.abs(missed).max() < 3 * prior.law.spread < 0.1
    left = len(loss) - 5
    assert prior.law.spread == pytest.approx(
        np.sqrt(missed @ missed / left), rel=1e-3
    )
    assert prior.law.points == len(prior.points)


def test_the_prior_says_how_it_was_made_and_how_sure_it_is() -> None:
    prior = load_prior()
    assert len(prior.made.split()) > 20
    assert len(prior.law.draws) >= 50
    assert prior.law.identified or prior.law.reason
    assert 0 < prior.margin < 1
    assert 3 < prior.bytes_per_token < 4


def test_the_prior_stays_sane_far_beyond_its_trainings() -> None:
    law = load_prior().law
    there = law.predict(1e9, 2e10)
    assert law.E < there < law.predict(3e6, 4e6)
    low, high = law.predict_interval(1e9, 2e10)
    assert 0 < low < there < high < 6
