"""Tasks: a TOML file says what is asked, how, and what to beat."""

import re
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from hornbook.base.config import convert, read_toml
from hornbook.base.errors import RecipeError

OWN = (
    "bits_per_byte",
    "topic_accuracy",
    "description_choice",
    "answers",
    "memorisation",
)
"""Kinds that ask about the run's own text, and so need no data."""

NEEDS = {
    "wheel": ("package", "version", "sha256", "member"),
    "package": ("member",),
    "file": ("path",),
}
ITEM_KEYS = (
    "data", "prompt", "choices", "options", "answer", "group", "words",
    "template", "what", "licence", "items",
)
"""Keys that only a task with items of its own can use."""

MOST_ITEMS = 500

Forms = str | tuple[str, ...]


class DataConfig(msgspec.Struct, frozen=True):
    """The ``[data]`` of a task: where its records lie."""

    kind: Literal["wheel", "package", "file"]
    """A pinned wheel, data inside Hornbook, or a file of yours."""
    package: str = ""
    """The name of the wheel's package."""
    version: str = ""
    """The wheel's exact version."""
    sha256: str = ""
    """The wheel's digest; any other file is refused."""
    member: str = ""
    """The file inside the wheel, or inside Hornbook."""
    path: str = ""
    """The file, seen from the folder of the task's own file."""

    def __post_init__(self) -> None:
        """Refuse data that lack what their kind needs."""
        for field in NEEDS[self.kind]:
            if not getattr(self, field):
                raise ValueError(
                    f"data of kind {self.kind!r} need {field!r}"
                )
        name = self.path or self.member
        if not name.endswith((".json", ".jsonl")):
            raise ValueError(
                f"{name!r} is neither a .jsonl nor a .json file"
            )


class Template(msgspec.Struct, frozen=True):
    """A ``[[template]]``: two sentences with gaps for words."""

    name: str
    """What the pair turns on; pairs of one name are counted apart."""
    good: str
    """The sentence that should be likelier."""
    bad: str
    """The same with one thing wrong."""
    pairs: int = 30
    """How many pairs are made of it."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task, as its TOML file describes it."""

    kind: Literal[
        "choice",
        "pairs",
        "bits_per_byte",
        "topic_accuracy",
        "description_choice",
        "answers",
        "memorisation",
    ]
    """A choice of endings, pairs of sentences, or a kind of ``OWN``."""
    name: str = ""
    """How a report's tables call it; by default the file's stem."""
    title: str = ""
    """How a report's pages call it."""
    what: str = ""
    """What is counted, in one sentence."""
    licence: str = ""
    """The licence of the items, as their source states it."""
    credit: str = ""
    """Who made them."""
    data: DataConfig | None = None
    """Where the records lie, if no templates make them."""
    prompt: str = ""
    """What stands before every choice; ``{field}`` is filled in."""
    choices: tuple[str, ...] = ()
    """Each choice, with ``{field}`` filled in; or see ``options``."""
    options: str = ""
    """The field that holds all choices: a list, or a line each."""
    answer: str = ""
    """The field of the right one: its text, letter, or number from 0;
    without it the first choice is right."""
    group: str = ""
    """The field by whose values the score is also given apart."""
    score: Literal["sum", "byte", "token", "gain"] = "sum"
    """What is compared: a key of ``choice.RULES``."""
    baselines: tuple[Literal["chance", "bigram", "blind"], ...] = (
        "chance",
    )
    """What to beat: keys of ``choice.BASELINES``."""
    items: int = 0
    """Ask so many, the same in every run; 0: at most MOST_ITEMS."""
    words: dict[str, tuple[Forms, ...]] = {}
    """Words for the gaps of the templates, by the gap's name."""
    template: tuple[Template, ...] = ()
    """What pairs are made of, where there are no data."""

    def __post_init__(self) -> None:
        """Refuse what the kind cannot use, and want what it needs."""
        if self.kind in OWN:
            for key in ITEM_KEYS:
                if getattr(self, key):
                    raise ValueError(
                        f"a task of kind {self.kind!r} asks about the "
                        f"run's own text and has no use for {key!r}"
                    )
            return
        if not self.what or not self.licence:
            raise ValueError("a task with items needs what and licence")
        if bool(self.data) == bool(self.template):
            raise ValueError("a task needs either data or templates")
        if self.template and self.kind != "pairs":
            raise ValueError("only pairs are made from templates")
        if self.data and bool(self.options) == bool(self.choices):
            raise ValueError("a task needs either choices or options")
        if self.items < 0 or not self.baselines:
            raise ValueError("a task needs items and a baseline")


def load_task(source: str) -> Task:
    """Read a task: a shipped name, or the path of a TOML file.

    Raises:
        RecipeError: says which key of which file is wrong, and why.
    """
    path = find_task(source)
    task = convert(read_toml(path), Task, path.name)
    name = task.name or path.stem
    if not re.fullmatch(r"\w+", name):
        raise RecipeError(
            f"{path.name}: {name!r} cannot name a task; use letters, "
            "digits and '_'"
        )

    # Look for the data from where the task's file lies
    data = task.data
    if data and data.kind == "file":
        file = path.parent / data.path
        if not file.is_file():
            raise RecipeError(
                f"{path.name}: there is no file {data.path!r} beside "
                "it; correct data.path"
            )
        data = msgspec.structs.replace(data, path=str(file))
    title = task.title or name.replace("_", " ").capitalize()
    return msgspec.structs.replace(
        task, name=name, title=title, data=data
    )


def load_tasks(sources: tuple[str, ...] | list[str]) -> list[Task]:
    """Read several tasks.

    Raises:
        RecipeError: one cannot be read, or two have the same name.
    """
    tasks = [load_task(source) for source in sources]
    names = [task.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(
                f"two tasks are called {name!r}; name each once"
            )
    return tasks


def find_task(source: str) -> Path:
    """Find a task's file.

    Raises:
        RecipeError: lists the tasks that ship with Hornbook.
    """
    shipped = shipped_tasks()
    if source in shipped:
        return shipped[source]
    path = Path(source)
    if path.suffix == ".toml" and path.is_file():
        return path
    raise RecipeError(
        f"there is no task {source!r}; give the path of a .toml file, "
        "or one of " + ", ".join(shipped)
    )


def shipped_tasks() -> dict[str, Path]:
    """The tasks inside the package, by name."""
    folder = Path(str(resources.files("hornbook.evaluation") / "tasks"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def own_files(sources: tuple[str, ...]) -> list[str]:
    """List the files of the user on which some tasks depend."""
    files = []
    for source in sources:
        if source not in shipped_tasks():
            data = load_task(source).data
            files += [source, data.path if data else ""]
    return files
