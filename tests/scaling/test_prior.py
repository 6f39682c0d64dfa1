import pytest

from hornbook.scaling.fit import fit_scaling_law
from hornbook.scaling.prior import load_prior


def test_the_shipped_law_is_the_fit_of_the_shipped_points() -> None:
    prior = load_prior()
    n, d, loss = zip(*prior.points, strict=True)
    moved = [tokens + prior.law.offset for tokens in d]
    again = fit_scaling_law(n, moved, loss, resamples=2)
    for name in ("E", "A", "B", "alpha", "beta"):
        shipped = getattr(prior.law, name)
        assert getattr(again, name) == pytest.approx(shipped, rel=0.02)
    assert prior.law.points == len(prior.points)


def test_the_prior_says_how_it_was_made_and_how_sure_it_is() -> None:
    prior = load_prior()
    assert len(prior.made.split()) > 20
    assert len(prior.law.draws) >= 50
    assert prior.law.identified or prior.law.reason
    assert 0 < prior.margin < 1
    assert 3 < prior.bytes_per_token < 4
