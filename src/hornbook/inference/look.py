"""Looking inside: which words stand near, and who looks at whom."""

from collections.abc import Iterator, Sequence

import msgspec
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from hornbook.base.errors import DataError
from hornbook.model.attention import record_attention
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.alphabet import visible
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tokenizer.words import UNKNOWN


class Near(msgspec.Struct, frozen=True):
    """A token or a word, and how near it stands to another."""

    name: str
    cosine: float


def word_ids(tok: Tokenizer, word: str) -> list[int]:
    """Give a word's tokens as it stands inside a text.

    Raises:
        DataError: the word is empty, or the vocabulary lacks it.
    """
    ids = tok.encode(f" {word.strip()}") if word.strip() else []
    if not ids:
        raise DataError("there is no word to look for; give one")
    if tok.vocabulary.tokens.get(UNKNOWN) in ids:
        raise DataError(
            f"the vocabulary lacks {word!r}; choose a word of the "
            "training text"
        )
    return ids


def word_vectors(
    table: Float[Tensor, "vocab width"],
    spellings: Sequence[Sequence[int]],
) -> Float[Tensor, "rows width"]:
    """Give a vector for every word: the mean of its tokens' rows."""
    means = [table[list(ids)].mean(0) for ids in spellings]
    return torch.stack(means).float()


def cosines(
    one: Float[Tensor, "*rest width"],
    many: Float[Tensor, "columns width"],
) -> Float[Tensor, "*rest columns"]:
    """Measure how nearly vectors point the same way: -1 to 1."""
    return F.normalize(one, dim=-1) @ F.normalize(many, dim=-1).T


def nearest_tokens(
    model: Transformer, tok: Tokenizer, word: str, count: int = 10
) -> Iterator[Near]:
    """Give the tokens whose vectors stand nearest to a word's.

    The word's own tokens are left out, and so are special ones.

    Raises:
        DataError: the word is empty, or the vocabulary lacks it.
    """
    own = word_ids(tok, word)
    table = model.token_emb.weight.detach().float()
    near = cosines(word_vectors(table, [own])[0], table)
    near[[*own, *tok.vocabulary.specials.values()]] = -2.0
    best = near.topk(min(count, len(near) - len(own)))
    for cosine, id_ in zip(*best, strict=True):
        yield Near(visible(tok.token_bytes(int(id_))), float(cosine))


def attention_maps(
    model: Transformer, ids: Sequence[int]
) -> Float[Tensor, "layers heads queries keys"]:
    """Give who looks at whom while a model reads a text once.

    Raises:
        DataError: there is less than two tokens to read.
        ModelError: the text is longer than the context.
    """
    if len(ids) < 2:
        raise DataError(
            "a text of one token has nothing to look at; give more"
        )
    place = model.token_emb.weight.device
    with record_attention(model) as maps, torch.inference_mode():
        model.hidden(torch.tensor([list(ids)], device=place))
    return torch.stack([each[0] for each in maps]).float().cpu()


def habits(
    maps: Float[Tensor, "layers heads queries keys"], skip: int = 0
) -> Float[Tensor, "features layers heads"]:
    """Describe each head by four means over the places of a text.

    They are its entropy in bits, and the shares of its weight on the
    token itself, the one before, and the first. The first ``skip``
    places, which see little, are left out, and always the very first.

    Source: shannon1948 for the entropy.
    """
    places = torch.arange(max(skip, 1), maps.size(-1))
    bits = -(maps * maps.clamp_min(1e-30).log2()).sum(-1)
    own, before = places, places - 1
    four = torch.stack(
        [
            bits[..., places],
            maps[..., places, own],
            maps[..., places, before],
            maps[..., places, 0],
        ]
    )
    return four.mean(-1)


class Habit(msgspec.Struct, frozen=True):
    """What one head does on average."""

    layer: int
    """Counted from 1, as is the head."""
    head: int
    entropy: float
    """How widely it looks, in bits."""
    itself: float
    previous: float
    first: float


def list_habits(
    maps: Float[Tensor, "layers heads queries keys"],
) -> list[Habit]:
    """Describe every head that read a text."""
    four = habits(maps)
    return [
        Habit(layer + 1, head + 1, *four[:, layer, head].tolist())
        for layer in range(maps.size(0))
        for head in range(maps.size(1))
    ]
