from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.tokenizer.shards import (
    ShardInfo,
    TokenShard,
    write_shard,
)
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.batches import (
    Order,
    Windows,
    count_targets,
    pieces,
)


def windows(
    tokens: int, context: int, batch: int, seed: int
) -> Windows:
    """Cut a shard whose tokens are their own places."""
    info = ShardInfo("<u2", tokens, 1, tokens, "", "", "", 1 << 16)
    ends = np.array([0, tokens])
    stream = np.arange(tokens, dtype="<u2")
    shard = TokenShard(Path("x"), info, stream, ends, ends[1:])
    return Windows(shard, context, batch, seed)


@given(
    rows=st.integers(1, 20), seed=st.integers(0, 9), skip=st.integers(0)
)
def test_every_epoch_is_a_permutation(
    rows: int, seed: int, skip: int
) -> None:
    epoch = skip % 5
    order = Order(rows, seed)
    found = [order(epoch * rows + i) for i in range(rows)]
    assert {number for number, _ in found} == {epoch}
    assert sorted(row for _, row in found) == list(range(rows))


def test_epochs_and_seeds_are_shuffled_otherwise() -> None:
    order, other = Order(50, 1), Order(50, 2)
    assert order.batch(0, 50).tolist() != order.batch(1, 50).tolist()
    assert order.batch(0, 50).tolist() != other.batch(0, 50).tolist()


@given(steps=st.lists(st.integers(0, 30), max_size=12))
def test_a_batch_depends_on_its_step_alone(steps: list[int]) -> None:
    asked = windows(200, 8, 3, 5)
    for step in steps:
        fresh = windows(200, 8, 3, 5)(step)
        again = asked(step)
        assert torch.equal(again["ids"], fresh["ids"])
        assert torch.equal(again["targets"], fresh["targets"])


@given(
    tokens=st.integers(30, 120),
    context=st.integers(1, 9),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 3),
)
def test_every_window_comes_once_an_epoch(
    tokens: int, context: int, seed: int, epoch: int
) -> None:
    cut = windows(tokens, context, 1, seed)
    rows = cut.order.rows
    found = [cut(epoch * rows + i) for i in range(rows)]
    for batch in found:
        assert batch["ids"].shape == (1, context)
        assert torch.equal(batch["ids"] + 1, batch["targets"])
    seen = sorted(i for b in found for i in b["ids"].flatten().tolist())
    # No place twice, none between two windows left out
    assert seen == list(range(seen[0], seen[0] + rows * context))
    assert seen[0] < context
    assert tokens - rows * context <= 2 * context


def test_epochs_cut_at_other_places() -> None:
    cut = windows(400, 16, 1, 0)
    starts = {
        int(cut(epoch * cut.order.rows)["ids"][0, 0]) % 16
        for epoch in range(8)
    }
    assert len(starts) > 1


@pytest.mark.parametrize(
    ("tokens", "batch"), [(0, 1), (20, 1), (49, 3)]
)
def test_too_little_text_is_refused(tokens: int, batch: int) -> None:
    with pytest.raises(DataError, match="too few for one batch of"):
        windows(tokens, 16, batch, 0)


def test_a_real_shard_is_cut(tmp_path: Path) -> None:
    tok = Tokenizer.train(["a hat"], 262)
    write_shard(tmp_path / "train.bin", ["a hat, " * 20] * 3, tok)
    shard = TokenShard.open(tmp_path / "train.bin", tok)
    batch = Windows(shard, 8, 2, 0)(0)
    ids = batch["ids"][0].tolist()
    stream = shard.tokens.tolist()
    assert ids in [stream[i : i + 8] for i in range(len(stream))]


@given(
    targets=st.lists(
        st.lists(st.sampled_from([-100, 0, 7]), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    ),
    rows=st.integers(0, 9),
)
def test_pieces_hold_all_that_is_learnt(
    targets: list[list[int]], rows: int
) -> None:
    whole = torch.tensor(targets)
    batch = {"ids": torch.arange(whole.numel()), "targets": whole}
    batch["ids"] = batch["ids"].view_as(whole)
    found = list(pieces(batch, rows))
    if count_targets(batch):
        assert sum(share for _, share in found) == pytest.approx(1)
    for piece, share in found:
        assert len(piece["ids"]) <= (rows or len(whole))
        own = count_targets(piece)
        assert own or len(found) == 1
        assert share == pytest.approx(
            own / max(count_targets(batch), 1)
        ) or not rows or rows >= len(whole)
    learnt = torch.cat([p["ids"][p["targets"] >= 0] for p, _ in found])
    assert torch.equal(learnt, batch["ids"][whole >= 0])
