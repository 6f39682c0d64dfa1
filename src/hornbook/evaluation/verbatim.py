"""Verbatim continuation: does the model recite what it has read?

A model shown the beginning of a passage may go on word for word. It
does so with text it has never seen as well, where the words are easily
foreseen. Only the difference is memory.
"""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from hornbook.base.document import Document
from hornbook.evaluation import interval
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.material import Absent, Material
from hornbook.evaluation.score import Score, score

if TYPE_CHECKING:
    from hornbook.model.transformer import Transformer

MOST_PASSAGES = 500


def verbatim(
    material: Material, config: EvaluationConfig, seed: int
) -> dict[str, Score]:
    """Compare how often seen and unseen passages are continued.

    Source: carlini2023, the extraction rate of a prompted model; the
    held-out passages are our addition.
    """
    # Take passages of each side, from the same sources
    origins = {document.source for document in material.heldout}
    learnt = [d for d in material.training if d.source in origins]
    unseen = passages(material, material.heldout, seed)
    known = passages(material, learnt, seed)
    if not unseen or not known:
        raise Absent(
            "no passage is longer than "
            f"{config.prefix_tokens + config.verbatim_tokens} tokens"
        )

    # Count those that go on as the text does
    model, wanted = material.base, config.verbatim_tokens
    runs = [
        recited(model, rows, config.prefix_tokens, config.batch)
        for rows in (known, unseen)
    ]
    hits = [int((run >= wanted).sum()) for run in runs]
    return told(hits, [len(run) for run in runs], config)


def told(
    hits: Sequence[int], sizes: Sequence[int], config: EvaluationConfig
) -> dict[str, Score]:
    """Make two scores of what was counted, and say what they mean."""
    words = (
        f"whose next {config.verbatim_tokens} tokens the base model "
        f"gives word for word after reading {config.prefix_tokens}."
    )
    ours, theirs = map(interval.wilson, hits, sizes)
    return {
        "verbatim_training": score(
            ours,
            sizes[0],
            f"Training passages {words} What exceeds the share of "
            "held-out passages is memory.",
            title="Training passages recited",
            baseline=theirs.value,
            baseline_is="held-out passages of the same sources",
            better="lower",
            difference=interval.between(hits, sizes),
        ),
        "verbatim_heldout": score(
            theirs,
            sizes[1],
            f"Held-out passages {words} They cannot be remembered; "
            "this is how foreseeable the text is.",
            title="Held-out passages continued",
            better="lower",
        ),
    }


def passages(
    material: Material, documents: Sequence[Document], seed: int
) -> list[list[int]]:
    """Give beginnings of documents as ids, all of the same length."""
    config = material.config
    size = config.prefix_tokens + config.verbatim_tokens
    if size > material.base.config.context:
        raise Absent(
            f"{size} tokens do not fit the model's context of "
            f"{material.base.config.context}"
        )
    ordered = sorted(documents, key=lambda document: document.id)
    Random(f"{seed}:passages").shuffle(ordered)
    tok, found = material.tokenizer, []
    for document in ordered[: 2 * MOST_PASSAGES]:
        ids = tok.encode(document.full_text)[:size]
        if len(ids) == size:
            found.append([tok.end, *ids])
    return found[:MOST_PASSAGES]


def recited(
    model: "Transformer",
    rows: Sequence[Sequence[int]],
    prefix: int,
    batch: int,
) -> Int[np.ndarray, " rows"]:
    """Count the tokens after the prefix that greedy decoding recites.

    Nothing has to be generated. As long as the likeliest token is the
    text's own, the model reads on what it would have written itself;
    so one pass over the text shows where it would first stray.
    """
    import torch

    counts = []
    for start in range(0, len(rows), batch):
        ids = torch.tensor(rows[start : start + batch])
        with torch.inference_mode():
            hidden = model.hidden(ids[:, :-1])[:, prefix:]
            likeliest = model.logits(hidden).argmax(-1)
        same = likeliest == ids[:, prefix + 1 :]
        counts.append(same.long().cumprod(1).sum(1))
    return torch.cat(counts).numpy()
