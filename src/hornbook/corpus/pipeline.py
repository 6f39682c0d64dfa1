"""From the sources of a recipe to the documents of a run."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.console import console
from hornbook.base.document import Document
from hornbook.base.errors import DataError, RecipeError
from hornbook.base.store import (
    atomic_folder,
    digest_text,
    read_json,
    write_json,
    write_text,
)
from hornbook.corpus.assemble import COLUMNS, Assembly
from hornbook.corpus.card import card_text, make_card
from hornbook.corpus.config import CorpusConfig, judge_size
from hornbook.corpus.decontaminate import Item
from hornbook.corpus.engine import engine
from hornbook.corpus.findings import find, passing
from hornbook.corpus.parts import (
    FACTS,
    Job,
    Part,
    make_parts,
    plan_parts,
)
from hornbook.corpus.rules import RULES
from hornbook.corpus.sources import (
    FOREIGN,
    describe_kinds,
    find_units,
    source_name,
    text_states,
)
from hornbook.corpus.steps import prepare
from hornbook.corpus.tally import Tally
from hornbook.corpus.texts import Places, Texts

SHOWN_PROBLEMS = 10
SHOWN_CHARACTERS = 400
WORK = ".corpus.parts"
COPIES = "copies"


def curate(
    config: CorpusConfig,
    folder: Path,
    seed: int,
    cache: Path,
    strict: bool = False,
    source: str = "",
    items: Sequence[Item] = (),
    held: Sequence[Document] = (),
) -> dict[str, Any]:
    """Write ``corpus/`` into a run's folder and give its card.

    Nothing is written under its final name before all of it is there.
    ``seed`` chooses the samples that the card shows, and nothing else:
    which documents are held out depends on the documents alone, and on
    what was held out before. ``source`` is the digest of the code that
    does the work: parts that other code made are made anew. ``items``
    are the benchmarks' that the text must not give away. ``held``
    is what another corpus has held out: this one then holds nothing
    out itself, and keeps nothing that would give those away.

    Raises:
        RecipeError: a rule is not known, or a source's name.
        DataError: a source gives no text, or all too little; with
            ``strict``, a file of a kind that is read could not be.
        NetworkError: a wheel could not be fetched.
    """
    check(config)
    parts, places = collect(config, folder, seed, cache, source, items)
    facts = engine().read_parquet(f"{places.folder}/*{FACTS}")
    refuse(facts, config, strict)
    if not held:
        show_text(facts, places)
    card = put_together(
        folder, config, seed, parts, places, facts, held
    )
    for warning in card["warnings"]:
        console.warn(warning)
    shutil.rmtree(folder / WORK)
    return card


def collect(
    config: CorpusConfig,
    folder: Path,
    seed: int,
    cache: Path,
    source: str,
    items: Sequence[Item],
) -> tuple[list[Part], Places]:
    """Read, clean and judge every document, part by part."""
    units = [
        unit
        for number, table in enumerate(config.source)
        for unit in find_units(number, table, cache)
    ]
    before = held_before(folder, config)
    work = work_folder(
        folder,
        [
            msgspec.json.encode(config).decode(),
            source,
            *sorted(before),
            *map(repr, items),
            *text_states(config),
            *map(repr, units),
        ],
    )
    parts = plan_parts(units)
    prepare(config, items, seed, work)
    make_parts(parts, Job(config, str(work), dict(RULES), before))
    starts = tuple(part.start for part in parts)
    return parts, Places(str(work), starts)


def put_together(
    folder: Path,
    config: CorpusConfig,
    seed: int,
    parts: Sequence[Part],
    places: Places,
    facts: Any,
    held: Sequence[Document],
) -> dict[str, Any]:
    """Find what repeats what, and write ``corpus/`` with its card."""
    findings = find(facts, config, places, held)
    tally = Tally(seed)
    assembly = Assembly(config, places, findings, tally)
    with atomic_folder(folder / "corpus") as fresh:
        digests = assembly.write(parts, fresh, kept_bytes(facts))
        show_problems(tally)
        warning = judge_size(*training_size(tally))
        card = make_card(tally, config, findings, digests, warning)
        write_json(fresh / "card.json", card)
        write_text(fresh / "card.md", card_text(card))
    return card


def held_before(folder: Path, config: CorpusConfig) -> frozenset[str]:
    """Give the ids of what this run's text has held out so far.

    They stay held out as long as the recipe asks for the same split.
    """
    card, held = (
        folder / "corpus" / name
        for name in ("card.json", "heldout.parquet")
    )
    if not card.exists() or not held.exists():
        return frozenset()
    asked = split_settings(msgspec.to_builtins(config))
    if split_settings(read_json(card)["parameters"]) != asked:
        return frozenset()
    return frozenset(about.id for about in read_documents(held))


def split_settings(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a recipe says of its split."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in tables.items()
        if name.startswith("heldout_")
    }


def work_folder(folder: Path, said: Sequence[str]) -> Path:
    """Give the folder of this work's parts, and sweep others' away.

    Its name is a digest of all that the parts depend on.
    """
    work = folder / WORK / digest_text("\n".join(said))[:16]
    for other in (folder / WORK).glob("*"):
        if other != work:
            shutil.rmtree(other)
    work.mkdir(parents=True, exist_ok=True)
    return work


def check(config: CorpusConfig) -> None:
    """Refuse a recipe whose words lead nowhere.

    Raises:
        RecipeError: a rule is not known, or a source's name is not
            there or there twice.
    """
    for rule in config.rules.names:
        if rule not in RULES:
            raise RecipeError(
                f"corpus.rules.names: there is no rule {rule!r}; "
                f"known are {', '.join(RULES)}"
            )
    names = [source_name(source) for source in config.source]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(
                f"two sources are called {name!r}; give each "
                "[[corpus.source]] its own 'name'"
            )
    for name in config.heldout_from:
        if name not in names:
            raise RecipeError(
                f"corpus.heldout_from: there is no source {name!r}; "
                f"known are {', '.join(names)}"
            )


def refuse(facts: Any, config: CorpusConfig, strict: bool) -> None:
    """Stop where reading failed in a way the user must know of.

    Raises:
        DataError: a source gave nothing; or, with ``strict``, a file
            of a kind that is read could not be.
    """
    col = engine().col
    broken = facts.where(
        (col("problem") != "") & ~col("problem").startswith(FOREIGN)
    )
    count = broken.count_rows() if strict else 0
    if count:
        row = broken.sort("row").limit(1).to_pylist()[0]
        raise DataError(
            f"{count:,} files or records could not be read, the first "
            f"in source {row['source']!r}: {row['path']}: "
            f"{row['problem']}; mend or remove them, or run without "
            "strict"
        )
    read = facts.where(col("problem") == "").groupby("source")
    giving = read.agg(col("row").count()).to_pydict()["source"]
    for name in map(source_name, config.source):
        if name not in giving:
            first = broken.where(col("source") == name).sort("row")
            reasons = first.limit(1).to_pylist()
            row = reasons[0] if reasons else NOTHING
            raise DataError(
                f"the source {name!r} gave no document ({row['path']}: "
                f"{row['problem']}); correct its [[corpus.source]] "
                "table"
            )


NOTHING = {"path": "", "problem": "empty"}


def show_text(facts: Any, places: Places) -> None:
    """Put the beginning of the first text that stays on the screen."""
    first = passing(facts).select("row", "title").sort("row").limit(1)
    for row in first.to_pylist():
        about = Document("", Texts(places)[row["row"]], row["title"])
        console.verbatim(about.full_text[:SHOWN_CHARACTERS])


def show_problems(tally: Tally) -> None:
    """Name on the screen what could not be read."""
    if tally.foreign:
        console.say(f"  {describe_kinds(tally.foreign)}")
    broken = sum(tally.reasons.values())
    if broken:
        console.warn(f"{broken:,} files or records could not be read:")
    for source, path, reason in tally.problems[:SHOWN_PROBLEMS]:
        console.verbatim(f"  {source}: {path}: {reason}")
    if broken > SHOWN_PROBLEMS:
        console.say("  ... corpus/card.json names the others")


def kept_bytes(facts: Any) -> int:
    """Add up the bytes of all texts that passed the rules."""
    total = passing(facts).sum("bytes").to_pydict()["bytes"][0]
    return int(total or 0)


def training_size(tally: Tally) -> tuple[int, int]:
    """Count the bytes and documents that may be learnt from."""
    train = tally.sides["train"]
    return train["bytes"], train["documents"]


def read_documents(parquet: Path) -> list[Document]:
    """Read the documents of ``train.parquet`` or ``heldout.parquet``.

    Raises:
        DataError: the file is missing or is no such table.
    """
    return list(each_document(parquet))


def each_reading(parquet: Path) -> Iterator[Document]:
    """Give the documents as often as the mixture reads each.

    All of them once, then those that are read twice, and so on: copies
    of a document are far from each other.

    Raises:
        DataError: the file is missing or is no such table.
    """
    import pyarrow.compute as pc

    most = 1
    with opened(parquet) as table:
        if COPIES in table.schema_arrow.names:
            often = table.read(columns=[COPIES])[COPIES]
            most = pc.max(often).as_py() or 0
    for time in range(1, most + 1):
        yield from each_document(parquet, time)


def each_document(parquet: Path, time: int = 1) -> Iterator[Document]:
    """Give the documents of a table that are read so many times.

    Raises:
        DataError: the file is missing or is no such table.
    """
    with opened(parquet) as table:
        present = set(table.schema_arrow.names)
        asked = [n for n in (*COLUMNS, COPIES) if n in present]
        for batch in table.iter_batches(columns=asked):
            for row in batch.to_pylist():
                if row.pop(COPIES, 1) >= time:
                    yield Document(**row)


@contextmanager
def opened(parquet: Path) -> Iterator[Any]:
    """Open a table of documents; say what to do if it is damaged.

    Raises:
        DataError: the file is missing or is no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # A single file, whatever folders above it are called
        with pq.ParquetFile(parquet) as table:
            yield table
    except (OSError, TypeError, pa.ArrowException) as error:
        raise DataError(
            f"{parquet} is missing or damaged; run 'hornbook curate' "
            "again"
        ) from error
