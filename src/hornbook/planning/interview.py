"""``hornbook new``: a few questions, a look, and a recipe."""

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from hornbook.base.console import console
from hornbook.base.errors import RecipeError
from hornbook.base.store import size
from hornbook.corpus.sources import describe_kinds
from hornbook.model.count import parameters
from hornbook.planning.draft import Draft, draft
from hornbook.planning.new import write_recipe
from hornbook.planning.probe import probe
from hornbook.planning.use_case import (
    LEAST_TOPICS,
    Survey,
    Task,
    UseCase,
    check_use_case,
    survey,
)

DEFAULT_MINUTES = 10.0
TASKS: tuple[Task, ...] = ("chat", "classify", "complete")

Ask = Callable[[str], str]


def interview(
    name: str,
    text: str = "",
    minutes: float | None = None,
    task: Task | None = None,
    yes: bool = False,
    ask: Ask = input,
    language: str = "",
) -> Draft:
    """Write ``name``.toml for a folder; ask for what is not given.

    Nothing is asked with ``yes`` or without a terminal: then a task
    is chosen that suits the text, and ten minutes. Without
    ``language``, a code like ``en``, it is told by the text.

    Raises:
        DataError: the folder holds too little for any training.
        RecipeError: an option or an answer is impossible, or the
            recipe exists.
    """
    # Refuse early what cannot be
    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    case = UseCase(
        name=path.stem,
        text=text,
        minutes=DEFAULT_MINUTES if minutes is None else minutes,
        languages=(language,) if language else ("en",),
    )
    check_use_case(case)
    quiet = yes or not sys.stdin.isatty()
    refuse_existing(path, None if quiet else ask)

    # Look at the text, then ask for the rest
    text = text or ask_folder(None if quiet else ask)
    found = survey(text)
    case = settle(case, found, text, task, bool(language))
    show_survey(found, case.languages)
    if not quiet:
        case = ask_rest(case, minutes is None, ask)

    # Choose, write, and say what comes next
    made = draft(case, found, probe())
    write_recipe(made, path)
    show_draft(made, path)
    return made


def settle(
    case: UseCase,
    found: Survey,
    text: str,
    task: Task | None,
    spoken: bool,
) -> UseCase:
    """Take from the text what was not given: task and language."""
    languages = () if spoken else found.languages
    return msgspec.structs.replace(
        case,
        text=text,
        task=task or suggest_task(found),
        languages=languages or case.languages,
    )


def ask_rest(case: UseCase, untimed: bool, ask: Ask) -> UseCase:
    """Ask what the model is for and, if nobody said, for how long.

    Raises:
        RecipeError: an answer is impossible.
    """
    case = msgspec.structs.replace(case, task=ask_task(case.task, ask))
    if untimed:
        case = msgspec.structs.replace(case, minutes=ask_minutes(ask))
    check_use_case(case)
    return case


def refuse_existing(path: Path, ask: Ask | None) -> None:
    """Keep a recipe that is there, unless a person gives it up.

    Raises:
        RecipeError: it exists and stays.
    """
    if not path.exists():
        return
    again = f"{path} exists already. Write it anew? [y/N] "
    if ask is None or ask(again).strip().lower() not in ("y", "yes"):
        raise RecipeError(
            f"{path} exists already; delete it, or choose another name"
        )


def ask_folder(ask: Ask | None) -> str:
    """Ask where the text lies.

    Raises:
        RecipeError: there is nobody to ask.
    """
    if ask is None:
        raise RecipeError(
            "--text is missing; give the folder in which your text lies"
        )
    return ask("Which folder holds your text? ").strip()


def suggest_task(found: Survey) -> Task:
    """Choose the task that a text suits best."""
    if found.titled * 2 > found.documents:
        return "chat"
    if len(found.topics) >= LEAST_TOPICS:
        return "classify"
    return "complete"


def ask_task(task: Task, ask: Ask) -> Task:
    """Ask what the model is for; Enter takes the suggestion.

    Raises:
        RecipeError: the answer is none of the tasks.
    """
    question = f"What is it for: {', '.join(TASKS)}? [{task}] "
    answer = ask(question).strip().lower() or task
    for known in TASKS:
        if answer == known:
            return known
    raise RecipeError(
        f"there is no task {answer!r}; choose {', '.join(TASKS)}"
    )


def ask_minutes(ask: Ask) -> float:
    """Ask how long all trainings may take.

    Raises:
        RecipeError: the answer is no number.
    """
    question = f"Minutes for all training? [{DEFAULT_MINUTES:g}] "
    answer = ask(question).strip() or str(DEFAULT_MINUTES)
    try:
        return float(answer)
    except ValueError as error:
        raise RecipeError(
            f"{answer!r} is no number of minutes; write one like 30"
        ) from error


def show_survey(found: Survey, languages: Sequence[str]) -> None:
    """Say what the folder holds, and what of it cannot be read."""
    about = "about " if found.estimated else ""
    console.say(
        f"{about}{size(found.text_bytes)} of text in "
        f"{found.documents:,} documents from {found.files:,} files"
    )
    console.say(f"its language: {', '.join(languages)}")
    if found.foreign:
        console.say(describe_kinds(found.foreign))
    for problem, count in found.problems.items():
        console.warn(f"{count:,} not readable: {problem}")


def show_draft(made: Draft, path: Path) -> None:
    """Say what was chosen, what is doubtful, and what to type next."""
    model = made.model
    console.say(
        f"wrote {path}: {model.vocab_size:,} tokens, {model.layers} "
        f"layers of width {model.width}, "
        f"{parameters(model)['total']:,} parameters"
    )
    for warning in made.warnings:
        console.warn(warning)
    typed = shlex.quote(str(path))
    console.say(f"next: hornbook plan {typed}, hornbook run {typed}")
