"""Does curation help? A model for each of its steps, at equal tokens.

Each variant of the text is cut by one tokenizer, is learnt from for
equally many tokens, and is measured on one clean text, which no
variant has seen.
"""

import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import msgspec
from msgspec.structs import replace

from hornbook.base.console import clock, console
from hornbook.base.document import Document
from hornbook.base.errors import CorruptFileError, RecipeError
from hornbook.base.store import digest_json, read_json, write_json
from hornbook.corpus.ablation import RAW
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.decontaminate import Item
from hornbook.corpus.pipeline import curate, each_reading
from hornbook.inference.bits import first_documents
from hornbook.tokenizer.shards import TokenShard, write_shard
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.contest import Contest, in_columns, judge
from hornbook.training.trials import Text, Trial, run_trials

MADE, TOKENS = "made.json", "train.bin"
LEAST_STEPS = 20


class Shared(msgspec.Struct, frozen=True):
    """What all variants of a run's text have in common."""

    seed: int
    cache: Path
    items: tuple[Item, ...]
    """The benchmarks' items that are searched for."""
    held: tuple[Document, ...]
    """What the run has held out."""
    tok: Tokenizer
    source: str
    """The digest of the code that curates."""
    digest: str
    """Of all that the run's own text was made of."""


class Variant(msgspec.Struct, frozen=True):
    """How much text a variant leaves to learn from."""

    name: str
    documents: int
    bytes: int
    tokens: int
    epochs: float
    """How often it is read in one training."""
    same: bool
    """Whether it is the raw text, word for word."""


class Ablation(msgspec.Struct, frozen=True):
    """Variants of a text, each with what models made of it."""

    variants: tuple[Variant, ...]
    contest: Contest
    tokens: int
    """What each training reads, repeats included."""
    heldout_documents: int
    heldout_bytes: int
    """The clean text that all are measured on."""

    def __str__(self) -> str:
        """Write a table for people, and below it how to read it."""
        rows = [COLUMNS]
        for variant, entry in zip(
            self.variants, self.contest.entries, strict=True
        ):
            rows.append(
                (
                    variant.name,
                    f"{variant.documents:,}",
                    f"{variant.bytes / 1e6:.2f}",
                    f"{variant.epochs:.2f}",
                    str(entry.bits or "-"),
                    str(entry.behind or "-"),
                    SAME if variant.same else entry.verdict,
                )
            )
        told = (
            f"each learns from {self.tokens:,} tokens; bits per byte "
            f"of {self.heldout_documents:,} clean documents "
            f"({self.heldout_bytes:,} bytes) that none has seen; 95% "
            "intervals over the seeds, differences seed by seed"
        )
        reasons = self.contest.reasons
        return "\n".join([*in_columns(rows), "", told, *reasons])


SHIPPED = "training/ablation.json"
"""What ``hornbook curate --ablate`` gave of the corpus that
``benchmarks/dirty.py`` makes, in the package."""


def load_ablation(path: Path | None = None) -> Ablation:
    """Read what was found of a text; by default what is shipped.

    Raises:
        CorruptFileError: the file is missing or holds something else.
    """
    if path is None:
        path = Path(str(resources.files("hornbook") / SHIPPED))
    try:
        return msgspec.convert(read_json(path), Ablation)
    except msgspec.ValidationError as error:
        raise CorruptFileError(
            f"{path} holds no ablation ({error}); run 'hornbook curate "
            "RUN --ablate' again"
        ) from error


COLUMNS = (
    *("variant", "documents", "MB", "epochs", "bits per byte"),
    *(f"more than {RAW}", ""),
)
SAME = "the same text"


def with_steps(
    cell: Trial, minutes: float, count: int, speed: float
) -> Trial:
    """Give a trial the steps that so many of them make in a time.

    Units: ``speed`` in tokens per second.

    Raises:
        RecipeError: they are too few to learn anything.
    """
    step_minutes = count * cell.tokens_of(1) / speed / 60
    steps = int(minutes / step_minutes)
    if steps < LEAST_STEPS:
        raise RecipeError(
            f"{minutes:g} minutes are {steps} steps for each of "
            f"{count} trainings, and {LEAST_STEPS} are the least; give "
            f"{math.ceil(LEAST_STEPS * step_minutes)} minutes or more, "
            "or fewer seeds"
        )
    return replace(cell, training=replace(cell.training, steps=steps))


def cost(
    cell: Trial,
    variants: int,
    seeds: int,
    speed: float,
    curate_seconds: float,
) -> str:
    """Say what an ablation will take, before it is begun.

    Units: ``speed`` in tokens per second.
    """
    trained = variants * seeds * cell.tokens / speed
    curated = (variants - 1) * curate_seconds
    return (
        f"  {variants} variants of the text, each learnt from for "
        f"{cell.training.steps:,} steps ({cell.tokens:,} tokens), "
        f"seeds: {seeds}; about {clock(trained)} to train and "
        f"{clock(curated)} to curate, less what was made before"
    )


def make_variant(
    config: CorpusConfig, folder: Path, shared: Shared
) -> TokenShard:
    """Curate the sources in one way, and encode what is left.

    The folder's name is the variant's. What was made before is kept,
    as long as it would be the same.

    Raises:
        DataError: the variant leaves too little text.
    """
    # See whether it is there
    asked = {
        "config": digest_json(msgspec.to_builtins(config)),
        "run": shared.digest,
        "held": digest_json([d.id for d in shared.held]),
        "tokenizer": shared.tok.digest,
    }
    made, shard = folder / MADE, folder / TOKENS
    if made.exists() and read_json(made) == asked:
        return TokenShard.open(shard, shared.tok)

    # Make it, and say at the end what it was made of
    console.say(f"  curating: {folder.name}")
    folder.mkdir(parents=True, exist_ok=True)
    curate(
        config,
        folder,
        shared.seed,
        shared.cache,
        source=shared.source,
        items=shared.items,
        held=shared.held,
    )
    table = folder / "corpus" / "train.parquet"
    texts = (document.full_text for document in each_reading(table))
    write_shard(shard, texts, shared.tok)
    write_json(made, asked)
    return TokenShard.open(shard, shared.tok)


def try_variants(
    cell: Trial,
    shards: Mapping[str, TokenShard],
    text: Text,
    seeds: int,
    log: Path,
    source: str = "",
) -> Ablation:
    """Train on each variant with one seed, then with the next.

    All are measured on the held-out side of ``text``, the run's own.
    """
    results = []
    for turn in range(seeds):
        for name, shard in shards.items():
            seeded = replace(cell, name=name, seed=cell.seed + turn)
            own = replace(text, train=shard)
            results += run_trials([seeded], own, log, source)
    sizes = text.heldout.document_bytes
    count = first_documents(sizes, text.limit_bytes)
    return Ablation(
        tuple(
            describe(name, shard, cell.tokens, shards[RAW])
            for name, shard in shards.items()
        ),
        judge(results),
        cell.tokens,
        count,
        int(sizes[:count].sum()),
    )


def describe(
    name: str, shard: TokenShard, tokens: int, raw: TokenShard
) -> Variant:
    """Say how much text a variant has, and how often it is read."""
    info = shard.info
    return Variant(
        name,
        info.documents,
        info.bytes,
        info.tokens,
        round(tokens / info.tokens, 4),
        name != RAW and info.digest == raw.info.digest,
    )
