import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hornbook.training.contest import Estimate, judge, over_seeds
from hornbook.training.trials import Result

BITS = st.lists(st.floats(0.5, 9), min_size=2, max_size=12)


def result(
    name: str, seed: int, bits: float, problem: str = ""
) -> Result:
    """What a trial of some variant gave."""
    return Result(
        key=f"{name} {seed}", name=name, seed=seed, parameters=10,
        tokens=100, steps=5, flops=1.0, bits_per_byte=bits,
        seconds=2.0, problem=problem,
    )


def test_the_interval_over_seeds_is_students() -> None:
    mean, low, high = over_seeds([1.0, 2.0, 3.0])
    # The published 97.5% point for two degrees is 4.303
    assert mean == 2.0
    assert high - mean == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    assert mean - low == pytest.approx(high - mean)
    many = over_seeds([0.0, 2.0] * 50)
    assert many[2] - many[0] == pytest.approx(1.984 * 0.1005, 1e-3)


@given(ours=BITS, theirs=BITS)
def test_a_difference_has_the_interval_of_the_paired_test(
    ours: list[float], theirs: list[float]
) -> None:
    count = min(len(ours), len(theirs))
    ours, theirs = ours[:count], theirs[:count]
    contest = judge([
        *(result("old", n, b) for n, b in enumerate(theirs)),
        *(result("new", n, b) for n, b in enumerate(ours)),
    ])
    old, new = contest.entries
    assert old.behind is None and contest.reference == "old"
    assert new.behind is not None
    gaps = np.subtract(ours, theirs)
    assert new.behind.value == pytest.approx(gaps.mean())
    if gaps.std() > 1e-6:
        peer = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
        assert new.behind.low == pytest.approx(peer.low, abs=1e-9)
        assert new.behind.high == pytest.approx(peer.high, abs=1e-9)


def test_the_luck_of_a_seed_cancels() -> None:
    # Seeds differ far more than the variants do
    luck = [1.0, 3.0, 2.0]
    contest = judge([
        result(name, seed, luck[seed] + gap + 0.001 * seed * gap)
        for seed in range(3)
        for name, gap in (("old", 0.0), ("new", -0.1), ("bad", 0.1))
    ])
    verdicts = [entry.verdict for entry in contest.entries]
    assert verdicts == ["", "better", "worse"]
    old, new, _ = contest.entries
    assert new.bits is not None and old.bits is not None
    assert new.bits.high > old.bits.low


def test_what_differs_by_chance_is_not_told_apart() -> None:
    contest = judge([
        result(name, seed, bits)
        for name, each in (("a", (1.0, 1.2)), ("b", (1.1, 1.0)))
        for seed, bits in enumerate(each)
    ])
    assert contest.entries[1].verdict == "not told apart"


def test_failed_seeds_are_told_and_left_out() -> None:
    contest = judge([
        result("a", 1, 1.0), result("a", 2, 0.0, "diverged: x"),
        result("b", 1, 1.5), result("b", 2, 7.0),
        result("c", 1, 0.0, "no memory"),
        result("c", 2, 0.0, "no memory"),
    ])
    a, b, c = contest.entries
    assert a.bits == Estimate(1.0, 1.0, 1.0, 1)
    assert a.problems == ("diverged: x",)
    # Only the seed that both finished is compared
    assert b.behind == Estimate(0.5, 0.5, 0.5, 1)
    assert b.verdict == "one seed tells nothing"
    assert (c.bits, c.verdict) == (None, "failed")
    table = str(contest).splitlines()
    assert table[0].startswith("variant")
    assert "more than a" in table[0]
    assert table[1].split()[-1] == "1" and table[3].split()[-1] == "2"
    assert table[4:] == ["a failed: diverged: x", "c failed: no memory"]


def test_any_variant_can_be_the_reference() -> None:
    results = [result("a", 1, 1.0), result("b", 1, 3.0)]
    a, b = judge(results, "b").entries
    assert b.behind is None
    assert a.behind is not None and a.behind.value == -2.0


def test_a_contest_is_told_to_programs() -> None:
    contest = judge([result("a", 1, 1.0)])
    told = msgspec.json.decode(msgspec.json.encode(contest))
    assert told["entries"][0]["bits"]["value"] == 1.0
