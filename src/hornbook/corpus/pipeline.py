"""From the sources of a recipe to the documents of a run."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.console import console
from hornbook.base.document import Document, document_id
from hornbook.base.errors import DataError, RecipeError
from hornbook.base.store import (
    atomic_folder,
    disk_errors,
    write_json,
    write_text,
)
from hornbook.corpus.card import card_text, make_card
from hornbook.corpus.clean import clean, clean_line, plain_marks
from hornbook.corpus.config import CorpusConfig, judge_size
from hornbook.corpus.dedup import (
    band_keys,
    find_exact,
    find_near,
    normal,
)
from hornbook.corpus.engine import engine
from hornbook.corpus.extract import Raw
from hornbook.corpus.outcome import Outcome, text_bytes
from hornbook.corpus.read import read_unit
from hornbook.corpus.rules import RULES, judge
from hornbook.corpus.sources import (
    Unit,
    describe_kinds,
    find_units,
    source_name,
)
from hornbook.corpus.split import Entry, hold_out, overlaps, same_titles

BATCH_UNITS = 16
SHOWN_PROBLEMS = 10
UNIT_ROWS = 2**32
GROUP_ROWS = 4096
SHOWN_CHARACTERS = 400
COLUMNS = Document.__struct_fields__
JUDGED = ("rule", "finding", "problem")


def curate(
    config: CorpusConfig,
    folder: Path,
    seed: int,
    cache: Path,
    strict: bool = False,
) -> dict[str, Any]:
    """Write ``corpus/`` into a run's folder and give its card.

    Nothing is written under its final name before all of it is there.
    ``seed`` chooses the samples that the card shows, and nothing else:
    which documents are held out depends on the documents alone.

    Raises:
        RecipeError: a rule is not known, or a source's name.
        DataError: a source gives no text, or all too little; with
            ``strict``, a file of a kind that is read could not be.
        NetworkError: a wheel could not be fetched.
    """
    # Read, clean and judge every document
    check(config)
    units = [
        unit
        for number, source in enumerate(config.source)
        for unit in find_units(number, source, cache)
    ]
    table = collect(config, units)
    outcome = Outcome.of(table, config)
    outcome.refuse(strict)
    show(outcome)

    # Drop copies, then split, then drop what the split forbids
    drop_copies(outcome, table, config)
    split(outcome, table, config)
    warning = judge_size(*outcome.training_size())
    if warning:
        console.warn(warning)

    card = make_card(outcome, config, seed, warning)
    write_corpus(folder, outcome, card)
    return card


def write_corpus(
    folder: Path, outcome: Outcome, card: dict[str, Any]
) -> None:
    """Write the documents and their card: all of it, or nothing."""
    with atomic_folder(folder / "corpus") as fresh:
        write_documents(fresh / "train.parquet", outcome, False)
        write_documents(fresh / "heldout.parquet", outcome, True)
        write_json(fresh / "card.json", card)
        write_text(fresh / "card.md", card_text(card))


def show(outcome: Outcome) -> None:
    """Put the beginning of one document on the screen, and troubles."""
    for about in islice(outcome.kept_documents(), 1):
        console.verbatim(about[1].full_text[:SHOWN_CHARACTERS])
    if outcome.foreign:
        console.say(f"  {describe_kinds(outcome.foreign)}")
    broken = outcome.problems
    if broken:
        console.warn(
            f"{len(broken):,} files or records could not be read:"
        )
    for source, path, reason in broken[:SHOWN_PROBLEMS]:
        console.verbatim(f"  {source}: {path}: {reason}")
    if len(broken) > SHOWN_PROBLEMS:
        console.say("  ... corpus/card.json names the others")


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


def collect(config: CorpusConfig, units: Sequence[Unit]) -> Any:
    """Read, clean and judge all units with one query of the engine.

    Gives an Arrow table, one row a document or problem, in the order
    of the sources: ``row``, the fields of a document, ``rule``,
    ``finding``, ``problem`` and the band keys of the text.
    """
    import pyarrow as pa

    # State the query
    daft = engine()
    strings = {
        name: daft.DataType.string() for name in (*COLUMNS, *JUDGED)
    }
    fields = {"row": daft.DataType.int64(), **strings}

    def read(number: int) -> Iterator[dict[str, Any]]:
        yield from read_judged(number, units[number], config)

    reading = daft.func(
        return_dtype=daft.DataType.struct(fields),
        unnest=True,
        use_process=False,
    )(read)
    query = daft.from_pydict({"number": list(range(len(units)))})
    query = query.into_batches(BATCH_UNITS)
    query = query.select(reading(daft.col("number")))
    query = query.with_column(
        "bands", band_keys(normal(daft.col("text")))
    )

    # Run it, batch by batch
    batches = []
    with console.progress("reading", unit="documents") as bar:
        for batch in query.to_arrow_iter():
            batches.append(batch)
            bar.advance(batch.num_rows)
    return pa.Table.from_batches(batches).sort_by("row")


def read_judged(
    number: int, unit: Unit, config: CorpusConfig
) -> Iterator[dict[str, Any]]:
    """Read a unit's documents, cleaned, each with its verdict."""
    source = config.source[unit.source]
    for place, raw in enumerate(read_unit(unit, source)):
        document = to_document(raw, unit, config)
        rule = finding = ""
        if not raw.problem:
            rule, finding = judge(document.text, config.rules)
        yield {
            "row": number * UNIT_ROWS + place,
            **msgspec.structs.asdict(document),
            "rule": rule,
            "finding": finding,
            "problem": raw.problem,
        }


def to_document(raw: Raw, unit: Unit, config: CorpusConfig) -> Document:
    """Clean a raw text's fields and give it its name."""
    source = config.source[unit.source]
    marks = plain_marks if source.tex_marks else str
    text, name = clean(marks(raw.text)), source_name(source)
    return Document(
        id=document_id(name, text),
        text=text,
        title=clean_line(marks(raw.title)),
        description=clean_line(marks(raw.description)),
        topic=clean_line(raw.topic),
        source=name,
        path=", ".join(filter(None, (unit.label, raw.place))),
        licence=source.licence,
    )


def drop_copies(
    outcome: Outcome, table: Any, config: CorpusConfig
) -> None:
    """Drop equal texts, then texts that nearly equal another."""
    kept = outcome.kept()
    for row, match in find_exact(
        [(row, outcome.documents[row].text) for row in kept]
    ).items():
        outcome.drop(row, "exact_duplicate", outcome.like(match))
    if config.near_duplicate:
        remaining = outcome.select(table, ["row", "text", "bands"])
        near = find_near(remaining, config.near_duplicate)
        for row, match in near.items():
            outcome.drop(row, "near_duplicate", outcome.like(match))


def split(outcome: Outcome, table: Any, config: CorpusConfig) -> None:
    """Hold documents out, and drop what would give them away."""
    daft = engine()
    entries = [
        Entry(
            row, about.id, about.source, about.title, text_bytes(about)
        )
        for row, about in outcome.kept_documents()
    ]
    outcome.heldout = hold_out(entries, config)
    for row, finding in same_titles(entries, outcome.heldout).items():
        outcome.drop(row, "heldout_title", finding)
    rest = daft.from_arrow(outcome.select(table, ["row", "text"]))
    words = rest.select("row", normal(daft.col("text"))).to_pydict()
    found = overlaps(
        dict(zip(words["row"], words["text"], strict=True)),
        outcome.heldout,
        config.heldout_overlap,
    )
    for row, finding in found.items():
        outcome.drop(row, "heldout_overlap", finding)


def write_documents(
    path: Path, outcome: Outcome, heldout: bool
) -> None:
    """Write one side of the split as a Parquet table, sorted by id."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    documents = outcome.side(heldout)
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    with disk_errors(path), pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(documents), GROUP_ROWS):
            group = documents[start : start + GROUP_ROWS]
            rows = [msgspec.structs.asdict(item) for item in group]
            writer.write_table(pa.Table.from_pylist(rows, schema))


def read_documents(parquet: Path) -> list[Document]:
    """Read the documents of ``train.parquet`` or ``heldout.parquet``.

    Raises:
        DataError: the file is missing or is no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # A single file, whatever folders above it are called
        with pq.ParquetFile(parquet) as table:
            rows = table.read(columns=list(COLUMNS)).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{parquet} is missing or damaged; run 'hornbook curate' "
            "again"
        ) from error
    return [Document(**row) for row in rows]
