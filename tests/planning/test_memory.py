import pytest

from hornbook.base.errors import RecipeError
from hornbook.model.config import make_config
from hornbook.planning.memory import copy_bytes, fit_rows, needed_bytes
from hornbook.training.config import TrainingConfig

MODEL = make_config(vocab_size=1024, layers=2, width=64, context=64)
CONFIG = TrainingConfig(batch=12)


def room(rows: int) -> int:
    """Give just the memory that so many rows are predicted to take."""
    return needed_bytes(MODEL, CONFIG, rows)


def test_the_most_rows_that_fit_are_taken() -> None:
    for rows in (1, 2, 3, 4, 6, 12):
        assert fit_rows(MODEL, CONFIG, room(rows)) == rows
    assert fit_rows(MODEL, CONFIG, room(12) - 1) == 6
    # A divisor of the batch, though five would fit
    assert fit_rows(MODEL, CONFIG, room(5)) == 4


def test_own_rows_are_kept_and_all_taken_where_nothing_is_known(
) -> None:
    own = TrainingConfig(batch=12, rows=3)
    assert fit_rows(MODEL, own, 1) == 3
    assert fit_rows(MODEL, CONFIG, 0) == 12


def test_what_is_close_is_tried() -> None:
    tried = []

    def wants(rows: int) -> int:
        tried.append(rows)
        return room(12)

    # Predicted to fit just so, but seen to take more
    assert fit_rows(MODEL, CONFIG, room(6), wants) < 6
    assert tried[0] in (12, 6)
    tried.clear()
    assert fit_rows(MODEL, CONFIG, 100 * room(12), wants) == 12
    assert not tried


def test_what_seemed_too_much_and_fits_is_taken() -> None:
    free = int(room(12) * 0.9)
    assert fit_rows(MODEL, CONFIG, free) == 6
    assert fit_rows(MODEL, CONFIG, free, lambda rows: 1) == 12


def test_where_no_row_fits_it_is_said_at_once() -> None:
    assert copy_bytes(MODEL, CONFIG) < room(1)
    with pytest.raises(RecipeError, match="one row of 64 tokens takes"):
        fit_rows(MODEL, CONFIG, room(1) // 2)
