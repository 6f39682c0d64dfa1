import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.scaling.forecast import (
    LEDGER,
    carry_over,
    choose_law,
    describe_forecast,
    enter,
    entries,
    foretell,
    foretell_by_prior,
    last_entries,
    score,
)
from hornbook.scaling.prior import load_prior

GRID = [
    (n, d) for n in (4e5, 1e6, 2e6, 3e6) for d in (1e5, 4e5, 2e6, 8e6)
]


def points(
    noise: float = 0.0, count: int = len(GRID)
) -> list[dict[str, float]]:
    """Give the points of a known law, with some noise."""
    random = np.random.default_rng(0)
    return [
        {
            "parameters": n,
            "tokens": d,
            "loss": (1.5 + 60 / n**0.3 + 90 / d**0.35)
            * math.exp(noise * random.normal()),
        }
        for n, d in GRID[:count]
    ]


def forecast(tokens: int = 3000, **other: Any) -> Any:
    """Give a forecast by the prior."""
    made = foretell_by_prior(3_000_000, tokens, 1.0)
    return msgspec.structs.replace(made, **other)


def came(loss: float, tokens: int = 3000) -> dict[str, Any]:
    """What pretraining gives."""
    return {"heldout_loss": loss, "heldout_bpb": 1.0, "tokens": tokens}


def test_clear_points_foretell_by_their_own_law() -> None:
    kind, law, free = choose_law(points(), 40_000_000, 1.0)
    assert kind == "fitted" and law is free
    made = foretell(kind, law, 10_000_000, 40_000_000, 0.4)
    truth = 1.5 + 60 / 1e7**0.3 + 90 / 4e7**0.35
    assert made.loss == pytest.approx(truth, rel=1e-3)
    assert made.low <= made.loss * 1.001
    assert made.bits_per_byte[0] == pytest.approx(0.4 * made.loss)
    assert "other runs" not in made.law


def test_unclear_points_correct_the_prior_and_say_so() -> None:
    prior = load_prior().law
    own = [
        {**point, "loss": 1.2 * prior.predict(*at)}
        for point, at in zip(points(), GRID[:9], strict=False)
    ]
    kind, law, free = choose_law(own, 9_000_000, 1.0)
    assert kind == "corrected" and free is not None
    assert not free.identified
    made = foretell(kind, law, 4_000_000, 9_000_000, 0.4)
    truth = 1.2 * prior.predict(4e6, 9e6)
    assert made.loss == pytest.approx(truth)
    assert made.low < made.loss < made.high
    assert "other runs, corrected" in made.law


def test_the_further_a_forecast_reaches_the_wider_it_is() -> None:
    prior, widths = load_prior().law, []
    own = [
        {**point, "loss": prior.predict(*at)}
        for point, at in zip(points(), GRID[:6], strict=False)
    ]
    for reach in (1, 10, 100):
        target = 8_000_000 * reach
        _, law, _ = choose_law(own, target, 1.0)
        made = foretell("corrected", law, 3_000_000, target, 0.4)
        widths.append((made.high - made.low) / made.loss)
    assert widths == sorted(widths) and widths[2] > widths[0]


def test_trials_settle_the_level_that_other_runs_leave_open() -> None:
    prior = load_prior().law
    own = [
        {**point, "loss": prior.predict(*at)}
        for point, at in zip(points(), GRID[:9], strict=False)
    ]
    _, law, _ = choose_law(own, 9_000_000, 1.0)
    ends = law.predict_interval(1e6, 8e6)
    theirs = prior.predict_interval(1e6, 8e6)
    assert ends[1] - ends[0] < theirs[1] - theirs[0]


def test_trials_that_disagree_with_the_prior_widen_it() -> None:
    even, uneven = points(0.0, 9), points(0.05, 9)
    near, far = (
        choose_law(some, 8_000_000, 1.0)[1].spread
        for some in (even, uneven)
    )
    assert far > near


@pytest.mark.parametrize("count", [0, 4])
def test_hardly_any_points_leave_it_to_the_prior(count: int) -> None:
    kind, law, free = choose_law(points(0.01, count), 8_000_000, 1.0)
    assert kind == "prior" and law.E == load_prior().law.E
    assert free is None


def test_a_law_is_carried_over_by_bytes() -> None:
    law = load_prior().law
    other = carry_over(law, 0.5)
    assert other.predict(3e6, 8e6) == pytest.approx(
        law.predict(3e6, 4e6) / 2
    )
    ends = other.predict_interval(3e6, 8e6)
    assert [2 * end for end in ends] == pytest.approx(
        law.predict_interval(3e6, 4e6)
    )


def test_the_prior_speaks_of_bytes() -> None:
    plain = foretell_by_prior(3_000_000, 4_000_000, 1.0)
    # Tokens of half the text: twice as many say the same
    halved = foretell_by_prior(3_000_000, 8_000_000, 0.5)
    assert halved.loss == pytest.approx(plain.loss / 2)
    assert halved.bits_per_byte == pytest.approx(plain.bits_per_byte)
    assert "a prior, from other runs" in plain.law
    more = foretell_by_prior(3_000_000, 40_000_000, 1.0)
    assert more.loss < plain.loss


def test_a_forecast_is_scored_once_by_its_own_training(
    tmp_path: Path,
) -> None:
    made = forecast(loss=4.0, low=3.9, high=4.2)
    enter(tmp_path, made)
    assert last_entries(tmp_path) == (made, None)
    assert score(tmp_path, came(4.1, tokens=2000)) is None
    scored = score(tmp_path, came(4.1))
    assert scored is not None
    assert scored.error == pytest.approx(-0.1) and scored.inside
    assert scored.forecast == made.time
    assert score(tmp_path, came(3.0)) is None
    assert entries(tmp_path) == (made, scored)


@pytest.mark.parametrize(
    ("loss", "inside"),
    [(3.89, False), (3.9, True), (4.2, True), (4.21, False)],
)
def test_the_interval_is_held_to(
    tmp_path: Path, loss: float, inside: bool
) -> None:
    enter(tmp_path, forecast(loss=4.0, low=3.9, high=4.2))
    scored = score(tmp_path, came(loss))
    assert scored is not None and scored.inside is inside


def test_the_ledger_is_only_added_to(tmp_path: Path) -> None:
    enter(tmp_path, forecast(loss=4.0))
    score(tmp_path, came(4.1))
    before = (tmp_path / LEDGER).read_bytes()
    new = forecast(loss=3.5)
    enter(tmp_path, new)
    assert (tmp_path / LEDGER).read_bytes().startswith(before)
    assert last_entries(tmp_path) == (new, None)


def test_nothing_foretold_is_nothing_scored(tmp_path: Path) -> None:
    assert score(tmp_path, came(4.0)) is None
    assert not (tmp_path / LEDGER).exists()
    with pytest.raises(DataError, match="'hornbook scale'"):
        entries(tmp_path)


@pytest.mark.parametrize(
    "line", ['{"hat": 1}', '{"forecast": {}}', '{"score": 3}']
)
def test_a_ledger_of_something_else_is_refused(
    tmp_path: Path, line: str
) -> None:
    path = tmp_path / LEDGER
    path.parent.mkdir()
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(CorruptFileError, match="no ledger"):
        entries(tmp_path)


def test_people_are_told_all_of_it(tmp_path: Path) -> None:
    made = forecast(loss=4.0, low=3.9, high=4.2, begun=True)
    enter(tmp_path, made)
    scored = score(tmp_path, came(3.5))
    told = "\n".join(map(" ".join, describe_forecast(made, scored)))
    for words in (
        made.time, "4.000 nats per token of held-out text (",
        "embeddings included", "had begun", "(3.900 to 4.200)",
        "came 3.500 nats per token of all held-out text",
        "0.500 nats per token too high (14.3%), outside its interval",
    ):
        assert words in told
