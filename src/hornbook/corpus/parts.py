"""The corpus part by part: read, cleaned, judged, and set down.

A part is some files' worth of documents. Each is made by itself, by
any process on any machine, and is whole or absent on disk: curation
that was interrupted goes on with the parts that are missing.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.console import console
from hornbook.base.document import Document, document_id
from hornbook.base.errors import DiskError
from hornbook.base.store import disk_errors
from hornbook.corpus.clean import clean, clean_line, plain_marks
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.dedup import band_keys, band_names, text_keys
from hornbook.corpus.engine import engine, spread
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.packed import is_packed
from hornbook.corpus.privacy import mask
from hornbook.corpus.read import read_unit
from hornbook.corpus.rules import Rule
from hornbook.corpus.sources import Unit, source_name
from hornbook.corpus.split import draw
from hornbook.corpus.steps import Steps, Verdict
from hornbook.corpus.texts import FIRST, TextWriter, part_file

PART_BYTES = 16_000_000
"""So many bytes make a part: enough parts for every core."""
PACKED_TIMES = 4
"""What is packed grows about so many times."""
UNIT_ROWS = 2**32
"""More documents than any unit holds: rows grow with the units."""
GROUP_CHARACTERS = 4_000_000
GROUP_ROWS = 16_384
FACTS = ".facts.parquet"
ABOUT = tuple(n for n in Document.__struct_fields__ if n != "text")
WORDS = (
    *ABOUT,
    *("rule", "finding", "problem", "sample", "masked", "cut"),
)
SAMPLE_CHARACTERS = 240


class Part(msgspec.Struct, frozen=True):
    """Some units that are read and set down together."""

    number: int
    first: int
    """The number of its first unit among all."""
    units: tuple[Unit, ...]

    @property
    def start(self) -> int:
        """The row of its first document."""
        return self.first * UNIT_ROWS


class Job(msgspec.Struct, frozen=True):
    """What every process that makes parts is told."""

    config: CorpusConfig
    folder: str
    rules: dict[str, Rule]
    """The rules by name, so that one's own reach every process."""
    before: frozenset[str] = frozenset()
    """The ids of what was held out when the text was smaller."""


def plan_parts(units: Sequence[Unit]) -> list[Part]:
    """Join small units to parts, in their order."""
    groups: list[list[Unit]] = []
    filled = PART_BYTES
    for unit in units:
        if filled >= PART_BYTES:
            groups.append([])
            filled = 0
        groups[-1].append(unit)
        filled += unit_bytes(unit)
    parts, first = [], 0
    for number, group in enumerate(groups):
        parts.append(Part(number, first, tuple(group)))
        first += len(group)
    return parts


def unit_bytes(unit: Unit) -> int:
    """Say how much a unit reads; what lies elsewhere fills a part."""
    if unit.stop:
        return unit.stop - unit.start
    times = PACKED_TIMES if is_packed(unit.file) else 1
    try:
        return os.stat(unit.file).st_size * times
    except OSError:
        return 0 if unit.problem else PART_BYTES


def make_parts(parts: Sequence[Part], job: Job) -> None:
    """Make the parts that are not there, with one query."""
    folder = Path(job.folder)
    missing = [
        part
        for part in parts
        if not part_file(folder, part.number, FACTS).exists()
    ]
    if not missing:
        return
    if len(missing) < len(parts):
        console.say(
            f"  going on: {len(parts) - len(missing):,} of "
            f"{len(parts):,} parts are there"
        )

    # State the query: each row is a part, and its making gives counts
    daft = engine()
    maker = spread(PartMaker, len(missing))(job)
    asked = [msgspec.json.encode(part).decode() for part in missing]
    query = daft.from_pydict({"part": asked})
    query = query.into_batches(1).select(maker.make(daft.col("part")))

    # Run it, part by part
    with console.progress("reading", unit="documents") as bar:
        for batch in query.to_arrow_iter():
            for told in batch.column(0).to_pylist():
                made = msgspec.json.decode(told, type=Made)
                if made.problem:
                    raise DiskError(made.problem)
                bar.advance(made.documents)


class Made(msgspec.Struct, frozen=True):
    """How the making of a part went."""

    documents: int
    problem: str = ""


class PartMaker:
    """Reads, cleans and judges documents in one process."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.steps = Steps(job.config, job.rules, job.folder)

    def make(self, part: str) -> str:
        """Set a part's documents down, and say how it went.

        An error would reach the caller as one of the engine's.
        """
        try:
            told = msgspec.json.decode(part, type=Part)
            made = Made(self._write(told))
        except DiskError as error:
            made = Made(0, str(error))
        return msgspec.json.encode(made).decode()

    def _write(self, told: Part) -> int:
        """Write a part; give the number of its documents."""
        folder = Path(self.job.folder)
        facts = part_file(folder, told.number, FACTS)
        texts = part_file(folder, told.number)
        with disk_errors(facts):
            with _Writer(_fresh(facts), _fresh(texts), self.job) as out:
                for number, unit in enumerate(told.units, told.first):
                    for row in read_judged(
                        number, unit, self.job, self.steps
                    ):
                        out.add(row)

            # The facts come last: where they are, the part is whole
            os.replace(_fresh(texts), texts)
            os.replace(_fresh(facts), facts)
        return out.count


def read_judged(
    number: int, unit: Unit, job: Job, steps: Steps
) -> Iterator[dict[str, Any]]:
    """Read a unit's documents, cleaned, each with its verdict."""
    source = job.config.source[unit.source]
    name, kinds = source_name(source), job.config.privacy.kinds
    for place, raw in enumerate(read_unit(unit, source)):
        document = to_document(raw, unit, source, name)
        verdict = Verdict("")
        if not raw.problem:
            language = raw.language or source.language
            verdict = steps(document.text, language)
            document = msgspec.structs.replace(
                document,
                text=verdict.text,
                language=verdict.language or language,
            )
        document, private = mask_around(document, verdict, kinds)
        row = number * UNIT_ROWS + place
        yield {
            **msgspec.structs.asdict(document),
            "row": row,
            "rank": row - FIRST * (document.id in job.before),
            "bytes": text_bytes(document),
            "characters": len(document.full_text),
            "draw": draw(document.id),
            "rule": verdict.rule,
            "finding": mask(verdict.finding, kinds)[0],
            "problem": raw.problem,
            "masked": counts(private),
            "cut": counts(verdict.cuts),
            "sample": shown(document.text, kinds),
        }


def mask_around(
    document: Document, verdict: Verdict, kinds: tuple[str, ...]
) -> tuple[Document, dict[str, int]]:
    """Mask what stands around a text, too, and count all of it.

    A text that goes is read by nobody, and nothing counts in it.
    """
    title, in_title = mask(document.title, kinds)
    description, in_description = mask(document.description, kinds)
    document = msgspec.structs.replace(
        document, title=title, description=description
    )
    found = Counter(verdict.private)
    found.update(in_title)
    found.update(in_description)
    return document, {} if verdict.rule else dict(found)


def shown(text: str, kinds: tuple[str, ...]) -> str:
    """Give the beginning of a text, as a card may show it."""
    beginning = text[: 2 * SAMPLE_CHARACTERS]
    return mask(beginning, kinds)[0][:SAMPLE_CHARACTERS]


def to_document(
    raw: Raw, unit: Unit, source: SourceConfig, name: str
) -> Document:
    """Clean a raw text's fields and give it its name."""
    marks = plain_marks if source.tex_marks else str
    text = clean(marks(raw.text))
    label = unit.label + raw.member
    return Document(
        id=document_id(name, text),
        text=text,
        title=clean_line(marks(raw.title)),
        description=clean_line(marks(raw.description)),
        topic=clean_line(raw.topic),
        source=name,
        path=", ".join(filter(None, (label, raw.place))),
        licence=raw.licence or source.licence,
        url=raw.url,
        date=raw.date,
        digest=raw.digest,
    )


def counts(found: Mapping[str, int]) -> str:
    """Write counts down: nothing where there are none.

    >>> counts({}), counts({"email": 2})
    ('', '{"email":2}')
    """
    return msgspec.json.encode(found).decode() if found else ""


def text_bytes(document: Document) -> int:
    """Count the UTF-8 bytes that a model would read."""
    return len(document.full_text.encode("utf-8"))


class _Writer:
    """Writes documents in groups: facts here, texts that stay there."""

    def __init__(self, facts: Path, texts: Path, job: Job) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        numbers = ("row", "rank", "bytes", "characters")
        self._near = (
            job.config.near_bands if job.config.near_duplicate else 0
        )
        self._rows = job.config.near_rows
        keys = ("text_key", *band_names(self._near))
        self._schema = pa.schema(
            [
                *((name, pa.int64()) for name in numbers),
                ("draw", pa.float64()),
                *((name, pa.string()) for name in WORDS),
                *((name, pa.uint64()) for name in keys),
            ]
        )
        self._facts = pq.ParquetWriter(facts, self._schema)
        self._texts = TextWriter(texts)
        self._group: list[dict[str, Any]] = []
        self._held = 0
        self.count = 0

    def add(self, row: dict[str, Any]) -> None:
        """Take a document; a full group is written."""
        self._group.append(row)
        self._held += len(row["text"])
        self.count += not row["problem"]
        full = len(self._group) >= GROUP_ROWS
        if full or self._held >= GROUP_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        """Write the group, with the keys of the texts that stay."""
        import pyarrow as pa

        # Keep the texts that no rule dropped, and find their keys
        stay = [r for r in self._group if not r["rule"] + r["problem"]]
        texts = [row["text"] for row in stay]
        self._texts.write([row["row"] for row in stay], texts)
        keys = {
            "text_key": text_keys(texts),
            **band_keys(texts, self._near, self._rows),
        }
        for name, column in keys.items():
            for row, key in zip(stay, column.tolist(), strict=True):
                row[name] = key

        # Write what is known of all
        table = pa.Table.from_pylist(self._group, self._schema)
        self._facts.write_table(table)
        self._group, self._held = [], 0

    def __enter__(self) -> "_Writer":
        """Begin to write."""
        return self

    def __exit__(self, *problem: object) -> None:
        """Write the last group and finish both files."""
        if problem[0] is None:
            self._flush()
        self._texts.close()
        self._facts.close()


def _fresh(path: Path) -> Path:
    """Name a file as long as it is not whole."""
    return path.with_name(f".{path.name}.new")
