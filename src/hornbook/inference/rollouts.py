"""Rollouts: several answers at once to each of many prompts.

Here nobody waits for the first word. All rows draw their token in one
go, and a prompt is read once, however many answers it is given.
"""

from collections.abc import Collection, Sequence

import msgspec
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hornbook.inference.batching import sight
from hornbook.model.cache import Cache
from hornbook.model.transformer import Transformer

CARRIED = 0.75
"""Rows that are done are carried along until fewer still go on."""


class Rollouts(msgspec.Struct, frozen=True):
    """What was answered: all answers to a prompt stand in a row."""

    ids: Int[Tensor, "batch time"]
    """The tokens of each answer, its end token included."""
    lengths: Int[Tensor, " batch"]
    """How many of them are the answer's; what follows is filling."""

    def answer(self, row: int) -> list[int]:
        """Give the tokens of one answer."""
        whole: list[int] = self.ids[row].tolist()
        return whole[: int(self.lengths[row])]


@torch.no_grad()
def roll_out(
    model: Transformer,
    prompts: Sequence[Sequence[int]],
    each: int,
    ends: Collection[int],
    max_tokens: int,
    temperature: float,
    seed: int,
) -> Rollouts:
    """Answer every prompt ``each`` times, up to an end token.

    A row draws by numbers of its own, so that its answer does not
    depend on the others, nor on when they end. Prompt and answer
    together must fit into the context.
    """
    # Read every prompt once, and let each begin its answers
    cache, pads, logits = read(model, prompts, max_tokens)
    rows = torch.arange(len(prompts)).repeat_interleave(each)
    cache.keep(rows.tolist())
    logits, pads = logits[rows], pads[rows]
    chance = luck(seed, len(rows), max_tokens).to(logits.device)
    ids = torch.zeros_like(chance, dtype=torch.long)
    lengths = torch.zeros_like(ids[:, 0])
    stops = torch.tensor(sorted(ends), device=ids.device)
    going = torch.ones_like(lengths, dtype=torch.bool)
    live = torch.arange(len(rows), device=ids.device)

    # Draw a token for each row, and read it
    for made in range(max_tokens):
        tokens = draw(logits, temperature, chance[live, made])
        ids[live, made] = torch.where(going, tokens, 0)
        lengths[live] += going
        going = going & ~torch.isin(tokens, stops)
        if not going.any():
            break
        if going.float().mean() < CARRIED:
            kept = going.nonzero().flatten()
            cache.keep(kept.tolist())
            live, pads, tokens = live[kept], pads[kept], tokens[kept]
            going = going[kept]
        if made + 1 < max_tokens:
            places, visible = sight(pads, cache.length, 1)
            x = model.hidden(tokens[:, None], cache, visible, places)
            logits = model.logits(x[:, -1])
    return Rollouts(ids[:, : int(lengths.max())].cpu(), lengths.cpu())


def read(
    model: Transformer,
    prompts: Sequence[Sequence[int]],
    max_tokens: int,
) -> tuple[Cache, Int[Tensor, "batch 1"], Float[Tensor, "batch vocab"]]:
    """Read prompts, flush right; give what they lead to.

    That is a cache with room for the answers, the filling on the left
    of each prompt, and the logits of its first answering token.
    """
    place = model.token_emb.weight.device
    longest = max(len(prompt) for prompt in prompts)
    padded = [[0] * (longest - len(p)) + list(p) for p in prompts]
    fresh = torch.tensor(padded, device=place)
    pads = longest - torch.tensor([[len(p)] for p in prompts]).to(place)
    cache = room_for(model, len(prompts), longest + max_tokens)
    places, visible = sight(pads, 0, longest)
    x = model.hidden(fresh, cache, visible, places)
    return cache, pads, model.logits(x[:, -1])


def draw(
    logits: Float[Tensor, "batch vocab"],
    temperature: float,
    chance: Float[Tensor, " batch"],
) -> Int[Tensor, " batch"]:
    """Draw a token for each row, by a number between 0 and 1.

    The tokens share out the line from 0 to 1 by their chances, and the
    number falls into the share of one of them. A temperature of 0
    takes the likeliest.

    >>> even = torch.zeros(3, 4)
    >>> draw(even, 1.0, torch.tensor([0.0, 0.3, 0.99])).tolist()
    [0, 1, 3]
    """
    if temperature <= 0:
        return logits.argmax(-1)
    chances = torch.softmax(logits / temperature, dim=-1)
    edges = chances.cumsum(-1)
    point = chance[:, None] * edges[:, -1:]
    return (edges <= point).sum(-1).clamp_max(logits.size(-1) - 1)


def luck(
    seed: int, rows: int, tokens: int
) -> Float[Tensor, "batch time"]:
    """Give every token of every row its number between 0 and 1."""
    random = torch.Generator().manual_seed(seed)
    return torch.rand(rows, tokens, generator=random)


def room_for(model: Transformer, rows: int, tokens: int) -> Cache:
    """Make a cache for so many rows of so many tokens."""
    shape = msgspec.structs.replace(model.config, context=tokens)
    weight = model.token_emb.weight
    return Cache(shape, rows, weight.dtype, weight.device)
