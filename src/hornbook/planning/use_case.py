"""What the user wants, and what lies in the folder they point at."""

import random
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
    judge_size,
)
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.read import read_unit
from hornbook.corpus.sources import Unit, find_units, foreign_kind
from hornbook.planning.language import guess_language
from hornbook.tuning.phrasing import PHRASES

Task = Literal["chat", "classify", "complete"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
LOOK_SECONDS = 20.0
"""A larger folder is judged by what was read in this time."""
LANGUAGE_SHARE = 0.1
"""A language of less of the text than that goes unmentioned."""
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
    """ISO 639 codes of the text's languages, the main one first."""


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
    languages: tuple[str, ...] = ()
    """ISO 639 codes of the languages that were met, the main one
    first."""
    problems: dict[str, int] = {}
    """Why files or records cannot be read, and how many."""
    foreign: dict[str, int] = {}
    """Files of kinds that are not read, by kind."""
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
    for code in case.languages:
        if not LANGUAGE.fullmatch(code):
            raise RecipeError(
                f"--language is {code!r}; give a code like en, de or ja"
            )
    if not 0 < case.minutes < 1e6:
        raise RecipeError(
            f"--minutes is {case.minutes}; it must be above 0"
        )


def survey(folder: str, look_seconds: float = LOOK_SECONDS) -> Survey:
    """Read a folder as curation will, and count what is there.

    What one file holds too much of is counted in pieces: a book in a
    single file is no single document. A folder that takes longer than
    ``look_seconds`` is judged by files from all over it, each kind by
    its own: of a page less is text than of a plain file.

    Raises:
        DataError: the folder is missing, or holds nothing readable.
    """
    source = SourceConfig(kind="folder", path=folder)
    units = find_units(0, source, Path())
    random.Random(0).shuffle(units)
    counted = _Count()
    started = time.monotonic()
    with console.progress("reading", len(units), "files") as bar:
        for unit in units:
            late = time.monotonic() - started > look_seconds
            seen = not late or counted.nothing or bool(unit.problem)
            counted.meet(unit, seen)
            for raw in read_unit(unit, source) if seen else ():
                counted.add(raw, unit)
            bar.advance()
    return counted.finish(len(units))


def _kind(unit: Unit) -> str:
    """The kind of a file, as its name ends."""
    return Path(unit.file).suffix.lower()


class _Count:
    """Numbers that grow while a folder is read, by kinds of files."""

    def __init__(self) -> None:
        self.there: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.documents: Counter[str] = Counter()
        self.titled: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self.pieces: Counter[str] = Counter()
        self.topics: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self.foreign: Counter[str] = Counter()

    @property
    def nothing(self) -> bool:
        """Whether no file has been read so far."""
        return not self.read

    def meet(self, unit: Unit, seen: bool) -> None:
        """Count the bytes of a file, or of the share of one."""
        if unit.problem:
            return
        about = Path(unit.file).stat()
        size = (unit.stop or about.st_size) - unit.start
        self.there[_kind(unit)] += size
        if seen:
            self.read[_kind(unit)] += size

    def add(self, raw: Raw, unit: Unit) -> None:
        """Count one document, or the reason why it is none."""
        foreign = foreign_kind(raw.problem)
        if foreign:
            self.foreign[foreign] += 1
            return
        if raw.problem:
            self.problems[raw.problem] += 1
            return

        # Count what stands in it
        kind = _kind(unit)
        length = len(raw.text.encode("utf-8", "replace"))
        self.kinds[kind] += length
        self.documents[kind] += 1
        self.titled[kind] += bool(raw.title)
        self.parts[kind] += raw.text.count(SEPARATOR)
        self.pieces[kind] += max(1, len(raw.text) // CUT_CHARACTERS)
        spoken = min(length, LONG_CHARACTERS)
        self.languages[guess_language(raw.text)] += spoken
        if raw.topic:
            self.topics[raw.topic] += 1

    def stretch(self, counts: Counter[str]) -> dict[str, int]:
        """Carry what was counted over to the files not read.

        A kind of which nothing was read is taken for the average of
        the others.
        """
        met = sum(self.there[kind] for kind in self.read)
        rest = sum(self.there.values()) / met if met else 1.0
        return {
            kind: round(count * rest * self.there[kind] / size)
            for kind, count in counts.most_common()
            if (size := self.read[kind])
        }

    def finish(self, files: int) -> Survey:
        """Give the survey, with counts stretched to all files."""
        kinds = self.stretch(self.kinds)
        text_bytes = sum(kinds.values())
        whole, parts, pieces, titled = (
            sum(self.stretch(counts).values())
            for counts in (
                self.documents, self.parts, self.pieces, self.titled
            )
        )  # fmt: skip
        long = text_bytes > LONG_CHARACTERS * whole
        few = whole < (FEW_DOCUMENTS if long else LEAST_DOCUMENTS)
        few = few and text_bytes >= LEAST_TEXT_BYTES
        parted = few and parts >= LEAST_DOCUMENTS
        cut = few and not parted
        found = whole
        if few:
            found = parts if parted else pieces
        return Survey(
            files=files,
            documents=found,
            text_bytes=text_bytes,
            kinds=kinds,
            titled=0 if few else titled,
            topics=dict(self.topics.most_common()),
            languages=self.main_languages(),
            problems=dict(self.problems.most_common()),
            foreign=dict(self.foreign.most_common()),
            separator=SEPARATOR if parted else "",
            cut_characters=CUT_CHARACTERS if cut else 0,
            estimated=self.read != self.there,
        )

    def main_languages(self) -> tuple[str, ...]:
        """Name the languages of much text, the main one first."""
        told = {k: n for k, n in self.languages.items() if k}
        least = LANGUAGE_SHARE * sum(told.values())
        main = [code for code in told if told[code] >= least]
        return tuple(sorted(main, key=lambda code: -told[code]))


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
    codes = {code.partition("-")[0] for code in case.languages}
    mute = sorted(codes - set(PHRASES))
    if case.task == "chat" and mute:
        concerns.append(
            f"there are no sentences to ask in {', '.join(mute)}, only "
            f"in {', '.join(PHRASES)}: give dialogues in the recipe's "
            "finetune.chat.data, or a server that writes them in "
            "finetune.chat.writer"
        )
    return [concern for concern in concerns if concern]
