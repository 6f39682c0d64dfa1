from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.shards import ShardInfo, TokenShard
from hornbook.training.batches import Batches, Windows
from hornbook.training.loss import IGNORE
from hornbook.training.packing import (
    PACKING,
    Documents,
    best_fit,
    describe_packing,
    same_text,
)

END = 0
LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def shard_of(lengths: list[int]) -> TokenShard:
    """Make a shard whose tokens are their own places, ends apart."""
    ends = np.cumsum([0, *lengths])
    stream = np.arange(1, ends[-1] + 1, dtype="<u2")
    stream[ends[1:] - 1] = END
    info = ShardInfo(
        "<u2", len(stream), len(lengths), 9, "", "", "", 1 << 16
    )
    return TokenShard(Path("x"), info, stream, ends, ends[1:])


def learnt(cut: Documents, epoch: int) -> np.ndarray:
    """Give all targets of an epoch."""
    rows = cut.order.rows
    found = [cut(epoch * rows + i)["targets"] for i in range(rows)]
    targets = torch.cat(found).flatten().numpy()
    return np.sort(targets[targets != IGNORE])


@given(LENGTHS, st.integers(1, 12), st.integers(0, 2))
def test_every_token_is_learnt_from_once_an_epoch(
    lengths: list[int], context: int, epoch: int
) -> None:
    shard = shard_of(lengths)
    found = learnt(Documents(shard, context, 1, 3), epoch)
    assert (found == np.sort(shard.tokens)).all()


@given(LENGTHS, st.integers(1, 12))
def test_a_piece_is_a_run_of_one_text(
    lengths: list[int], context: int
) -> None:
    shard = shard_of(lengths)
    cut = Documents(shard, context, 1, 3)
    for step in range(cut.order.rows):
        batch = cut(step)
        ids, targets = batch["ids"][0], batch["targets"][0]
        visible = batch["visible"][0, 0]
        firsts = (visible.sum(-1) == 1) & (targets != IGNORE)
        inside = ~firsts & (targets != IGNORE)
        # Inside a piece what is read is what was to be learnt before
        assert (ids[1:] == targets[:-1])[inside[1:]].all()
        assert (ids[inside] != END).all()
        # Only whole texts and full pieces begin after an end mark
        assert not inside[0]
        assert (ids[targets == IGNORE] == 0).all()


@given(LENGTHS, st.integers(1, 12))
def test_what_was_cut_is_told(lengths: list[int], context: int) -> None:
    cut = Documents(shard_of(lengths), context, 1, 0)
    facts = describe_packing(cut)["packing"]
    empty = sum(
        int((cut(i)["targets"] == IGNORE).sum())
        for i in range(cut.order.rows)
    )
    assert facts["documents_cut"] == sum(n > context for n in lengths)
    assert facts["padding"] * facts["rows"] * context == pytest.approx(
        empty
    )


@given(st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_each_goes_where_the_least_room_stays(sizes: list[int]) -> None:
    # The same rule, in plain words and slowly
    rooms: list[int] = []
    for size in sorted(sizes, reverse=True):
        fitting = [r for r in rooms if r >= size]
        if fitting:
            rooms.remove(min(fitting))
        rooms.append((min(fitting) if fitting else 12) - size)
    packing = best_fit(sizes, 12)
    rows = [packing.row(i).tolist() for i in range(len(packing))]
    assert sorted(sum(rows, [])) == list(range(len(sizes)))
    left = [12 - sum(sizes[piece] for piece in row) for row in rows]
    assert sorted(left) == sorted(rooms)


def test_a_batch_depends_on_its_step_alone() -> None:
    shard = shard_of([5, 9, 3, 30, 2, 8, 8, 1, 17])
    asked = Documents(shard, 8, 3, 5)
    assert asked.order.rows > 6
    for step in (0, 7, 2, 2, 9):
        fresh, again = Documents(shard, 8, 3, 5)(step), asked(step)
        for name, tensor in fresh.items():
            assert torch.equal(tensor, again[name])
    epochs = [
        [asked.order(e * asked.order.rows + i)[1] for i in range(6)]
        for e in range(2)
    ]
    assert epochs[0] != epochs[1]


def test_texts_are_read_as_if_alone() -> None:
    model = Transformer(
        make_config(
            form="nanochat", vocab_size=60, layers=2, width=16,
            heads=2, context=12,
        )
    ).eval()
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.2, generator=random)
        batch = Documents(shard_of([5, 4, 3]), 12, 1, 0)(0)
        together = model(batch["ids"], visible=batch["visible"])[0]
        for here in (slice(0, 5), slice(5, 9), slice(9, 12)):
            alone = model(batch["ids"][:, here])[0]
            assert (together[here] - alone).abs().max() < 1e-4


def test_a_place_sees_the_past_of_its_own_text() -> None:
    visible = same_text(torch.tensor([[1, 1, 2, 2, 0]]))[0, 0]
    assert visible.int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_too_little_text_is_refused() -> None:
    with pytest.raises(DataError, match="3 rows of 4, too few for one"):
        Documents(shard_of([4, 4, 4]), 4, 4, 0)


@pytest.mark.parametrize("pack", PACKING.values())
def test_all_packings_are_made_alike(
    pack: Callable[..., Batches],
) -> None:
    batch = pack(shard_of([9] * 8), 8, 2, 1)(0)
    assert batch["ids"].shape == batch["targets"].shape == (2, 8)


def test_a_stream_has_nothing_to_tell() -> None:
    assert not describe_packing(Windows(shard_of([9] * 8), 8, 2, 1))
