"""Tasks that a run's own held-out documents set."""

import lzma
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from hornbook.base.document import Document
from hornbook.evaluation import interval
from hornbook.evaluation.bigram import Bigram
from hornbook.evaluation.choice import choose, hits, model_cost
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.items import Item
from hornbook.evaluation.material import Absent, Material
from hornbook.evaluation.score import Score, score
from hornbook.tuning.definition import subject_name
from hornbook.tuning.sentences import tidy

if TYPE_CHECKING:
    from hornbook.tokenizer.shards import TokenShard


def bits_per_byte(
    material: Material, config: EvaluationConfig, seed: int
) -> dict[str, Score]:
    """Measure how well the base model foretells held-out documents.

    The number is comparable between tokenizers, because it counts
    bytes of text and not tokens. The baseline knows only how frequent
    each token is in the training text.
    """
    from hornbook.inference.bits import LOG_2
    from hornbook.inference.bits import bits_per_byte as measure

    shard = material.shard("heldout")
    bits = measure(material.base, shard, rows=config.batch)
    size = float(bits.bytes.sum())
    spelled = float(bits.spelled.sum())
    unigram = unigram_nats(material.shard("train"), shard) / LOG_2
    bigram = bigram_nats(material.shard("train"), shard) / LOG_2
    result = interval.ratio(bits.cost, bits.bytes, seed)
    return {
        "bits_per_byte": score(
            result,
            len(bits.bytes),
            "Bits the base model needs for a byte of held-out text.",
            baseline=(unigram + spelled) / size,
            baseline_is="each token foretold from its frequency alone",
            unit="bits per byte",
            better="lower",
            also={
                "each token foretold from the one before": (
                    bigram + spelled
                )
                / size,
                "the held-out text packed by xz": packed_bits(
                    material.heldout
                ),
            },
        )
    }


def packed_bits(documents: Sequence[Document]) -> float:
    """Say how many bits a byte of documents takes, packed by xz."""
    text = "\n".join(d.full_text for d in documents).encode()
    packed = lzma.compress(text, preset=9)
    return 8 * len(packed) / max(len(text), 1)


def unigram_nats(train: "TokenShard", heldout: "TokenShard") -> float:
    """Sum the cost of held-out tokens by their training frequency.

    One is added to every count, so that no token is impossible. End
    marks are not counted, as in the model's own bits per byte.
    """
    size = train.info.vocab_size
    counts = np.bincount(np.asarray(train.tokens), minlength=size)
    end = int(train.tokens[-1])
    counts[end] = 0
    chances = (counts + 1.0) / (counts.sum() + size)
    found = np.bincount(np.asarray(heldout.tokens), minlength=size)
    found[end] = 0
    return float(-(found * np.log(chances)).sum())


def bigram_nats(train: "TokenShard", heldout: "TokenShard") -> float:
    """Sum the cost of held-out tokens by the token before each.

    The first token of a document follows an end mark, as in training;
    the end marks themselves are not counted.
    """
    end = int(train.tokens[-1])
    tokens = np.concatenate(([end], np.asarray(heldout.tokens)))
    nats = Bigram(train).nats(tokens)
    return float(nats[tokens[1:] != end].sum())


def topic_accuracy(
    material: Material, config: EvaluationConfig, seed: int
) -> dict[str, Score]:
    """Compare the classifier with a bag of words, on the same texts."""
    # Collect the texts whose topic is known
    asked = [d for d in material.heldout if d.topic]
    known = [d for d in material.training if d.topic]
    if not asked or len({d.topic for d in known}) < 2:
        raise Absent("the documents have no topics to tell apart")
    texts = [d.full_text for d in asked]
    truth = [d.topic for d in asked]

    # Let both name the topics
    named = material.classifier.predict(texts)
    ours = [float(a == b) for a, b in zip(named, truth, strict=True)]
    words = bag_of_words(known, texts)
    theirs = [float(a == b) for a, b in zip(words, truth, strict=True)]
    common = Counter(d.topic for d in known).most_common(1)[0][0]
    return {
        "topic_accuracy": score(
            interval.wilson(int(sum(ours)), len(ours)),
            len(ours),
            "Held-out articles whose topic the classifier names.",
            baseline=sum(theirs) / len(theirs),
            baseline_is="TF-IDF with logistic regression, same texts",
            difference=interval.paired(ours, theirs, seed),
            also={
                "always the most frequent topic": truth.count(common)
                / len(truth)
            },
        )
    }


def bag_of_words(
    known: Sequence[Document], texts: Sequence[str]
) -> list[str]:
    """Name topics by the words of a text, without their order."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, max_features=50_000),
        LogisticRegression(C=10.0, max_iter=1000),
    )
    model.fit([d.full_text for d in known], [d.topic for d in known])
    return [str(topic) for topic in model.predict(texts)]


def description_choice(
    material: Material, config: EvaluationConfig, seed: int
) -> dict[str, Score]:
    """Ask the base model which description belongs to a text."""
    items = choice_items(material.heldout, config, seed)
    if not items:
        raise Absent(
            f"fewer than {config.choices} held-out documents have "
            "descriptions"
        )
    chosen = choose(
        model_cost(material), material.tokenizer, items, "gain"
    )
    right = sum(hits(items, chosen))
    return {
        "description_choice": score(
            interval.wilson(right, len(items)),
            len(items),
            "Held-out articles that make their own description "
            "likelier to the base model than others', "
            f"{config.choices} in all.",
            baseline=1 / config.choices,
            baseline_is="chance",
        )
    }


def choice_items(
    documents: Sequence[Document], config: EvaluationConfig, seed: int
) -> list[Item]:
    """Set each description beside those of other documents."""
    # Take documents whose description no other has
    said = Counter(tidy(d.description).lower() for d in documents)
    usable = sorted(
        (d for d in documents
         if d.title and said[tidy(d.description).lower()] == 1
         and tidy(d.description)),
        key=lambda d: d.id,
    )
    if len(usable) < config.choices:
        return []

    # Mix the right one among others drawn by chance
    random = Random(f"{seed}:choices")
    items = []
    count = min(config.choice_items, len(usable))
    for document in random.sample(usable, count):
        others = [d for d in usable if d is not document]
        mixed = [document, *random.sample(others, config.choices - 1)]
        random.shuffle(mixed)
        items.append(
            Item(
                f"{document.full_text}\n\n"
                f"{subject_name(document.title)}: ",
                tuple(tidy(d.description) for d in mixed),
                mixed.index(document),
            )
        )
    return items
