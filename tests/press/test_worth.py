"""What a picture of an ablation shows."""

from matplotlib.colors import same_color
from matplotlib.figure import Figure

from hornbook.press.figure import ACCENT
from hornbook.press.worth import draw_worth
from hornbook.training.ablation import Ablation, Variant
from hornbook.training.contest import judge
from hornbook.training.trials import Result

BITS = {
    "raw": (2.0, 2.1, 2.2),
    "near_duplicate": (2.01, 2.08, 2.21),
    "all": (1.9, 2.01, 2.1),
}


def found(seeds: int) -> Ablation:
    results = [
        Result(
            key="", name=name, seed=seed, parameters=1, tokens=1,
            steps=1, flops=1.0, bits_per_byte=bits[seed],
        )
        for name, bits in BITS.items()
        for seed in range(seeds)
    ]
    variants = tuple(
        Variant(name, 1, 1, 1, 1.0, False) for name in BITS
    )
    return Ablation(variants, judge(results), 1, 1, 1)


def test_a_dot_stands_at_each_difference_in_its_row() -> None:
    ax = Figure().subplots()
    draw_worth(ax, found(3))
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["near duplicate", "all"]
    _, near, span, best, _ = ax.lines
    assert near.get_ydata()[0] == 0 and best.get_ydata()[0] == 1
    assert abs(best.get_xdata()[0] - (6.01 - 6.3) / 3) < 1e-9
    low, high = span.get_xdata()
    assert low < best.get_xdata()[0] < high < 0
    assert same_color(best.get_color(), ACCENT)
    assert not same_color(near.get_color(), ACCENT)


def test_one_seed_is_an_open_dot() -> None:
    ax = Figure().subplots()
    draw_worth(ax, found(1))
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_markerfacecolor() for dot in dots] == ["none"] * 2
