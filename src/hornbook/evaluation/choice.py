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
    rows = 4 * material.config.batch
    return partial(
        ending_nats, material.base, material.tokenizer, rows=rows
    )


def ending_nats(
    model: "Transformer",
    tok: "Tokenizer",
    endings: Endings,
    rows: int = 64,
) -> Nats:
    """Give what each ending costs after its prompt, in nats.

    Prompt and ending are encoded apart, so that the ending's tokens
    do not depend on the prompt. Where both do not fit the context, the
    prompt loses its beginning.
    """
    # Lay prompts and endings out as ids
    context = model.config.context
    cut = []
    for prompt, ending in endings:
        last = tok.encode(ending)[: context - 1]
        first = [tok.end, *tok.encode(prompt)][-(context - len(last)) :]
        cut.append((first + last, len(last)))

    # Read like lengths together, for the least filling
    nats = np.zeros(len(cut))
    order = sorted(range(len(cut)), key=lambda i: len(cut[i][0]))
    for start in range(0, len(order), rows):
        part = order[start : start + rows]
        nats[part] = _read(model, [cut[i] for i in part])
    return nats


def _read(
    model: "Transformer", cut: Sequence[tuple[list[int], int]]
) -> Nats:
    """Sum the loss over the last tokens of each row."""
    import torch
    from torch.nn import functional as F

    # Lay the rows side by side, and note which tokens count
    longest = max(len(ids) for ids, _ in cut)
    table = torch.zeros(len(cut), longest, dtype=torch.int64)
    counted = torch.zeros_like(table, dtype=torch.bool)
    for row, (ids, last) in enumerate(cut):
        table[row, : len(ids)] = torch.tensor(ids)
        counted[row, len(ids) - last : len(ids)] = True
    rows, places = counted.nonzero(as_tuple=True)

    # Score those alone; the vocabulary is most of the work
    with torch.inference_mode():
        hidden = model.hidden(table[:, :-1])
        losses = F.cross_entropy(
            model.logits(hidden[rows, places - 1]),
            table[rows, places],
            reduction="none",
        )
    return np.bincount(rows, losses.double(), minlength=len(cut))


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
