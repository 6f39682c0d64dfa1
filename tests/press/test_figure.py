from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hornbook.base.errors import DataError
from hornbook.press import figure


@pytest.fixture(autouse=True)
def _drawing_board() -> Iterator[None]:
    backend = mpl.get_backend()
    mpl.use("agg")
    with mpl.rc_context():
        yield
        plt.close("all")
    mpl.use(backend)


def test_figures_are_drawn_at_their_final_size() -> None:
    figure.style()
    fig, _ = plt.subplots()
    assert fig.get_size_inches()[0] == pytest.approx(110 / 25.4)
    assert mpl.rcParams["pdf.fonttype"] == 42


@pytest.mark.parametrize(("size", "vector"), [(32, True), (33, False)])
def test_small_attention_maps_are_shapes_and_large_ones_a_picture(
    size: int, vector: bool
) -> None:
    _, ax = plt.subplots()
    figure.attention(ax, np.eye(size).tolist(), ["t"] * size)
    assert bool(ax.collections) == vector
    assert bool(ax.images) != vector
    assert ax.get_ylim() == (size, 0)


def test_weights_that_do_not_fit_the_tokens_fail() -> None:
    _, ax = plt.subplots()
    with pytest.raises(DataError, match=r"\(2, 3\) do not fit 2"):
        figure.attention(ax, [[0.0] * 3] * 2, ["a", "b"])


def test_columns_of_numbers_stand_right() -> None:
    shown = figure.table(
        ["Part", "Count"], [["all", "1,024"], ["half", "5 kB"]]
    )
    assert shown.data.split("\n")[1] == "| :-- | --: |"
    assert shown.data.split("\n")[2] == "| all | 1,024 |"


def test_a_ragged_table_fails() -> None:
    with pytest.raises(DataError, match="does not have 2 cells"):
        figure.table(["a", "b"], [["x"]])


def test_a_long_text_says_that_it_goes_on() -> None:
    assert figure.shorten("A hat is", 8) == figure.escape("A hat is")
    cut = figure.escape("A hat") + " ..."
    assert figure.shorten("A hat is", 7) == cut
    assert figure.shorten("abcdef", 3) == figure.escape("abc") + " ..."
