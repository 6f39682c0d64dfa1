"""What the user wants, and what lies in the folder they point at."""

import re
import time
from collections import Counter
from pathlib import Path
from typing import Literal

import msgspec

from hornbook.base.console import console
from hornbook.base.errors import DataError, RecipeError
from hornbook.corpus.config import (
    LEAST_DOCUMENTS,
    LEAST_TEXT_BYTES,
    SourceConfig,
    judge_size,
)
from hornbook.corpus.extract import Raw
from hornbook.corpus.read import read_unit
from hornbook.corpus.sources import Unit, find_units

Task = Literal["chat", "classify", "complete"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LOOK_SECONDS = 20.0
"""A larger folder is judged by what was read in this time."""
CUT_CHARACTERS = 2000
LONG_CHARACTERS = 20_000
"""Documents that are longer than that are books, and may be cut."""
FEW_DOCUMENTS = 4 * LEAST_DOCUMENTS
"""Fewer long documents than that are cut, so that some are left when
copies are dropped and others held out."""
SEPARATOR = "<|endoftext|>"
"""What files of many texts often have between them."""
LEAST_TOPICS = 2


class UseCase(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: from this text, a model for this task, in this time."""

    name: str
    """The name of the recipe and of its run."""
    text: str
    """The folder of text, seen from the current folder."""
    task: Task = "chat"
    """``complete`` goes on with a text, ``classify`` names a text's
    topic, ``chat`` answers questions about what it read."""
    minutes: float = 10.0
    """Wall-clock time for all trainings together."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639 codes of the text's languages."""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds, as the corpus room will read it."""

    files: int = 0
    documents: int = 0
    text_bytes: int = 0
    """The documents' text in UTF-8, before cleaning."""
    kinds: dict[str, int] = {}
    """Bytes of text by the kind of file they stand in."""
    titled: int = 0
    """Documents that have a title."""
    topics: dict[str, int] = {}
    """Documents by topic; sub-folders are topics."""
    problems: dict[str, int] = {}
    """Why files or records cannot be read, and how many."""
    separator: str = ""
    """What stands between the texts of a file, where that was found."""
    cut_characters: int = 0
    """Where few files hold much text: cut it into pieces so long."""
    estimated: bool = False
    """Whether the folder was too large to read it whole."""


def check_use_case(case: UseCase) -> None:
    """Refuse a wish that no recipe can fulfil.

    Raises:
        RecipeError: names the option and what it may be.
    """
    if not NAME.fullmatch(case.name):
        raise RecipeError(
            f"{case.name!r} cannot name a run; use letters, digits, "
            "dots, dashes and underscores, and begin with a letter"
        )
    if not 0 < case.minutes < 1e6:
        raise RecipeError(
            f"--minutes is {case.minutes}; it must be above 0"
        )


def survey(folder: str, look_seconds: float = LOOK_SECONDS) -> Survey:
    """Read a folder as curation will, and count what is there.

    What one file holds too much of is counted in pieces: a book in a
    single file is no single document. A folder that takes longer than
    ``look_seconds`` is judged by its first files.

    Raises:
        DataError: the folder is missing, or holds nothing readable.
    """
    source = SourceConfig(kind="folder", path=folder)
    units = find_units(0, source, Path())
    counted = _Count()
    started = time.monotonic()
    with console.progress("reading", len(units), "files") as bar:
        for unit in units:
            for raw in read_unit(unit, source):
                counted.add(raw, unit)
            counted.read += _size(unit)
            bar.advance()
            if time.monotonic() - started > look_seconds:
                break

    # Stretch what was seen to what was not
    share = 1.0
    if counted.read:
        share = max(sum(map(_size, units)) / counted.read, 1.0)
    return counted.finish(len(units), share)


def _size(unit: Unit) -> int:
    """The bytes of a file, or of the share of one."""
    if unit.problem:
        return 0
    path = Path(unit.file)
    return (unit.stop or path.stat().st_size) - unit.start


class _Count:
    """Numbers that grow while a folder is read."""

    def __init__(self) -> None:
        self.read = self.documents = self.titled = 0
        self.parts = self.pieces = 0
        self.kinds: Counter[str] = Counter()
        self.topics: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()

    def add(self, raw: Raw, unit: Unit) -> None:
        """Count one document, or the reason why it is none."""
        if raw.problem:
            self.problems[raw.problem] += 1
            return
        length = len(raw.text.encode("utf-8", "replace"))
        self.documents += 1
        self.parts += raw.text.count(SEPARATOR)
        self.pieces += max(1, len(raw.text) // CUT_CHARACTERS)
        self.titled += bool(raw.title)
        self.kinds[Path(unit.file).suffix.lower()] += length
        if raw.topic:
            self.topics[raw.topic] += 1

    def finish(self, files: int, share: float) -> Survey:
        """Give the survey, with counts stretched by ``share``."""
        text_bytes = round(sum(self.kinds.values()) * share)
        whole = self.documents * share
        long = text_bytes > LONG_CHARACTERS * whole
        few = whole < (FEW_DOCUMENTS if long else LEAST_DOCUMENTS)
        few = few and text_bytes >= LEAST_TEXT_BYTES
        parted = few and self.parts * share >= LEAST_DOCUMENTS
        cut = few and not parted
        found = self.documents
        if few:
            found = self.parts if parted else self.pieces
        return Survey(
            files=files,
            documents=round(found * share),
            text_bytes=text_bytes,
            kinds={
                kind: round(count * share)
                for kind, count in self.kinds.most_common()
            },
            titled=0 if few else round(self.titled * share),
            topics=dict(self.topics.most_common()),
            problems=dict(self.problems.most_common()),
            separator=SEPARATOR if parted else "",
            cut_characters=CUT_CHARACTERS if cut else 0,
            estimated=share > 1.0,
        )


def judge(case: UseCase, found: Survey) -> list[str]:
    """Say what stands against a use case, as warnings.

    Raises:
        DataError: there is too little text, or a task lacks what it
            needs.
    """
    concerns = [judge_size(found.text_bytes, found.documents)]
    if case.task == "classify" and len(found.topics) < LEAST_TOPICS:
        raise DataError(
            f"{case.text!r} shows no topics to tell apart; sort its "
            "files into sub-folders, one for each topic"
        )
    if case.task == "chat" and found.titled < LEAST_DOCUMENTS:
        concerns.append(
            f"only {found.titled} documents have titles, from which "
            "questions are made; without them a model cannot learn to "
            "answer: --task complete suits this text better"
        )
    if case.task == "chat" and set(case.languages) - {"en"}:
        concerns.append(
            "the questions that fine-tuning makes from documents are "
            "English, whatever the language of the text"
        )
    return [concern for concern in concerns if concern]
