"""From logits to one token."""

import torch
from jaxtyping import Float
from torch import Tensor


def dice(seed: int | None = None) -> torch.Generator:
    """Make a source of chance; None is another every time."""
    random = torch.Generator()
    if seed is None:
        random.seed()
    else:
        random.manual_seed(seed)
    return random


def choose(
    logits: Float[Tensor, " vocab"],
    temperature: float = 0.0,
    top_p: float = 1.0,
    random: torch.Generator | None = None,
) -> int:
    """Pick a token: the likeliest, or one drawn by its chances.

    A temperature below one sharpens the chances, above one flattens
    them; zero takes the likeliest. ``top_p`` draws only from the
    likeliest tokens that together hold that share.

    Source: holtzman2020, section 3.1.
    """
    if temperature <= 0:
        return int(logits.argmax())

    # Turn logits into chances
    chances = torch.softmax(logits.float() / temperature, dim=-1)

    # Keep the likeliest that together hold top_p
    if top_p < 1:
        ordered, order = chances.sort(descending=True)
        before = ordered.cumsum(0) - ordered
        chances = torch.zeros_like(chances)
        kept = before < top_p
        kept[0] = True
        chances[order[kept]] = ordered[kept]

    # Draw one
    return int(torch.multinomial(chances, 1, generator=random))
