"""Do words of one topic stand together? Measured on the embeddings.

The topics are those of the training documents, and the words those
that mark one of them. Nothing tells the embeddings which word belongs
where: what they know of it they learnt by guessing the next token.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from hornbook.base.document import Document
from hornbook.base.record import FILE as RECORD
from hornbook.base.record import load_record
from hornbook.evaluation import interval
from hornbook.evaluation.interval import Interval
from hornbook.evaluation.material import Absent
from hornbook.tokenizer.alphabet import visible

if TYPE_CHECKING:
    from torch import Tensor

    from hornbook.inference.look import Near
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

WORD = re.compile(r"[^\W\d_]{3,}")
LEAST_DOCUMENTS = 10
MOST_WORDS = 40
NEIGHBOURS = 10


class Affinity(msgspec.Struct, frozen=True):
    """How often a word's nearest words share its topic."""

    topics: int
    words: int
    """Words that mark a topic, all topics together."""
    neighbours: int
    """Nearest words that are looked at, for each word."""
    rate: Interval
    """The mean share of a word's neighbours that share its topic."""
    untrained: Interval
    """The same share with embeddings that learnt nothing."""
    difference: Interval
    """By how much training raised it, word by word."""
    chance: float
    """The share that neighbours drawn by lot would have."""

    @property
    def summary(self) -> str:
        """All that in a sentence."""
        return (
            f"of the {self.neighbours} nearest of {self.words} words "
            f"that mark one of {self.topics} topics, "
            f"{percent(self.rate)} share a word's topic; "
            f"{percent(self.untrained)} with untrained embeddings, "
            f"{self.chance:.0%} by chance"
        )


def percent(share: Interval) -> str:
    """Write a share with its interval.

    >>> percent(Interval(0.42, 0.386, 0.455))
    '42% (39 to 46)'
    """
    low, high = 100 * share.low, 100 * share.high
    return f"{share.value:.0%} ({low:.0f} to {high:.0f})"


def topic_words(
    documents: Iterable[Document], tok: "Tokenizer"
) -> dict[str, str]:
    """Find the words that mark a topic; give each with its topic.

    A word marks a topic if more than half of the documents that hold
    it belong to the topic, and ten documents or more hold it. It must
    be one token: words that share a token are alike in any table. Of
    a topic's words the forty are kept whose count lies furthest above
    what an even spread would give, in units of its square root.

    Raises:
        Absent: the documents have no two topics with such words.
    """
    # Count for each topic the documents that hold a word
    held: dict[str, Counter[str]] = {}
    sizes: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for document in (d for d in documents if d.topic):
        words = set(WORD.findall(document.full_text))
        held.setdefault(document.topic, Counter()).update(words)
        total.update(words)
        sizes[document.topic] += 1

    # Keep the words that stand out
    found: dict[str, str] = {}
    for topic, counts in sorted(held.items()):
        share = sizes[topic] / sizes.total()
        due = {word: share * total[word] for word in counts}
        excess = {
            word: (n - due[word]) / due[word] ** 0.5
            for word, n in counts.items()
            if total[word] >= LEAST_DOCUMENTS
            and 2 * n > total[word]
            and one_token(tok, word)
        }
        ranked = sorted(excess, key=lambda w: (-excess[w], w))
        found |= dict.fromkeys(ranked[:MOST_WORDS], topic)
    if len(set(found.values())) < 2 or len(found) <= NEIGHBOURS:
        raise Absent(
            "the training documents have no two topics with words of "
            "their own; give [[corpus.source]] a field for the topic"
        )
    return found


def affinity(
    trained: "Transformer",
    untrained: "Transformer",
    tok: "Tokenizer",
    marked: dict[str, str],
    seed: int,
) -> Affinity:
    """Compare trained with untrained embeddings on the same words.

    The intervals are for other words of the kind, by bootstrap over
    the words that ``topic_words`` found. Words of one table share
    neighbours, so that they are a little too narrow.
    """
    topics = np.unique(list(marked.values()), return_inverse=True)[1]
    shares = [
        same_topic(vectors(model, tok, marked), topics)
        for model in (trained, untrained)
    ]
    many = len(marked) - 1
    sizes = np.bincount(topics)
    return Affinity(
        topics=len(sizes),
        words=len(marked),
        neighbours=min(NEIGHBOURS, many),
        rate=interval.mean(shares[0], seed),
        untrained=interval.mean(shares[1], seed),
        difference=interval.paired(shares[0], shares[1], seed),
        chance=float(((sizes - 1) / many)[topics].mean()),
    )


def one_token(tok: "Tokenizer", word: str) -> bool:
    """Whether a word inside a text is one token, and a known one."""
    return f" {word}".encode() in tok.vocabulary.tokens


def vectors(
    model: "Transformer", tok: "Tokenizer", words: Iterable[str]
) -> "Tensor":
    """Give a vector for each word, as it stands inside a text."""
    from hornbook.inference.look import word_vectors

    spellings = [tok.encode(f" {word}") for word in words]
    return word_vectors(model.token_emb.weight.detach(), spellings)


def same_topic(
    rows: "Tensor", topics: "Sequence[int] | np.ndarray"
) -> np.ndarray:
    """Give for each word the share of its neighbours of its topic."""
    from hornbook.inference.look import cosines

    near = cosines(rows, rows).fill_diagonal_(-2.0)
    best = near.topk(min(NEIGHBOURS, len(rows) - 1)).indices.numpy()
    kinds = np.asarray(topics)
    shares: np.ndarray = (kinds[best] == kinds[:, None]).mean(1)
    return shares


class Neighbour(msgspec.Struct, frozen=True):
    """A word near another, and the topic that it marks."""

    name: str
    topic: str
    cosine: float


class Around(msgspec.Struct, frozen=True):
    """What stands around a word."""

    word: str
    tokens: tuple[str, ...]
    """How the word is spelled; its vector is the mean of theirs."""
    near: "tuple[Near, ...]"
    """The nearest tokens of the whole vocabulary."""
    words: tuple[Neighbour, ...] = ()
    """The nearest of the words that mark a topic."""
    affinity: Affinity | None = None
    skipped: str = ""
    """Why there are no words of topics, where there are none."""


def look_up(source: str, word: str, count: int = 10) -> Around:
    """Find what stands near a word, in a run or a model's folder.

    A run gives its base model. Words of topics and their rate need
    the text of the run; without it there are the tokens alone.

    Raises:
        ModelError: there is no model.
        DataError: the word is empty, or the vocabulary lacks it.
    """
    from hornbook.inference.look import nearest_tokens, word_ids
    from hornbook.model.find import find_model
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.tokenizer import Tokenizer

    # Look among all tokens
    alone = (Path(source) / RECORD).exists()
    place = find_model(f"{source}:base" if alone else source)
    model, tok = Transformer.load(place), Tokenizer.load(place)
    ids = word_ids(tok, word)
    around = Around(
        word,
        tuple(visible(tok.token_bytes(id_)) for id_ in ids),
        tuple(nearest_tokens(model, tok, word, count)),
    )

    # Look among the words that mark a topic, where there are any
    folder = Path(source if alone else source.rpartition(":")[0])
    try:
        marked, rate = measure_run(folder, model, tok)
    except Absent as absent:
        return msgspec.structs.replace(around, skipped=str(absent))
    others = {w: t for w, t in marked.items() if w != word.strip()}
    near = nearest_words(model, tok, word, others, count)
    return msgspec.structs.replace(around, words=near, affinity=rate)


def nearest_words(
    model: "Transformer",
    tok: "Tokenizer",
    word: str,
    marked: dict[str, str],
    count: int,
) -> tuple[Neighbour, ...]:
    """Name the words of topics that stand nearest to a word."""
    from hornbook.inference.look import cosines

    names, rows = list(marked), vectors(model, tok, marked)
    near = cosines(vectors(model, tok, [word])[0], rows)
    best = near.topk(min(count, len(names)))
    return tuple(
        Neighbour(names[at], marked[names[at]], cosine)
        for at, cosine in zip(
            best.indices.tolist(), best.values.tolist(), strict=True
        )
    )


def measure_run(
    folder: Path, model: "Transformer", tok: "Tokenizer"
) -> tuple[dict[str, str], Affinity]:
    """Find a run's words of topics, and measure how they stand.

    The untrained table is the one that this run began with.

    Raises:
        Absent: the run has no text, or its text no topics.
    """
    from hornbook.corpus.pipeline import read_documents
    from hornbook.model.transformer import Transformer

    text = folder / "corpus" / "train.parquet"
    if not text.exists():
        raise Absent(f"{folder} holds no text to take words from")
    marked = topic_words(read_documents(text), tok)
    seed = load_record(folder).seed
    fresh = Transformer(model.config, seed)
    return marked, affinity(model, fresh, tok, marked, seed)
