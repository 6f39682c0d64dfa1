"""Preferences learnt directly: make the better answer more likely."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import render
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.batches import Batch, Order
from hornbook.tuning.preference import Preference, PreferenceConfig

BETTER, WORSE = 0, 1
"""Where the two answers stand in a pair."""


class Pair(msgspec.Struct, frozen=True):
    """Two dialogues as ids, the better first, and their answers."""

    ids: tuple[list[int], list[int]]
    answer: tuple[list[bool], list[bool]]
    where: str


def encode(
    tok: Tokenizer, preferences: Sequence[Preference]
) -> list[Pair]:
    """Turn preferences into ids; the last answer alone is compared."""
    pairs = []
    for each in preferences:
        better, of_better = render(tok, each.answered(each.chosen))
        worse, of_worse = render(tok, each.answered(each.rejected))
        answers = (last_answer(of_better), last_answer(of_worse))
        pairs.append(Pair((better, worse), answers, each.where))
    return pairs


def last_answer(mask: Sequence[bool]) -> list[bool]:
    """Leave of a dialogue's mask its last answer.

    >>> last_answer([False, True, False, True, True, False])
    [False, False, False, True, True, False]
    """
    end = max(place for place, learnt in enumerate(mask) if learnt)
    start = end
    while start and mask[start - 1]:
        start -= 1
    return [start <= place <= end for place in range(len(mask))]


def answer_logprobs(
    model: Transformer,
    ids: Int[Tensor, "pairs answers time"],
    answer: Bool[Tensor, "pairs answers time"],
) -> Float[Tensor, "pairs answers"]:
    """Give the log of the chance that a model gives each answer.

    Units: nats, summed over the answer's tokens and its stop token.
    """
    rows, wanted = ids.flatten(0, 1), answer.flatten(0, 1)[:, 1:]
    x = model.hidden(rows[:, :-1])
    nats = F.cross_entropy(
        model.logits(x[wanted]), rows[:, 1:][wanted], reduction="none"
    )
    row = wanted.nonzero()[:, 0]
    sums = torch.zeros(len(rows), device=nats.device)
    return sums.index_add(0, row, -nats).view(answer.shape[:2])


def rewards(
    said: Float[Tensor, "pairs answers"],
    reference: Float[Tensor, "pairs answers"],
    answer: Bool[Tensor, "pairs answers time"],
    config: PreferenceConfig,
) -> Float[Tensor, "pairs answers"]:
    """Give what each answer earns: how much likelier it became.

    Source: rafailov2023, equation 5; meng2024, equation 4, for the
    form that needs no reference.
    """
    form = FORMS[config.loss]
    if form.by_reference:
        said = said - reference
    if form.by_length:
        said = said / answer.sum(-1)
    return config.beta * said


def preference_loss(
    model: Transformer,
    ids: Int[Tensor, "pairs answers time"],
    answer: Bool[Tensor, "pairs answers time"],
    reference: Float[Tensor, "pairs answers"],
    targets: Int[Tensor, " pairs"],
    config: PreferenceConfig,
) -> Float[Tensor, ""]:
    """Give the mean loss of pairs, whose better answer comes first."""
    said = answer_logprobs(model, ids, answer)
    earned = rewards(said, reference, answer, config)
    margin = earned[:, BETTER] - earned[:, WORSE]
    return FORMS[config.loss].loss(margin, config).mean()


def logistic(
    margin: Float[Tensor, " pairs"], config: PreferenceConfig
) -> Float[Tensor, " pairs"]:
    """Give the surprise that the better answer was preferred.

    Source: rafailov2023, equation 7.
    """
    return -F.logsigmoid(margin)


def with_gap(
    margin: Float[Tensor, " pairs"], config: PreferenceConfig
) -> Float[Tensor, " pairs"]:
    """Give it where the better answer has to win by some way.

    Source: meng2024, equation 6.
    """
    return -F.logsigmoid(margin - config.gap)


def squared(
    margin: Float[Tensor, " pairs"], config: PreferenceConfig
) -> Float[Tensor, " pairs"]:
    """Give the square of what lacks to a margin that is enough.

    A margin that grows beyond it costs, too: where all people agree,
    nothing else would keep the model near its reference.

    Source: azar2024, equation 17.
    """
    return (margin / config.beta - 1 / (2 * config.beta)).square()


class Form(msgspec.Struct, frozen=True):
    """What an answer earns, and what a margin costs."""

    by_reference: bool
    by_length: bool
    loss: Callable[[Tensor, PreferenceConfig], Tensor]


class Pairs:
    """Batches of pairs, in a new order every epoch."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        reference: Float[np.ndarray, "pairs answers"],
        batch: int,
        seed: int,
        pad: int,
    ) -> None:
        self.pairs, self.reference = pairs, reference
        self.size, self.pad = batch, pad
        self.order = Order(len(pairs), seed)

    def __call__(self, step: int) -> Batch:
        """Give the pairs of a step."""
        return self.of(self.order.batch(step, self.size))

    def of(self, rows: Sequence[int] | np.ndarray) -> Batch:
        """Lay some pairs into one table, filled up at the right."""
        chosen = [self.pairs[row] for row in rows]
        length = max(len(ids) for pair in chosen for ids in pair.ids)
        ids = np.full((len(chosen), 2, length), self.pad, np.int64)
        answer = np.zeros(ids.shape, bool)
        for row, pair in enumerate(chosen):
            for side in (BETTER, WORSE):
                here = (row, side, slice(len(pair.ids[side])))
                ids[here] = pair.ids[side]
                answer[here] = pair.answer[side]
        return {
            "ids": torch.from_numpy(ids),
            "answer": torch.from_numpy(answer),
            "reference": torch.from_numpy(self.reference[list(rows)]),
            "targets": torch.full((len(chosen),), BETTER),
        }

    def all(self) -> Iterator[tuple[slice, Batch]]:
        """Give every pair once, so many at a time."""
        for start in range(0, len(self.pairs), self.size):
            stop = min(start + self.size, len(self.pairs))
            yield slice(start, stop), self.of(range(start, stop))


FORMS = {
    "dpo": Form(True, False, logistic),
    "ipo": Form(True, True, squared),
    "simpo": Form(False, True, with_gap),
    "normalised": Form(True, True, logistic),
}
"""How an answer's worth is counted, and what a margin costs."""
