import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from hornbook.inference.bits import bits_per_byte, windows
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.shards import TokenShard, write_shard
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

TOK = Tokenizer.train(["a hat is a hat"], 270, "gpt2", SPECIALS)
SHORT = ["a hat", "É", "a hat is a hat", "🎩 is"]
LONG = "a hat is not a coat; " * 9


def small_model(context: int, scale: float = 0.3) -> Transformer:
    """A model with random weights; without scale it knows nothing."""
    shape = make_config(
        vocab_size=TOK.vocab_size,
        layers=1,
        width=16,
        heads=2,
        context=context,
    )
    model = Transformer(shape)
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, scale, generator=random)
    return model.eval()


def shard_of(folder: Path, texts: list[str]) -> TokenShard:
    """Write a shard and open it."""
    write_shard(folder / "some.bin", texts, TOK)
    return TokenShard.open(folder / "some.bin", TOK)


@torch.no_grad()
def cost(model: Transformer, text: str) -> float:
    """Add up, token by token, what a short text costs in nats."""
    ids = [TOK.end, *TOK.encode(text)]
    total = 0.0
    for place in range(1, len(ids)):
        logits = model(torch.tensor([ids[:place]]))[0, -1]
        total += float(
            F.cross_entropy(logits, torch.tensor(ids[place]))
        )
    return total


@pytest.mark.parametrize("rows", [1, 3, 16])
def test_short_documents_cost_what_their_tokens_cost(
    tmp_path: Path, rows: int
) -> None:
    model = small_model(32)
    bits = bits_per_byte(model, shard_of(tmp_path, SHORT), rows)
    wanted = [cost(model, text) for text in SHORT]
    assert bits.nats.tolist() == pytest.approx(wanted, rel=1e-4)
    assert bits.bytes.tolist() == [len(t.encode()) for t in SHORT]
    assert bits.tokens == sum(len(TOK.encode(t)) for t in SHORT)
    size = sum(len(text.encode()) for text in SHORT)
    assert bits.value == pytest.approx(
        sum(wanted) / size / math.log(2), rel=1e-4
    )
    assert bits.nats_per_token == pytest.approx(
        sum(wanted) / bits.tokens, rel=1e-4
    )


def test_a_long_document_is_read_in_windows(tmp_path: Path) -> None:
    text = f"{LONG} É"
    shard = shard_of(tmp_path, [text])
    model = small_model(8)
    bits = bits_per_byte(model, shard)
    assert bits.bytes.sum() == shard.bytes == len(text.encode())
    assert bits.tokens == len(TOK.encode(text)) > 3 * 8
    # Its first window costs what it costs alone
    ids = [TOK.end, *TOK.encode(text)][:9]
    with torch.no_grad():
        logits = model(torch.tensor([ids[:-1]]))[0]
        first = F.cross_entropy(
            logits, torch.tensor(ids[1:]), reduction="sum"
        )
    assert bits.nats[0] > float(first)


def test_who_knows_nothing_pays_for_the_whole_vocabulary(
    tmp_path: Path,
) -> None:
    bits = bits_per_byte(
        small_model(8, 0.0), shard_of(tmp_path, [LONG, *SHORT])
    )
    each = math.log(TOK.vocab_size)
    assert bits.nats_per_token == pytest.approx(each, rel=1e-5)


def test_a_limit_takes_the_first_documents(tmp_path: Path) -> None:
    shard = shard_of(tmp_path, SHORT)
    sizes = [len(text.encode()) for text in SHORT]
    model = small_model(32)
    for limit, count in [(1, 1), (sizes[0], 1), (sum(sizes[:2]), 2)]:
        bits = bits_per_byte(model, shard, limit_bytes=limit)
        assert bits.bytes.tolist() == sizes[:count]
        assert bits.nats[0] == pytest.approx(cost(model, SHORT[0]))


def test_measuring_leaves_a_training_model_in_training(
    tmp_path: Path,
) -> None:
    model = small_model(16).train()
    bits_per_byte(model, shard_of(tmp_path, SHORT))
    assert model.training


def test_what_is_unknown_is_written_out(tmp_path: Path) -> None:
    words = Tokenizer.train(["a hat of"], 9, "gpt2", kind="word")
    write_shard(tmp_path / "w.bin", ["a cap of", "a hat"], words)
    model = small_model(16)
    told = bits_per_byte(
        model, TokenShard.open(tmp_path / "w.bin", words)
    )
    untold = bits_per_byte(model, TokenShard.open(tmp_path / "w.bin"))
    assert told.lost.tolist() == [len(" cap"), 0]
    assert untold.lost.tolist() == [0, 0]
    more = told.cost - untold.cost
    assert more.tolist() == pytest.approx([8 * len(" cap"), 0])


def plain_shard(lengths: list[int]) -> TokenShard:
    """Documents whose every token is a number of its own."""
    offsets = np.cumsum([0, *(length + 1 for length in lengths)])
    tokens = np.arange(offsets[-1], dtype=np.uint16)
    nothing: Any = None
    sizes = np.array(lengths)
    return TokenShard(Path(), nothing, tokens, offsets, sizes)


@given(st.lists(st.integers(0, 40), max_size=4), st.integers(1, 9))
def test_every_token_is_counted_exactly_once(
    lengths: list[int], context: int
) -> None:
    shard = plain_shard(lengths)
    counted: list[int] = []
    for document, piece, skip in windows(shard, len(lengths), context):
        assert 2 <= len(piece) <= context + 1
        assert skip in (0, context // 2)
        targets = piece[1:][skip:]
        counted += targets.tolist()
        low, high = shard.offsets[document : document + 2]
        assert ((low <= targets) & (targets < high - 1)).all()
    ends = set((shard.offsets[1:] - 1).tolist())
    assert counted == [
        i for i in shard.tokens.tolist() if i not in ends
    ]
