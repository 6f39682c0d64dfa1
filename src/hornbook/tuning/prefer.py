"""A lesson in preferences: from a file of pairs to a tuned model."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from hornbook.base.console import console
from hornbook.base.errors import DataError
from hornbook.base.store import (
    digest_json,
    drawn,
    read_json,
    write_json,
)
from hornbook.model.piecewise import compared
from hornbook.model.transformer import Transformer
from hornbook.training.loop import Hooks
from hornbook.training.precision import autocast, device, number_format
from hornbook.tuning.dpo import (
    BETTER,
    FORMS,
    WORSE,
    Pair,
    Pairs,
    answer_logprobs,
    encode,
    preference_loss,
    rewards,
)
from hornbook.tuning.frozen import digest_tensors
from hornbook.tuning.lesson import (
    Lesson,
    keep_student,
    learn,
    open_student,
)
from hornbook.tuning.preference import (
    Preference,
    PreferenceConfig,
    names,
    read_preferences,
)


def say_all(
    model: Transformer, pairs: Pairs, precision: str
) -> Float[np.ndarray, "pairs answers"]:
    """Give the log of the chance of every answer, in nats.

    It is the same to the last digit as what the model learns from.
    """
    found = np.zeros((len(pairs.pairs), 2), np.float32)
    where = next(model.parameters()).device
    dtype = number_format(precision)
    with torch.no_grad(), compared(), autocast(dtype, where):
        for part, batch in pairs.all():
            ids = batch["ids"].to(where)
            answer = batch["answer"].to(where)
            said = answer_logprobs(model, ids, answer)
            found[part] = said.cpu().numpy()
    return found


def measure(
    model: Transformer,
    pairs: Pairs,
    config: PreferenceConfig,
    precision: str,
) -> dict[str, float]:
    """Compare the answers of pairs on which nothing is learnt.

    ``margin`` is what the better answer earns above the other, and
    ``wins`` how often that is more than nothing; ``prefers`` is how
    often the model itself finds the better answer likelier, per token.
    """
    if not pairs.pairs:
        return {}
    said = torch.from_numpy(say_all(model, pairs, precision))
    costs, margins, lengths = [], [], []
    for part, batch in pairs.all():
        answer = batch["answer"]
        earned = rewards(said[part], batch["reference"], answer, config)
        margin = earned[:, BETTER] - earned[:, WORSE]
        margins.append(margin)
        costs.append(FORMS[config.loss].loss(margin, config))
        lengths.append(answer.sum(-1))
    margin, each = torch.cat(margins), said / torch.cat(lengths)
    prefers = each[:, BETTER] > each[:, WORSE]
    return {
        "heldout_loss": float(torch.cat(costs).mean()),
        "heldout_margin": float(margin.mean()),
        "heldout_wins": float((margin > 0).float().mean()),
        "heldout_prefers": float(prefers.float().mean()),
    }


def teach_preferences(lesson: Lesson) -> dict[str, Any]:
    """Teach which answers are better, from a file of preferences.

    Raises:
        DataError: there is no file, or nothing in it can be learnt.
        Interrupted: the user stopped it; the same call goes on.
    """
    if not lesson.config.data:
        raise DataError(
            f"finetune.{lesson.name} learns preferences and has none; "
            "give a file with 'data'"
        )
    found = read_preferences(Path(lesson.config.data))
    return tune_preferences(lesson, found)


def tune_preferences(
    lesson: Lesson, preferences: Sequence[Preference]
) -> dict[str, Any]:
    """Teach which answers are better; give the numbers.

    Raises:
        DataError: no pair fits, or too few for a batch.
        Interrupted: the user stopped it; the same call goes on.
    """
    # Open the model; hold some pairs out, by what they ask
    config, (model, tok) = lesson.config, open_student(lesson)
    context = lesson.row_tokens(model.config)
    fitting, too_long = fit(encode(tok, preferences), context)
    share = config.preferences.heldout
    learnt, heldout = split(fitting, share, lesson.seed)
    need_batch(lesson, learnt)

    # See what the model says before it learns
    pad, model = tok.pad, model.to(device()).eval()
    batches = referenced(lesson, model, learnt, "train", pad)
    watched = referenced(lesson, model, heldout, "heldout", pad)
    look = partial(
        measure, model, watched, config.preferences, config.precision
    )
    before = look()

    # Train, and measure again
    numbers = learn(
        lesson,
        model.train(),
        model.config,
        partial(preference_loss, config=config.preferences),
        batches,
        len(learnt),
        context,
        digest_json([pair.ids for pair in learnt]),
        Hooks(evaluate=look if heldout else None),
    )
    told = {"before": before, "after": look()}
    keep_student(lesson, model, tok)
    counts = {"pairs": len(learnt), "heldout_pairs": len(heldout)}
    return {**counts, "too_long": too_long, **told, **numbers}


def need_batch(lesson: Lesson, learnt: Sequence[Pair]) -> None:
    """Refuse fewer pairs than a batch has.

    Raises:
        DataError: says how many there are.
    """
    if len(learnt) < lesson.config.batch:
        raise DataError(
            f"there are {len(learnt):,} pairs to learn from, fewer "
            f"than one batch of {lesson.config.batch}; add pairs or "
            f"lower finetune.{lesson.name}.batch"
        )


def fit(
    pairs: Sequence[Pair], context: int
) -> tuple[list[Pair], int]:
    """Leave out pairs that a context cannot hold, and name them.

    Raises:
        DataError: not one fits.
    """
    fitting = [p for p in pairs if max(map(len, p.ids)) <= context]
    long = [p.where for p in pairs if max(map(len, p.ids)) > context]
    if not fitting:
        raise DataError(
            f"none of {len(pairs):,} pairs fits the context of "
            f"{context:,} tokens; shorten them"
        )
    if long:
        console.warn(
            f"{len(long):,} of {len(pairs):,} pairs are longer than "
            f"{context:,} tokens and left out: {names(long)}"
        )
    return fitting, len(long)


def split(
    pairs: Sequence[Pair], share: float, seed: int
) -> tuple[list[Pair], list[Pair]]:
    """Hold a share of the questions out, with all of their pairs."""

    def held(pair: Pair) -> bool:
        asked = pair.ids[BETTER][: pair.answer[BETTER].index(True)]
        return drawn(f"{seed}:{asked}") < share

    learnt = [pair for pair in pairs if not held(pair)]
    return learnt, [pair for pair in pairs if held(pair)]


def referenced(
    lesson: Lesson,
    model: Transformer,
    pairs: Sequence[Pair],
    part: str,
    pad: int,
) -> Pairs:
    """Lay pairs beside what the model said before it learnt.

    That is computed once, and kept for when the lesson was stopped.
    """
    config = lesson.config
    nothing = np.zeros((len(pairs), 2), np.float32)
    made = Pairs(pairs, nothing, config.batch, lesson.seed, pad)
    if not pairs or not FORMS[config.preferences.loss].by_reference:
        return made
    name = f"{lesson.name}.{part}-reference.json"
    path = lesson.target.with_name(name)
    ids = [pair.ids for pair in pairs]
    weights = digest_tensors(model.state_dict())
    made_for = digest_json([ids, weights, config.precision])
    kept = read_json(path) if path.exists() else {}
    if kept.get("made_for") != made_for:
        said = say_all(model, made, config.precision)
        kept = {"made_for": made_for, "nats": said.tolist()}
        write_json(path, kept)
    known = np.array(kept["nats"], np.float32)
    return Pairs(pairs, known, config.batch, lesson.seed, pad)
