"""Choosing by likelihood: which ending costs the model least?

A base model answers no questions, but it can be asked what each answer
would cost it, and the cheapest taken as its choice.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from hornbook.evaluation import interval
from hornbook.evaluation.bigram import Bigram
from hornbook.evaluation.items import Item
from hornbook.evaluation.material import Material
from hornbook.evaluation.score import Part, Score, score
from hornbook.evaluation.task import Task

if TYPE_CHECKING:
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

Endings = Sequence[tuple[str, str]]
"""Prompts, each with an ending."""
Nats = Float[np.ndarray, " rows"]
Cost = Callable[[Endings], Nats]
"""Gives what each ending costs after its prompt, in nats."""
Rule = Callable[[Endings, Cost, "Tokenizer"], Nats]

NEIGHBOURS = 16
"""Of so many endings in turn, those of one prompt share a row."""
ALL = -1
"""The owner of a prompt's tokens: every ending sees them."""


def choice_score(
    task: Task, items: Sequence[Item], material: Material
) -> dict[str, Score]:
    """Count the items whose right ending the base model prefers."""
    tok = material.tokenizer
    cost = model_cost(material)
    right = hits(items, choose(cost, tok, items, task.score))

    # Set them beside what a simple method reaches
    beaten = [
        (BASELINE_WORDS[name], BASELINES[name](task, items, material))
        for name in task.baselines
    ]
    (baseline_is, baseline), *more = beaten

    # Count each group apart
    groups: dict[str, list[bool]] = {}
    for item, hit in zip(items, right, strict=True):
        groups.setdefault(item.group, []).append(hit)
    parts = {
        name: Part.of(interval.wilson(sum(own), len(own)), len(own))
        for name, own in groups.items()
        if name
    }
    result = score(
        interval.wilson(sum(right), len(right)),
        len(right),
        f"{task.what} {RULE_WORDS[task.score]}",
        baseline=baseline,
        baseline_is=baseline_is,
        also=dict(more),
        parts=parts,
    )
    return {task.name: result}


def hits(items: Sequence[Item], chosen: Sequence[int]) -> list[bool]:
    """Tell item by item whether the choice is the right one."""
    return [
        place == item.answer
        for place, item in zip(chosen, items, strict=True)
    ]


def choose(
    cost: Cost, tok: "Tokenizer", items: Sequence[Item], rule: str
) -> list[int]:
    """Choose the ending of each item that a rule finds cheapest.

    All endings of all items are read in one go. Where two cost the
    same, the first is taken.
    """
    endings = [(item.prompt, c) for item in items for c in item.choices]
    found = RULES[rule](endings, cost, tok)
    chosen, start = [], 0
    for item in items:
        stop = start + len(item.choices)
        chosen.append(int(found[start:stop].argmin()))
        start = stop
    return chosen


def by_sum(endings: Endings, cost: Cost, tok: "Tokenizer") -> Nats:
    """Take the whole cost: the ending's probability, as it is."""
    return cost(endings)


def by_byte(endings: Endings, cost: Cost, tok: "Tokenizer") -> Nats:
    """Share the cost among bytes, so that length is no handicap."""
    sizes = [len(ending.encode()) for _, ending in endings]
    return shared(cost(endings), sizes)


def by_token(endings: Endings, cost: Cost, tok: "Tokenizer") -> Nats:
    """Share the cost among tokens; depends on the tokenizer."""
    sizes = [len(tok.encode(ending)) for _, ending in endings]
    return shared(cost(endings), sizes)


def shared(nats: Nats, sizes: Sequence[int]) -> Nats:
    """Divide costs by sizes; an empty ending costs what it costs."""
    each: Nats = nats / np.array(sizes).clip(1)
    return each


def by_gain(endings: Endings, cost: Cost, tok: "Tokenizer") -> Nats:
    """Take off what an ending costs after nothing at all.

    Common or short endings then have no head start.

    Source: brown2020, section 2.4, the unconditional probability of
    each completion.
    """
    alone = sorted({ending for _, ending in endings})
    blank = cost([("", ending) for ending in alone])
    usual = dict(zip(alone, blank, strict=True))
    before = np.array([usual[ending] for _, ending in endings])
    gain: Nats = cost(endings) - before
    return gain


def chance(
    task: Task, items: Sequence[Item], material: Material
) -> float:
    """Give the share that blind luck gets right."""
    return float(np.mean([1 / len(item.choices) for item in items]))


def bigram_share(
    task: Task, items: Sequence[Item], material: Material
) -> float:
    """Give the share of a model that sees one token back."""
    tok = material.tokenizer
    bigram = Bigram(material.shard("train"))
    cost = partial(bigram.ending_nats, tok)
    chosen = choose(cost, tok, items, task.score)
    return float(np.mean(hits(items, chosen)))


def blind_share(
    task: Task, items: Sequence[Item], material: Material
) -> float:
    """Give the share that is found without reading the prompts."""
    blind = [Item("", item.choices, item.answer) for item in items]
    rule = "byte" if task.score == "gain" else task.score
    cost = model_cost(material)
    chosen = choose(cost, material.tokenizer, blind, rule)
    return float(np.mean(hits(blind, chosen)))


def model_cost(material: Material) -> Cost:
    """Let the base model say what endings cost."""
    rows = material.config.batch
    return partial(
        ending_nats, material.base, material.tokenizer, rows=rows
    )


def ending_nats(
    model: "Transformer",
    tok: "Tokenizer",
    endings: Endings,
    rows: int = 16,
) -> Nats:
    """Give what each ending costs after its prompt, in nats.

    Prompt and ending are encoded apart, so that the ending's tokens
    do not depend on the prompt. Where both do not fit the context, the
    prompt loses its beginning. Neighbours share a row if they go on
    from the same ids, so that these are read once.
    """
    # Lay endings out behind their prompts
    context = model.config.context
    laid: dict[tuple[int, ...], Row] = {}
    for place, (prompt, ending) in enumerate(endings):
        last = tok.encode(ending)[: context - 1]
        first = [tok.end, *tok.encode(prompt)][-(context - len(last)) :]
        shared = (place // NEIGHBOURS, *first)
        laid.setdefault(shared, Row(first)).add(place, last)

    # Read like lengths together, for the least filling
    nats = np.zeros(len(endings))
    order = sorted(laid.values(), key=lambda row: len(row.ids))
    for start in range(0, len(order), rows):
        _read(model, order[start : start + rows], nats)
    return nats


class Row:
    """A prompt and endings behind it, none of which sees another."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self.ids = list(prompt)
        self.places = list(range(len(prompt)))
        """Where each token would stand in a row of one ending."""
        self.owners = [ALL] * len(prompt)
        """The ending that each token belongs to."""
        self.told: list[tuple[int, int, int]] = []
        """Endings' tokens: whose, from which column, what is told."""

    def add(self, ending: int, ids: Sequence[int]) -> None:
        """Put an ending behind the prompt."""
        first = before = self.owners.count(ALL)
        for place, token in enumerate(ids, first):
            self.told.append((ending, before - 1, token))
            self.ids.append(token)
            self.places.append(place)
            self.owners.append(ending)
            before = len(self.ids)


def _read(
    model: "Transformer", rows: Sequence[Row], nats: Nats
) -> None:
    """Add to each ending the loss over its tokens."""
    import torch
    from torch.nn import functional as F

    from hornbook.model.attention import causal

    # Put the rows side by side
    longest = max(len(row.ids) for row in rows)
    table = torch.zeros(3, len(rows), longest, dtype=torch.int64)
    told = []
    for i, row in enumerate(rows):
        columns = (row.ids, row.places, row.owners)
        table[:, i, : len(row.ids)] = torch.tensor(columns)
        told += [(i, *each) for each in row.told]
    ids, places, owners = table

    # Let an ending see its prompt and itself
    past = causal(longest, longest, ids.device)
    seen = owners[:, None]
    visible = past & ((seen == ALL) | (seen == seen.mT))

    # Score the endings alone; the vocabulary is most of the work
    found = torch.tensor(told, dtype=torch.int64).reshape(-1, 4)
    i, ending, before, token = found.T
    with torch.inference_mode():
        hidden = model.hidden(ids, None, visible[:, None], places)
        losses = F.cross_entropy(
            model.logits(hidden[i, before]), token, reduction="none"
        )
    np.add.at(nats, ending.numpy(), losses.double().numpy())


RULES: dict[str, Rule] = {
    "sum": by_sum,
    "byte": by_byte,
    "token": by_token,
    "gain": by_gain,
}

RULE_WORDS = {
    "sum": "Compared by the whole probability.",
    "byte": "Compared by the cost per byte of a choice.",
    "token": "Compared by the cost per token of a choice.",
    "gain": "Compared by the cost less the cost without the prompt.",
}
"""How a report says what was compared."""

BASELINES: dict[
    str, Callable[[Task, Sequence[Item], Material], float]
] = {"chance": chance, "bigram": bigram_share, "blind": blind_share}

BASELINE_WORDS = {
    "chance": "chance",
    "bigram": "a model that sees one token back",
    "blind": "the same choice without the prompt",
}
"""How a report calls the baselines."""
