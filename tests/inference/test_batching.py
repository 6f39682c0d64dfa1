from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.inference.batching import Row, next_row_tokens
from hornbook.inference.generate import Sampling, next_tokens
from inference.rough import rough_model

CONTEXT = 24


MODELS = {
    (form, how): rough_model(form, 61, CONTEXT, how)
    for form, how in (
        ("gpt2", "sdpa"),
        ("llama", "explicit"),
        ("nanochat", "sdpa"),
    )
}
MODELS["nanochat", "pairs"] = rough_model(
    "nanochat", 61, CONTEXT, pairs=127
)


def together(model: Any, rows: list[Row]) -> list[list[int]]:
    """What each row says when all are read in one batch."""
    said: dict[int, list[int]] = {id(row): [] for row in rows}
    for picks in next_row_tokens(model, rows):
        for row, token, _ in picks:
            said[id(row)].append(token)
    return [said[id(row)] for row in rows]


ROWS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 60), min_size=1, max_size=12),
        st.builds(
            Sampling,
            max_tokens=st.integers(0, 12),
            temperature=st.sampled_from([0.0, 0.7, 1.3]),
            top_p=st.sampled_from([0.6, 1.0]),
            seed=st.integers(0, 99),
        ),
    ),
    max_size=5,
)


@pytest.mark.parametrize("kind", MODELS, ids="-".join)
@settings(max_examples=25)
@given(asked=ROWS)
def test_a_batch_says_what_each_would_say_alone(
    kind: tuple[str, str], asked: list[tuple[list[int], Sampling]]
) -> None:
    model = MODELS[kind]
    alone = [list(next_tokens(model, *one)) for one in asked]
    assert together(model, [Row(*one) for one in asked]) == alone


@pytest.mark.parametrize("kind", MODELS, ids="-".join)
def test_the_logits_are_those_of_a_text_alone(
    kind: tuple[str, str],
) -> None:
    model = MODELS[kind]
    rows = [Row(range(n), Sampling(6, 1.0, seed=n)) for n in (1, 9, 4)]
    for picks in next_row_tokens(model, rows):
        for row, token, logits in picks:
            with torch.no_grad():
                wanted = model(torch.tensor([row.ids]))[0, -1]
            torch.testing.assert_close(
                logits, wanted, rtol=1e-4, atol=1e-4
            )
            row.ids.append(token)


def test_a_row_that_is_done_is_left_behind() -> None:
    model = MODELS["nanochat", "sdpa"]
    rows = [Row([n], Sampling(10, 1.0, seed=n)) for n in range(4)]
    alone = [
        list(next_tokens(model, row.ids, row.sampling)) for row in rows
    ]
    said: list[list[int]] = [[] for _ in rows]
    sizes = []
    for picks in next_row_tokens(model, rows):
        sizes.append(len(picks))
        for row, token, _ in picks:
            which = rows.index(row)
            said[which].append(token)
            row.done |= len(said[which]) == 3 * which
    # The first never hears that it is done; it ends by its length
    assert sizes == [4] * 3 + [3] * 3 + [2] * 3 + [1]
    assert said == [alone[0], alone[1][:3], alone[2][:6], alone[3][:9]]


def test_no_rows_are_no_rounds() -> None:
    model = MODELS["nanochat", "sdpa"]
    assert list(next_row_tokens(model, [])) == []
    silent = Row([1], Sampling(max_tokens=0))
    assert list(next_row_tokens(model, [silent])) == []
